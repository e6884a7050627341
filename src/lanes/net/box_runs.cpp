#include "lanes/net/box_runs.hpp"

#include <cstring>

namespace maniple {

BoxRuns::BoxRuns(const Block& block, const Box& box)
    : data_(block.at(box.lo)), run_bytes_(static_cast<std::int64_t>(block.element_bytes)) {
    std::int64_t stride = run_bytes_;
    int axis = box.rank() - 1;
    for (; axis >= 0; --axis) {  // whole rows are one run of bytes
        run_bytes_ *= box.extent(axis);
        stride *= block.box.extent(axis);
        if (run_bytes_ != stride) break;
    }
    for (--axis; axis >= 0; --axis) {
        if (box.extent(axis) > 1) axes_.push_back({box.extent(axis), stride});
        stride *= block.box.extent(axis);
    }
}

std::size_t BoxRuns::bytes() const {
    std::int64_t bytes = run_bytes_;
    for (const Axis& axis : axes_) bytes *= axis.count;
    return static_cast<std::size_t>(bytes);
}

/// `run_bytes` 0: it is not known when this is compiled. copy(run, offset of its bytes among all, bytes).
template <std::size_t run_bytes, class Copy>
void BoxRuns::for_each_run(Copy&& copy) const {
    const std::size_t size = run_bytes == 0 ? static_cast<std::size_t>(run_bytes_) : run_bytes;
    const Axis inner = axes_.empty() ? Axis{1, 0} : axes_[0];
    ShortVector<std::int64_t, 4> at(axes_.size(), 0);
    std::byte* line = data_;
    std::size_t offset = 0;
    for (;;) {
        std::byte* run = line;
        for (std::int64_t i = 0; i < inner.count; ++i, run += inner.stride_bytes, offset += size)
            copy(run, offset, size);
        std::size_t axis = 1;
        for (; axis < axes_.size(); ++axis) {
            line += axes_[axis].stride_bytes;
            if (++at[axis] < axes_[axis].count) break;
            line -= at[axis] * axes_[axis].stride_bytes;
            at[axis] = 0;
        }
        if (axis >= axes_.size()) return;
    }
}

/// A column of a grid is thousands of runs of one element, for which a call of memcpy is too much.
template <class Copy>
void BoxRuns::visit_runs(Copy&& copy) const {
    if (run_bytes_ == 4) return for_each_run<4>(copy);
    if (run_bytes_ == 8) return for_each_run<8>(copy);
    for_each_run<0>(copy);
}

void BoxRuns::gather_to(std::byte* to) const {
    visit_runs([&](const std::byte* run, std::size_t offset, auto size) { std::memcpy(to + offset, run, size); });
}

void BoxRuns::scatter_from(const std::byte* from) const {
    visit_runs([&](std::byte* run, std::size_t offset, auto size) { std::memcpy(run, from + offset, size); });
}

}  // namespace maniple
