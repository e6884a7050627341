#include "tensor/box_copy.hpp"

#include <cstring>

#include "base/error.hpp"

namespace maniple {

BoxCopy::BoxCopy(const ConstBlock& from, const Box& source, const Block& to, const Box& target)
    : run_bytes_(static_cast<std::int64_t>(to.element_bytes)), empty_(target.empty()) {
    MANIPLE_CHECK(from.element_bytes == to.element_bytes, "a copy between element sizes");
    MANIPLE_CHECK(from.box.contains(source) && to.box.contains(target),
                  "a copy of " + to_string(source) + " of " + to_string(from.box) + " to " + to_string(target) +
                      " of " + to_string(to.box));
    if (empty_) return;
    to_ = to.at(target.lo);
    from_ = from.at(source.lo);
    add_axes(from.box, source, to.box, target);
}

BoxCopy::BoxCopy(const Block& to, const Box& target)
    : run_bytes_(static_cast<std::int64_t>(to.element_bytes)), empty_(target.empty()) {
    MANIPLE_CHECK(to.box.contains(target), "zeros to " + to_string(target) + " of " + to_string(to.box));
    if (empty_) return;
    to_ = to.at(target.lo);
    add_axes(to.box, target, to.box, target);
}

void BoxCopy::add_axes(const Box& from_block, const Box& source, const Box& to_block, const Box& target) {
    std::int64_t to_stride = run_bytes_, from_stride = run_bytes_;
    for (int axis = target.rank() - 1; axis >= 0; --axis) {
        const bool repeats = source.extent(axis) == 1;
        if (target.extent(axis) > 1) add_axis({target.extent(axis), to_stride, repeats ? 0 : from_stride});
        to_stride *= to_block.extent(axis);
        from_stride *= from_block.extent(axis);
    }
}

void BoxCopy::add_axis(const Axis& axis) {
    const bool goes_on = axes_.empty() && axis.to_stride == run_bytes_ && axis.from_stride == run_bytes_;
    if (goes_on) {
        run_bytes_ *= axis.extent;
    } else {
        axes_.push_back(axis);
    }
}

/// Along the axes from the outermost on, of which `passed` are behind.
void BoxCopy::copy(std::size_t passed, std::byte* to, const std::byte* from) const {
    if (passed == axes_.size()) {
        const auto bytes = static_cast<std::size_t>(run_bytes_);
        if (from == nullptr) {
            std::memset(to, 0, bytes);
        } else {
            std::memcpy(to, from, bytes);
        }
        return;
    }
    const Axis& axis = axes_[axes_.size() - 1 - passed];
    for (std::int64_t i = 0; i < axis.extent; ++i) {
        copy(passed + 1, to, from);
        to += axis.to_stride;
        if (from != nullptr) from += axis.from_stride;
    }
}

}  // namespace maniple
