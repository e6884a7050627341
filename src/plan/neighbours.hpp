// plan/neighbours.hpp: who has, and who needs, a part of a tensor: looked up in the grids, not by asking every rank.
#pragma once

#include <vector>

#include "plan/plan.hpp"

namespace maniple {

/// The ranks whose owned_box of `tensor` meets `box`, ascending. Asks every rank only about an input that no computed
/// tensor is carried into.
std::vector<Rank> owners_of(const Graph& graph, const Plan& plan, TensorId tensor, const Box& box);

/// A read of a tensor by the ranks that compute an operation.
struct AccessOf {
    OperationId operation;
    const BoundAccess& access;
    TensorId tensor;
    const BoundaryRule& rule;  ///< that it is read under; empty: it does not leave the tensor
};

/// Ranks, ascending, among which are all that need elements inside `box` of the tensor for their points; few others.
std::vector<Rank> readers_of(const Graph& graph, const Plan& plan, const AccessOf& read, const Box& box);

}  // namespace maniple
