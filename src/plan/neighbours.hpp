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

/// Ranks that need the same through an access fall into groups, one for each choice of parts along the cuts that the access
/// follows. The first rank of the group of `rank`, which has a block.
Rank first_of_group(const Plan& plan, const AccessOf& read, Rank rank);
/// All ranks of the group that `first` is the first of, ascending.
std::vector<Rank> group_of(const Plan& plan, const AccessOf& read, Rank first);
/// As many ranks as every group has.
int group_size(const Plan& plan, const AccessOf& read);
/// Of readers_of() the first ranks of their groups.
std::vector<Rank> groups_reading(const Graph& graph, const Plan& plan, const AccessOf& read, const Box& box);

}  // namespace maniple
