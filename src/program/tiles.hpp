// program/tiles.hpp: an operation's box cut into pieces whose working set fits a core's cache.
#pragma once

#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// `box` along its first axis in pieces of about 4 MiB: what is read, generated or written piece by piece, so that computing
/// can start on the first. No more than 16384: of more than 64 GiB they are larger.
std::vector<Box> pieces_of(const Box& box, std::int64_t element_bytes);

/// Shares the box of `operation` on `rank` among its lanes by their weights, at least a point each where there are
/// enough points that can be told apart, and cuts the cpu's along one index, of a product along several. What other
/// ranks need lies in tiles of its own, so that it can be sent before the rest is computed. The tiles of one lane stand
/// together, and of a fold those of equal kept coordinates. Where it is known what a point of a tile costs a thread of
/// the cpu, and results do not depend on it, the cpu's tiles are as many as end together (tile_cost.hpp), as far as a
/// core's cache allows; `point_ns` of 0: not known. What other ranks may claim is cut without it, as they do not know
/// it.
std::vector<Tile> cut_tiles(const Graph& graph, const Plan& plan, const Versions& versions, OperationId operation,
                            Rank rank, const LaneChoice& choice, double point_ns = 0);

bool have_equal_tiles(const std::vector<Tile>& a, const std::vector<Tile>& b);

}  // namespace maniple
