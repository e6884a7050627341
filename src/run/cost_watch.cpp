#include "run/cost_watch.hpp"

#include <algorithm>

namespace maniple {

namespace {

/// What fewer chunks, or a shorter time, say is not measured well enough.
constexpr std::size_t least_chunks = 8;
constexpr double least_ns = 20000;

bool differ(double measured, double known) {
    return measured > known * CostWatch::most_drift || measured * CostWatch::most_drift < known;
}

}  // namespace

std::optional<std::vector<double>> CostWatch::drifted(const Graph& graph, const Layout& layout, const WorkTimes& cpu) {
    if (known_.empty()) known_ = layout.lanes.point_ns;
    known_.resize(graph.operations.size(), 0);
    bool any = false;
    for (std::size_t i = 0; i < std::min(cpu.size(), known_.size()); ++i) {
        if (!graph.operations[i].in_loop || cpu[i].chunks < least_chunks || cpu[i].ns < least_ns) continue;
        const double measured = cpu[i].ns_per_point();
        if (!differ(measured, known_[i])) continue;
        known_[i] = measured;
        any = true;
    }
    if (!any) return std::nullopt;
    return known_;
}

}  // namespace maniple
