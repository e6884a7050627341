// run/border_watch.hpp: when borders between ranks should move, from how long each computes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "plan/moved_borders.hpp"
#include "program/versions.hpp"

namespace maniple {

/// Counts blocks of steps, the same on every rank. Numbers of five blocks decide, so that one disturbance does not.
class BorderWatch {
public:
    /// Above it, in a median block: the slowest rank against all ranks with an even burden.
    static constexpr double most_imbalance = 1.1;

    /// What this rank computed in a block.
    void add(double seconds, int steps) { recent_[count_++ % recent_.size()] = seconds / steps; }
    /// Whether the ranks tell each other now.
    bool is_due() const { return count_ == recent_.size(); }
    /// The median block's seconds a step; the next five follow.
    double take();

    /// What to do where ranks compute so long in a step: nothing where that would gain less than it costs in the steps
    /// that are `left`. Pure.
    static std::optional<MovedBorders> decide(const Graph& graph, const Plan& plan,
                                              std::span<const double> busy_seconds, std::int64_t left);

private:
    std::array<double, settling_blocks> recent_{};
    std::size_t count_ = 0;
};

}  // namespace maniple
