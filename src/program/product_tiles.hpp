// program/product_tiles.hpp: folds that use every input element many times (products of matrices, convolutions), cut.
#pragma once

#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// Whether a kept index with several points in `box` is missing in an input: what is read for one point of it is read for
/// all, so that the points say little of the memory.
bool is_product(const Operation& operation, const Box& box);

/// `box` cut along kept indices into enough pieces for `threads`, each of as much work as is worth a start, so that as
/// little as can be is read again. `point_ns`: what a point costs a thread; 0: as much as of a product of matrices.
std::vector<Box> product_tiles(const Graph& graph, const Operation& operation, const Box& box, int threads,
                               double point_ns = 0);

}  // namespace maniple
