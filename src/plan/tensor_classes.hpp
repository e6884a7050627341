// plan/tensor_classes.hpp: tensors of one shape that meet in operations element by element: best cut alike.
#pragma once

#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// Tensors that an operation reads or writes along the same loop indices, or that are carried into each other.
struct TensorClasses {
    std::vector<int> of;                          ///< by TensorId
    std::vector<std::vector<TensorId>> members;   ///< ascending
    std::vector<std::vector<OperationId>> users;  ///< operations that touch a member, ascending, each once

    int operator[](TensorId id) const { return of[id.index()]; }
};

TensorClasses find_classes(const Graph& graph);

/// The loop index that each axis of an access follows one by one, halo or not; -1 for a broadcast axis. Empty where an
/// axis is anything else.
std::vector<int> indices_along(const BoundAccess& access);

}  // namespace maniple
