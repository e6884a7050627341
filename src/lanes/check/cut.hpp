// lanes/check/cut.hpp: an operation in parts, as ranks, tiles and threads compute it.
#pragma once

#include <vector>

#include "graph/graph.hpp"
#include "lanes/check/values.hpp"

namespace maniple {

/// A part of an operation: a box of kept indices (contracted ones at [0, 1)), computed from these boxes of points, in
/// the order of the fold.
struct SampleCut {
    Box kept;
    std::vector<Box> points;
};

SampleCut whole_cut(const Operation& operation);

/// Disjoint parts that cover all of `operation`. Indices that are whole are not cut; contracted ones only along the
/// outermost one that has more than one point, so that the boxes follow each other in the fold's order, and only
/// where `contracted`.
std::vector<SampleCut> random_cuts(const Operation& operation, bool contracted, Random& random);

}  // namespace maniple
