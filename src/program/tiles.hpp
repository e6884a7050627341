// program/tiles.hpp: an operation's box cut into pieces whose working set fits a core's cache.
#pragma once

#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// Cuts the box of `operation` on `rank` along one index. What other ranks need lies in tiles of its own, so that
/// it can be sent before the rest is computed.
std::vector<Tile> cut_tiles(const Graph& graph, const Plan& plan, const Versions& versions, OperationId operation,
                            Rank rank);

}  // namespace maniple
