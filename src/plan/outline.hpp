// plan/outline.hpp: a plan as it is decided upon, and as plan files hold it: before a batch is written out in microbatches.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/batch.hpp"
#include "plan/plan.hpp"
#include "plan/schedule.hpp"

namespace maniple {

/// A batch in microbatches through stages.
struct PipelineOutline {
    int microbatches = 1;
    int depth = 1;               ///< microbatches of what a stage hands on that have memory
    bool splits_inputs = false;  ///< graph/microbatches.hpp
    bool alternates = false;     ///< the schedule that was asked for: `1f1b`, else `gpipe`
    std::vector<int> stage_of;   ///< by OperationId
    std::vector<int> column_of;  ///< by stage: the group of ranks that computes it, one task at a time
    std::vector<std::vector<ScheduledTask>> tables;  ///< by phase of the batch, by time and stage
};

/// A placement of every operation of a whole graph.
struct PlanOutline {
    Plan plan;
    std::optional<PipelineOutline> pipeline;
};

/// What plan_graph() carries out. Pure. Errors: as make_plan().
PlanOutline outline_plan(const Graph& graph, const Machine& machine, const PlanRequest& request);

/// The share of the time in which columns of ranks have no task, by the tables of all phases; none: no pipeline. Pure.
std::optional<double> bubble_of(const Graph& graph, const PlanOutline& outline);

/// The graph as it will be run, with its plan. Pure; O(operations · microbatches).
PlannedGraph carry_out(Graph graph, PlanOutline outline);

/// One phase of the batch as its schedule sees it: its stages and columns numbered anew, without gaps.
struct PipelinePhase {
    std::vector<int> stages;   ///< by new number
    std::vector<int> columns;  ///< likewise
    PipelineShape shape;

    /// The new number of a stage; -1: it has nothing to do in this phase.
    int number_of(int stage) const;
};

/// `phase` of the batch; without stages where nothing is to be done. Of `outline` the stages, columns, microbatches and
/// depth are looked at.
PipelinePhase pipeline_phase(const Graph& graph, const Batch& batch, const PipelineOutline& outline, int phase);

}  // namespace maniple
