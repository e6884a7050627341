// run/cost_watch.hpp: whether points cost what the tiles were cut for, from how long the cpu computes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "program/layout.hpp"
#include "trace/work_time.hpp"

namespace maniple {

/// Follows what a point of each operation takes a thread of the cpu: the median of its last chunks, so that a few that
/// were disturbed change nothing. Threads: one, between executions.
class CostWatch {
public:
    /// Between what is measured and what the tiles were cut for, either way.
    static constexpr double most_drift = 1.2;

    /// Whether it is time to look: all looks, with what follows from them, take no more than a fiftieth of the time.
    bool is_due(std::int64_t now_ns) const { return now_ns >= next_look_ns_; }
    void has_looked(std::int64_t begin_ns, std::int64_t end_ns) { next_look_ns_ = end_ns + 50 * (end_ns - begin_ns); }

    /// As LaneChoice::point_ns with what is measured in place of what has drifted since the last time that this gave
    /// something; at first, since `layout` was cut. None where nothing has. `cpu`: what its threads have computed so
    /// far.
    std::optional<std::vector<double>> drifted(const Graph& graph, const Layout& layout, const WorkTimes& cpu);

private:
    std::vector<double> known_;  ///< by OperationId; empty: as the layout has them
    std::int64_t next_look_ns_ = 0;
};

}  // namespace maniple
