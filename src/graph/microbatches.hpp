// graph/microbatches.hpp: a graph whose batch is done in pieces, one after the other.
#pragma once

#include <vector>

#include "graph/batch.hpp"
#include "graph/graph.hpp"

namespace maniple {

/// The operations of one stage for one microbatch.
struct MicrobatchTask {
    int stage = 0;
    int microbatch = 0;
};

/// How a batch is to be done.
struct MicrobatchOrder {
    int microbatches = 1;
    std::vector<int> stage_of;                       ///< by OperationId
    std::vector<int> column_of;                      ///< by stage: the ranks that compute it; they take tasks in turn
    std::vector<std::vector<MicrobatchTask>> tasks;  ///< by phase: all of them, in an order in which they can be done
    int depth = 1;                                   ///< microbatches of what a stage hands on that have memory
    bool splits_inputs = false;  ///< inputs that are read by rows are pieces, too: ranks that share a stage's rows load
                                 ///< theirs alone, not all between the first and the last of them
};

/// The result of in_microbatches().
struct MicrobatchedGraph {
    /// What an operation was before: itself for some rows or all; or one that makes what this one joins.
    struct Origin {
        OperationId operation;
        std::size_t output = 0;  ///< of a join: which of its outputs
    };
    Graph graph;
    std::vector<Origin> origins;  ///< by its OperationId
};

/// An operation without code that makes a tensor of the shape and type of `of`, element by element, where and when the
/// producer of `of` runs: programs copy instead. Inputs, outputs and `reads`, which are like `writes[0]`, are the caller's.
Operation copying_operation(const Graph& graph, TensorId of);

/// The rows that microbatch `number` of `count` has: [first, end).
struct Rows {
    std::int64_t first = 0;
    std::int64_t end = 0;
};
Rows rows_of(std::int64_t rows, int count, int number);

/// The graph with each operation of the batch once for every microbatch, over its rows and with the names, parameters and
/// places of the original; shapes and coordinates are those of the whole batch. What something needs as a whole is joined.
/// The operations stand in the order of the tasks; on each column those of a task come `after` those of the task before.
/// A piece follows the one `depth` microbatches before it (a piece that no other stage reads: the one before).
/// Pure. Requires: batch.rows >= microbatches; the tasks of a phase are complete.
MicrobatchedGraph in_microbatches(const Graph& graph, const Batch& batch, const MicrobatchOrder& order);

}  // namespace maniple
