// graph/batch.hpp: which operations go through a batch row by row, so that it can be done in pieces.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// The part of a graph that one leading index runs through: from tensor to tensor along the first axis, where no operation
/// contracts it, reads beyond its own row, or forbids to cut it.
struct Batch {
    std::int64_t rows = 0;                   ///< 0: there is none
    std::vector<int> index;                  ///< by OperationId: the loop index that is the row; -1: not of the batch
    std::vector<std::vector<bool>> by_rows;  ///< by OperationId and input: it needs its own rows of it alone
    std::vector<bool> is_joined;             ///< by TensorId: made row by row, and needed as a whole
    /// By OperationId. Operations that are not of the batch come first in each phase; those of the batch that need the
    /// whole of what others of the batch make belong to a later phase than these.
    std::vector<int> phase;
    int phases = 1;

    bool has(OperationId id) const { return index[id.index()] >= 0; }
};

/// The batch with the most work; of equal ones the first. A twin is of the batch where its original is, and does not
/// count as work. Pure; near O(tensors + accesses).
Batch find_batch(const Graph& graph);

}  // namespace maniple
