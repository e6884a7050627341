// graph/twins.hpp: every operation a second time, so that another lane computes it and the results can be compared.
#pragma once

#include "graph/graph.hpp"

namespace maniple {

/// Appends for every operation of a kernel with a gpu variant one that repeats it (`Operation::twin_of`), with tensors
/// of its own that nothing reads.
Graph with_twins(Graph graph);

}  // namespace maniple
