#include "lanes/net/box_runs.hpp"

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

}  // namespace maniple
