// program/recut.hpp: other tiles while a loop runs: for other shares of a rank's lanes (`sharing: adaptive`), or for
// other costs of points.
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

/// A layout with other tiles.
struct CostRecut {
    Layout layout;
    double gain_ns = 0;  ///< in each step, by the model of tile_cost.hpp
};

/// The layout with what is computed in the loop cut by `point_ns` (as LaneChoice::point_ns): the same buffers, the same
/// lanes' shares, the same bits, other tiles of the cpu. Only operations of which `point_ns` differs from the layout's,
/// and which gain a twentieth of their time. None where no cut would change. Pure.
std::optional<CostRecut> recut_by_costs(const Graph& graph, const Plan& plan, const Layout& layout,
                                        const std::vector<double>& point_ns);

/// What changes lanes, in a program that is carried out between two blocks: of all that the block `next` begins with, from
/// where lanes made it under `before` to where they make it under `after`, a recut() of it. Other ranks take no part. Pure.
Program build_lane_move(const Graph& graph, const Plan& plan, const Layout& before, const Layout& after,
                        const BlockShape& next);

}  // namespace maniple
