#include "lanes/check/guarded_block.hpp"

#include <cstring>

namespace maniple {

namespace {

/// Bytes on both sides: several elements of any type, and the widest register.
constexpr std::size_t guard_bytes = 256;

}  // namespace

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

void GuardedBlock::fill(std::uint64_t seed) {
    Random random(seed);
    const bool nan = random.chance(30);
    const std::size_t step = type_ ? element_bytes_ : 1;
    for (std::size_t i = 0; i + step <= bytes_.size(); i += step) {
        if (!type_) {
            bytes_[i] = static_cast<std::byte>(random.next());
        } else if (nan && *type_ != DType::boolean) {
            std::memset(bytes_.data() + i, 0xFF, step);
        } else {
            store_random(*type_, Spread::tame, random, bytes_.data() + i);
        }
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
