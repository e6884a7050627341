// plan/moved_borders.hpp: borders between ranks where measured speeds put them.
#pragma once

#include <optional>
#include <span>

#include "plan/plan.hpp"

namespace maniple {

/// A plan whose borders are elsewhere, and what to expect of it.
struct MovedBorders {
    Plan plan;
    double step_seconds = 0;    ///< of the ranks if each goes on as fast as it was
    double moved_fraction = 0;  ///< of what the ranks hold of a tensor: what lies on another rank than before
};

/// Of each rank, if each had as much to compute as it is fast: `busy_seconds` as for move_borders(). 0 where that says
/// nothing. Pure; allocates nothing.
double even_step_seconds(const Graph& graph, const Plan& plan, std::span<const double> busy_seconds);

/// `busy_seconds`: by rank, how long it computed in a step under `plan`. Each part of a grid gets the share of the index
/// that its slowest rank would do in the same time as the others; with several cut indices each takes its root of the
/// correction. All operations that are cut alike move alike, so that nothing new has to be exchanged between them.
/// Nothing where no index is cut in the loop, or where no border comes to lie elsewhere. Pure.
std::optional<MovedBorders> move_borders(const Graph& graph, const Plan& plan, std::span<const double> busy_seconds);

}  // namespace maniple
