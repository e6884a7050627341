// plan/alike.hpp: operations that a plan need not tell apart: a network of a thousand equal layers is decided upon once.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "plan/block_cost.hpp"
#include "plan/plan.hpp"

namespace maniple {

/// Numbers operations by all that their cost follows from (block_cost.hpp): equal numbers, equal costs. Borrows the graph
/// and the expectation, whose grids are to be told here as they are decided.
class Alike {
public:
    Alike(const Graph& graph, const Expectation& expectation);

    /// The grid of a class of tensors has been decided.
    void decided(int tensor_class);
    void placed(OperationId operation, const OperationPlacement& placement);

    /// What the cost of cutting `operation` this way and that follows from, while the grid of `open_class` is being tried
    /// (-1: none is).
    std::vector<int> key(OperationId operation, int open_class) const;

private:
    void add_tensor(TensorId id, int open_class, std::vector<int>& key) const;

    const Graph& graph_;
    const Expectation& expectation_;
    std::vector<int> descriptions_;  ///< by OperationId: equal ones have equal kernels, index spaces, accesses, tensors
    std::vector<int> grids_;         ///< by tensor class: number of its grid; -1: none yet
    std::vector<int> places_;        ///< by OperationId: number of its description and placement; -1: not placed yet
    std::map<std::vector<int>, int> known_grids_;
    std::map<std::vector<int>, int> known_places_;
};

/// For maps from such a key.
struct KeyHash {
    std::size_t operator()(const std::vector<int>& key) const;
};

template <class Value>
using AlikeMap = std::unordered_map<std::vector<int>, Value, KeyHash>;

}  // namespace maniple
