// plan/data_plan.hpp: every operation cut over all ranks: the strategy `data`.
#pragma once

#include <vector>

#include "plan/plan.hpp"

namespace maniple {

/// Cuts every operation into at most `ranks` blocks, or as `asked` (by OperationId; empty: nothing is). Twins of other
/// operations are left to the caller. Pure; O(operations), whatever the number of ranks.
Plan data_plan(const Graph& graph, int ranks, const std::vector<BlockGrid>& asked = {});

/// Puts an operation on `grid` in `plan`; finds out whether its ranks combine states, and how many finish them.
/// Requires: may_cut() for every cut.
void place_operation(const Graph& graph, Plan& plan, OperationId operation, const BlockGrid& grid);

}  // namespace maniple
