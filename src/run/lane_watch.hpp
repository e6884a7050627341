// run/lane_watch.hpp: when the lanes of a rank should share their work in another way, from how long each computes.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "program/layout.hpp"
#include "trace/work_time.hpp"

namespace maniple {

/// What other shares would bring.
struct ShareChange {
    std::vector<std::vector<double>> weights;  ///< as LaneChoice::weights
    double gain_ns = 0;                        ///< of each step, over all operations that would be cut anew
};

/// Follows what lanes take per point of each operation, block by block. The median of the last three counts, so that one
/// disturbance, or a device's first time, does not. Threads: one, between executions.
class LaneWatch {
public:
    /// Of the time that its lanes take for an operation, against lanes that end together.
    static constexpr double most_imbalance = 1.1;

    /// What the lanes have computed so far, from the first block on: by lane of LaneChoice, the cpu's first.
    void add(const std::vector<WorkTimes>& lanes);
    /// Whether it is time to look. At every block at first; each change after the first few doubles the time to the next
    /// look: where speeds only waver there is little to gain.
    bool is_due() const { return since_change_ >= patience_; }
    /// Nothing where the lanes of all operations that may be cut anew end together, about.
    std::optional<ShareChange> decide(const Graph& graph, const Layout& layout) const;
    void has_changed();
    /// The tiles are too coarse for what decide() wanted.
    void has_looked_in_vain();

private:
    /// Of one operation on one lane.
    struct Speed {
        static constexpr std::size_t most_recent = 3;

        double points = 0, ns = 0;     ///< so far
        double recent[most_recent]{};  ///< nanoseconds per point of the last blocks, anywhere in here
        std::size_t blocks = 0;

        void add(const WorkTime& so_far);
        double ns_per_point() const;  ///< 0: not known
    };
    std::vector<double> speeds_of(OperationId id, const Layout& layout) const;

    std::vector<std::vector<Speed>> lanes_;  ///< by lane, the cpu's first, then by OperationId
    std::size_t since_change_ = 0;
    std::size_t changes_ = 0;
    std::size_t patience_ = 1;
};

/// By lane, the cpu's first: its share of the points of all operations that several lanes of this rank compute; empty
/// where there are none. Pure.
std::vector<double> lane_shares(const Layout& layout);

}  // namespace maniple
