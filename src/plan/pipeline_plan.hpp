// plan/pipeline_plan.hpp: a batch in microbatches through stages: the strategy `pipeline` and its hybrids.
#pragma once

#include "plan/outline.hpp"
#include "plan/staged_plan.hpp"

namespace maniple {

/// The stages of `staged` with a schedule for the microbatches; or, without a leading index that can be cut, `staged` alone.
/// Pure.
PlanOutline pipeline_outline(const Graph& graph, StagedPlan staged, const GroupShape& shape,
                             const PlanRequest& request);

/// So many microbatches a pipeline over `columns` of ranks is cut into; 1: there is nothing to cut. Pure; O(operations).
int microbatches_for(const Graph& graph, const PlanRequest& request, int columns);

/// So many operations there are at least when the batch is written out for such a pipeline. Pure; likewise.
std::size_t operations_in_pieces(const Graph& graph, const PlanRequest& request, int columns);

}  // namespace maniple
