// graph/prune.hpp: keeps what an output or a carry needs, and finds what differs from step to step.
#pragma once

#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// By tensor: whether an output, a carry or `until` needs it.
std::vector<bool> needed_tensors(const Graph& graph);

/// Drops tensors and operations that nothing needs, renumbers the rest in order, fills in `readers` and `in_loop`.
Graph prune(Graph graph);

}  // namespace maniple
