// program/recut.hpp: other shares for the lanes of a rank while a loop runs (`sharing: adaptive`).
#pragma once

#include <optional>
#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// Whether the shares of the lanes of `operation` may change between two blocks. Pure.
bool may_recut(const Graph& graph, const Plan& plan, const LaneChoice& lanes, OperationId operation);

/// So many tiles along contracted indices have a place for their states whatever the shares turn out to be, at most of what
/// can be foreseen; at least `parts`. Pure.
int room_for_parts(const Graph& graph, const Plan& plan, const Layout& layout, OperationId operation, int parts);

/// The layout with the operations of Layout::recuttable cut by `weights` (as LaneChoice::weights): the same buffers, other
/// tiles. An operation for whose cut there is no room keeps the one that it has. None where no cut would change. Pure.
std::optional<Layout> recut(const Graph& graph, const Plan& plan, const Layout& layout,
                            const std::vector<std::vector<double>>& weights);

/// What changes lanes, in a program that is carried out between two blocks: of all that the block `next` begins with, from
/// where lanes made it under `before` to where they make it under `after`, a recut() of it. Other ranks take no part. Pure.
Program build_lane_move(const Graph& graph, const Plan& plan, const Layout& before, const Layout& after,
                        const BlockShape& next);

}  // namespace maniple
