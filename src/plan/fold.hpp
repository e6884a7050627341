// plan/fold.hpp: a graph taken from both its ends at once, for pipelines that go forwards and come back.
#pragma once

#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// Operations that stay together: a layer, from where its inputs are brought together to its activation.
struct FoldStep {
    std::vector<OperationId> operations;  ///< consecutive in the graph's order, in that order, without twins
    bool from_end = false;                ///< was the last of what had been left, else the first
    double crossing_bytes = 0;  ///< read across the border between what was taken before and what had been left
};

/// All operations but twins, each time the first or the last of what is left: what lets fewer bytes cross, and where both
/// are alike what is of the end that less work has been taken from. Late operations are thus taken with the early ones that
/// they read; of a row of operations whose results are alike the first one is taken each time.
/// By OperationId, `times`: how often it is computed; `work`: how long that takes.
/// Pure; O(operations + reads).
std::vector<FoldStep> fold_steps(const Graph& graph, const std::vector<double>& times, const std::vector<double>& work);

}  // namespace maniple
