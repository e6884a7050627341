// plan/pipeline_plan.hpp: a batch in microbatches through stages: the strategy `pipeline` and its hybrids.
#pragma once

#include "plan/plan.hpp"
#include "plan/staged_plan.hpp"

namespace maniple {

/// The graph in microbatches, with the placements of `staged` for each of them; or, without a leading index that can be
/// cut, as it is. Pure; O(operations · microbatches).
PlannedGraph pipeline_plan(const Graph& graph, StagedPlan staged, const GroupShape& shape, const PlanRequest& request);

}  // namespace maniple
