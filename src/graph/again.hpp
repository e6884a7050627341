// graph/again.hpp: a graph that needs less memory: what would be kept for long is computed again, or kept in a file.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// One change of a graph. Ids are those of the graph that it is for.
struct MemoryStep {
    enum class Kind {
        recompute,  ///< `made` is made anew before `before`, each from what is there or made by then
        spill,      ///< `made` (a single tensor) goes to a file as soon as it is there, and comes back before `before`
    };
    Kind kind = Kind::recompute;
    OperationId before;          ///< it, and what comes behind it, reads the new one of the last of `made`
    std::vector<TensorId> made;  ///< in an order in which they can be; what is loaded is loaded again

    bool operator==(const MemoryStep&) const = default;
};

/// The graph with more operations and tensors; old tensors keep their ids.
struct RewrittenGraph {
    Graph graph;
    std::vector<OperationId> origins;  ///< by its OperationId: the one that it was or repeats, or whose result it keeps
    TensorId copy;                     ///< what late readers read
};

/// Values do not change. New operations stand right before the reader that needs them; what is kept in a file goes there
/// right behind its producer. Pure; O(operations).
/// Requires: every tensor of `made` is computed by an operation with code (of a spill: by any), or loaded and never carried.
RewrittenGraph with_step(const Graph& graph, const MemoryStep& step);

/// Steps as text, for other ranks: "r 12 3 4 7;s 9 2".
std::string serialize(const std::vector<MemoryStep>& steps);
/// Requires: text of serialize().
std::vector<MemoryStep> deserialize_steps(const std::string& text);

}  // namespace maniple
