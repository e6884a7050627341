// program/point_costs.hpp: what a point of each operation costs a thread: measured in earlier runs, else guessed.
#pragma once

#include "program/lane_choice.hpp"
#include "program/throughput.hpp"

namespace maniple {

/// Of an irregular kernel that has not been measured: where its points take long at all, some hundred nanoseconds.
inline constexpr double irregular_point_ns = 400;

/// LaneChoice::point_ns of `rank`: what was measured, if it takes long enough, else a roofline from the signature. The
/// same on all ranks that have the same history. Pure; one look into the history for each different kernel, types and
/// size.
std::vector<double> point_costs(const Graph& graph, const Plan& plan, Rank rank, const RankFacts& facts,
                                const ThroughputHistory& history);

/// choose_lanes() with the shares and costs that follow from `history`. Pure. Errors: those of choose_lanes().
LaneChoice informed_lanes(const Graph& graph, const Plan& plan, Rank rank, const RankFacts& facts, LaneUse use,
                          const ThroughputHistory& history);

}  // namespace maniple
