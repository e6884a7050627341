#include "lanes/box_copy.hpp"

#include <cstring>

#include "base/error.hpp"

namespace maniple {

BoxCopy::BoxCopy(const ConstBlock& from, const Box& source, const Block& to, const Box& target)
    : from_(from.at(source.lo)), to_(to.at(target.lo)), run_bytes_(static_cast<std::int64_t>(to.element_bytes)) {
    MANIPLE_CHECK(from.element_bytes == to.element_bytes, "a copy between element sizes");
    MANIPLE_CHECK(from.box.contains(source) && to.box.contains(target),
                  "a copy of " + to_string(source) + " of " + to_string(from.box) + " to " + to_string(target) +
                      " of " + to_string(to.box));
    if (target.empty()) {
        run_bytes_ = 0;
        return;
    }
    const Extents from_strides = from.strides(), to_strides = to.strides();
    const auto element = static_cast<std::int64_t>(to.element_bytes);
    for (int axis = target.rank() - 1; axis >= 0; --axis) {
        const bool repeats = source.extent(axis) == 1;
        add_axis({target.extent(axis), repeats ? 0 : from_strides[axis] * element, to_strides[axis] * element});
    }
}

BoxCopy::BoxCopy(const Block& to, const Box& target)
    : from_(nullptr), to_(to.at(target.lo)), run_bytes_(static_cast<std::int64_t>(to.element_bytes)) {
    MANIPLE_CHECK(to.box.contains(target), "zeros to " + to_string(target) + " of " + to_string(to.box));
    if (target.empty()) {
        run_bytes_ = 0;
        return;
    }
    const Extents strides = to.strides();
    for (int axis = target.rank() - 1; axis >= 0; --axis) {
        const std::int64_t stride = strides[axis] * static_cast<std::int64_t>(to.element_bytes);
        add_axis({target.extent(axis), stride, stride});
    }
}

/// Goes on with the run or the axis before where the two are one.
void BoxCopy::add_axis(const Axis& axis) {
    if (axis.count == 1) return;
    if (axes_.empty() && axis.from_stride == run_bytes_ && axis.to_stride == run_bytes_) {
        run_bytes_ *= axis.count;
        return;
    }
    if (!axes_.empty()) {
        Axis& inner = axes_[axes_.size() - 1];
        if (axis.from_stride == inner.from_stride * inner.count && axis.to_stride == inner.to_stride * inner.count) {
            inner.count *= axis.count;
            return;
        }
    }
    axes_.push_back(axis);
}

void BoxCopy::run() const {
    switch (run_bytes_) {
        case 0: return;
        case 1: return copy_runs<1>();
        case 2: return copy_runs<2>();
        case 4: return copy_runs<4>();
        case 8: return copy_runs<8>();
        default: return copy_runs<0>();
    }
}

/// `known_bytes` 0: of a run, not known when this is compiled.
template <std::size_t known_bytes>
void BoxCopy::copy_line(const std::byte* from, std::byte* to, const Axis& axis) const {
    const std::size_t bytes = known_bytes == 0 ? static_cast<std::size_t>(run_bytes_) : known_bytes;
    if (from == nullptr) {
        for (std::int64_t i = 0; i < axis.count; ++i, to += axis.to_stride) std::memset(to, 0, bytes);
        return;
    }
    for (std::int64_t i = 0; i < axis.count; ++i, from += axis.from_stride, to += axis.to_stride)
        std::memcpy(to, from, bytes);
}

template <std::size_t known_bytes>
void BoxCopy::copy_runs() const {
    const Axis line = axes_.empty() ? Axis{1, 0, 0} : axes_[0];
    ShortVector<std::int64_t, 4> at(axes_.size(), 0);
    const std::byte* from = from_;
    std::byte* to = to_;
    const std::int64_t moves = from_ == nullptr ? 0 : 1;
    for (;;) {
        copy_line<known_bytes>(from, to, line);
        std::size_t i = 1;
        for (; i < axes_.size(); ++i) {
            const Axis& axis = axes_[i];
            from += moves * axis.from_stride;
            to += axis.to_stride;
            if (++at[i] < axis.count) break;
            from -= moves * axis.count * axis.from_stride;
            to -= axis.count * axis.to_stride;
            at[i] = 0;
        }
        if (i >= axes_.size()) return;
    }
}

}  // namespace maniple
