// plan/grid_shapes.hpp: the ways to cut a box into as many blocks as there are ranks.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/box.hpp"

namespace maniple {

/// Parts along each axis of `extents` (1 where an axis may not be cut), at most most_cuts of them above 1, none longer
/// than its axis: every factorisation of `ranks`; where that cannot be cut along two axes, also of a few numbers below, which
/// leave ranks idle; where none fits, those with the most blocks. Fewer cuts first, of these longer leading axes.
std::vector<std::vector<int>> grid_shapes(const Extents& extents, int ranks);

}  // namespace maniple
