// lanes/generate.hpp: the values of generated inputs and of constants, wherever they are computed.
#pragma once

#include "graph/graph.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// Writes the elements of `box` of a generated or constant tensor into `to`. An element's value depends on its
/// coordinates and the tensor alone, so that any ranks and boxes give the same numbers.
/// Requires: `tensor` is a fill or a constant, its value fits its type; `to` contains `box`. Threads: any. No allocation.
void generate(const Tensor& tensor, const Box& box, const Block& to);

}  // namespace maniple
