// cli/stages.hpp: what `check`, `plan` and `run --dry-run` do alike: the stages before a run, on one process, no MPI.
#pragma once

#include <string>
#include <vector>

#include "cli/planning_machine.hpp"
#include "graph/graph.hpp"
#include "job/job.hpp"
#include "lanes/file/files.hpp"
#include "plan/plan.hpp"
#include "program/predict.hpp"
#include "program/proof.hpp"

namespace maniple {

/// A job with what follows from it for some number of ranks.
struct PlannedJob {
    Job job;
    Catalogue catalogue;
    PlanRequest asked;   ///< as the job says it, for as many ranks
    PlanRequest chosen;  ///< what became of it
    Graph whole;         ///< as the job says it
    Graph graph;         ///< as it is run: where the plan is a pipeline, in microbatches
    Plan plan;
    bool fits = false;  ///< FittedPlan::fits
};

/// Throws all that is wrong with a job that could not be read whole: that, and the errors of its graph as far as they
/// can be told beside it.
[[noreturn]] void refuse_job(JobReading reading, const KernelRegistry& registry);

/// Parses, reads the shapes of the inputs, builds the graph and the plan for so many ranks, whether it meets the
/// constraints or not. Borrows `registry`.
PlannedJob plan_job(const std::string& path, const JobOverrides& overrides, const KernelRegistry& registry,
                    const PlanningMachine& machine, int ranks);

/// Errors: UnavailableError for a plan that needs more memory or time than it may take (program/refuse_plan.hpp).
void require_constraints(const PlannedJob& planned, const PlanningMachine& machine);

/// What a plan is predicted for, with the lanes that the job asks for. Borrows both.
PredictionRequest prediction_for(const Job& job, const Machine& machine, const PlanningMachine& planning);

/// Holds the outputs and the programs of all ranks to what a run would refuse. Creates nothing.
/// Errors: CreateError, JobError, UnavailableError, and those of prove().
Proof check_planned(const PlannedJob& planned, bool overwrite, const PlanningMachine& machine);

}  // namespace maniple
