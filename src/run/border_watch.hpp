// run/border_watch.hpp: when borders between ranks should move, from how long each computes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "plan/moved_borders.hpp"
#include "program/versions.hpp"

namespace maniple {

/// Counts blocks of steps, the same on every rank. The median of five decides, so that one disturbance does not. Each time
/// borders move the next look is twice as far: where speeds only waver there is little to gain.
class BorderWatch {
public:
    /// Above it, in a median block: the slowest rank against all ranks with an even burden.
    static constexpr double most_imbalance = 1.1;

    /// What this rank computed in a block.
    void add(double seconds, int steps) { recent_[count_++ % recent_.size()] = seconds / steps; }
    /// Whether the ranks tell each other now.
    bool is_due() const { return count_ >= patience_; }
    /// The median of the last blocks' seconds a step; those that follow count anew.
    double take();
    void has_moved() { patience_ = std::min(2 * patience_, most_patience); }

    /// What to do where ranks compute so long in a step: nothing where that would gain less than it costs in the steps
    /// that are `left`. Pure.
    static std::optional<MovedBorders> decide(const Graph& graph, const Plan& plan,
                                              std::span<const double> busy_seconds, std::int64_t left);

private:
    std::array<double, settling_blocks> recent_{};
    static constexpr std::size_t most_patience = 16 * settling_blocks;

    std::size_t count_ = 0;  ///< since the last look
    std::size_t patience_ = settling_blocks;
};

}  // namespace maniple
