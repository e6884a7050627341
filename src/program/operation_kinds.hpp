// program/operation_kinds.hpp: operations that differ in their tensors alone, numbered.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/plan.hpp"

namespace maniple {

/// By OperationId: equal numbers, equal signatures and placements, and tensors of equal shapes and types, so that all ranks do
/// the same for them. Not all that are alike have one number: only those that come one soon after the other are compared. Numbers
/// are dense, from 0 on. Pure; linear.
std::vector<std::int32_t> find_kinds(const Graph& graph, const Plan& plan);

}  // namespace maniple
