// graph/prune.hpp: keeps what an output or a carry needs, and finds what differs from step to step.
#pragma once

#include "graph/graph.hpp"

namespace maniple {

/// Drops tensors and operations that nothing needs, renumbers the rest in order, fills in `readers` and `in_loop`.
Graph prune(Graph graph);

}  // namespace maniple
