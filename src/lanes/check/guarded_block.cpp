#include "lanes/check/guarded_block.hpp"

#include <cstring>

namespace maniple {

namespace {

/// Bytes on both sides: several elements of any type, and the widest register.
constexpr std::size_t guard_bytes = 256;

}  // namespace

void GuardedBlock::invert(std::byte* element, std::size_t bytes) const {
    if (type_ == DType::boolean) {
        *element ^= std::byte{1};
        return;
    }
    for (std::size_t i = 0; i < bytes; ++i) element[i] = ~element[i];
}

GuardedBlock::GuardedBlock(Box box, std::size_t element_bytes, std::optional<DType> type,
                           const std::vector<bool>& fixed, bool dense, Random& random)
    : box_(std::move(box)), element_bytes_(element_bytes), type_(type) {
    for (int axis = 0; axis < box_.rank() && !dense; ++axis) {
        if (fixed[static_cast<std::size_t>(axis)]) continue;
        box_.lo[axis] -= random.below(4);
        box_.hi[axis] += random.below(4);
    }
    offset_ = guard_bytes / element_bytes * element_bytes + element_bytes;
    if (!dense) offset_ += element_bytes * static_cast<std::size_t>(random.below(16));
    bytes_.resize(offset_ + static_cast<std::size_t>(box_.volume()) * element_bytes + 2 * guard_bytes);
}

void GuardedBlock::fill(Pattern pattern, std::uint64_t seed) {
    const bool real = type_ && is_floating(*type_);
    const bool second = pattern == Pattern::second;
    Random random(real && second ? ~seed : seed);
    const bool nan = real && !second && random.chance(33);
    const std::size_t step = type_ ? element_bytes_ : 1;
    for (std::size_t i = 0; i + step <= bytes_.size(); i += step) {
        std::byte* const element = bytes_.data() + i;
        if (nan) {
            std::memset(element, 0xFF, step);
        } else if (type_) {
            store_random(*type_, Spread::tame, random, element);
        } else {
            *element = static_cast<std::byte>(random.next());
        }
        if (second && !real) invert(element, step);
    }
}

void GuardedBlock::put(const ConstBlock& from, const Box& box) {
    if (!box.empty()) copy_box(from, box, block(), box);
}

bool GuardedBlock::changed_outside(const std::vector<Box>& written) const {
    std::vector<std::byte> expected = before_;
    for (const Box& box : written) {
        for_each_coordinate(box, [&](const Extents& at) {
            const std::ptrdiff_t where = now(at) - bytes_.data();
            std::memcpy(expected.data() + where, bytes_.data() + where, element_bytes_);
        });
    }
    return expected != bytes_;
}

}  // namespace maniple
