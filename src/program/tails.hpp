// program/tails.hpp: elementwise operations that go on with the tiles of the product before them.
#pragma once

#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// One output, whose elements follow from those at the same coordinates of its inputs.
bool is_elementwise(const Operation& operation);

/// The tiles of `operation` on this rank, where it computes on the cpu, element by element, what a product (a fold of several
/// inputs) gives there, or another such tail: the tiles of that one, so that each is gone on with while it lies in the
/// core's cache, in the same chunk (chunks.cpp). Empty for any other operation.
/// Requires: the tiles of all operations before it are in `layout`.
std::vector<Tile> tail_tiles(const Graph& graph, const Plan& plan, const Layout& layout, OperationId operation);

}  // namespace maniple
