#include "cli/stages.hpp"

#include "cli/job_loading.hpp"
#include "lanes/file/output_datasets.hpp"
#include "program/fit_memory.hpp"
#include "program/refuse_plan.hpp"

namespace maniple {

void refuse_job(JobReading reading, const KernelRegistry& registry) {
    std::vector<Diagnostic> more;
    try {
        more = find_graph_errors(reading, read_catalogue(reading.job), registry);
    } catch (const JobError& error) {
        more = error.diagnostics();  // a slice that does not fit
    } catch (const Error&) {}        // a missing file is the next thing to mend, not this one
    reading.errors.insert(reading.errors.end(), more.begin(), more.end());
    throw JobError(by_place(std::move(reading.errors)));
}

PlannedJob plan_job(const std::string& path, const JobOverrides& overrides, const KernelRegistry& registry,
                    const PlanningMachine& planning, int ranks) {
    PlannedJob planned;
    JobReading reading = read_job(read_job_text(path), path, overrides);
    if (!reading.errors.empty()) refuse_job(std::move(reading), registry);
    planned.job = std::move(reading.job);
    planned.catalogue = read_catalogue(planned.job);
    planned.graph = build_graph(planned.job, planned.catalogue, registry);
    const Machine machine = planning.with(ranks, planned.job);
    planned.asked = plan_request(planned.job.plan, ranks);
    planned.asked.from_text = read_plan_text(planned.job.plan);
    const PredictionRequest request = prediction_for(planned.job, machine, planning);
    const Constraints constraints = planning.constraints_of(planned.job, ranks);
    planned.chosen = choose_plan(planned.graph, planned.asked, request, constraints);
    FittedPlan made = plan_to_fit(planned.graph, planned.chosen, request, constraints);
    planned.whole = std::move(planned.graph);
    planned.graph = std::move(made.planned.graph);
    planned.plan = std::move(made.planned.plan);
    planned.fits = made.fits;
    return planned;
}

void require_constraints(const PlannedJob& planned, const PlanningMachine& planning) {
    const int ranks = planned.plan.ranks;
    const Machine machine = planning.with(ranks, planned.job);
    require_constraints(planned.whole, planned.asked, planned.chosen, {planned.graph, planned.plan, planned.fits},
                        prediction_for(planned.job, machine, planning), planning.constraints_of(planned.job, ranks));
}

PredictionRequest prediction_for(const Job& job, const Machine& machine, const PlanningMachine& planning) {
    return {machine, planning.history(), parse_lane_use(job.plan.lanes.empty() ? "auto" : job.plan.lanes),
            !planning.is_described()};
}

Proof check_planned(const PlannedJob& planned, bool overwrite, const PlanningMachine& planning) {
    check_outputs(planned.job, output_datasets(planned.graph, planned.job, planned.catalogue), overwrite);
    const Machine machine = planning.with(planned.plan.ranks, planned.job);
    return prove(planned.graph, planned.plan, planning.memory_limit_of(planned.job, planned.plan.ranks),
                 lanes_of_ranks(planned.graph, planned.plan, prediction_for(planned.job, machine, planning)));
}

}  // namespace maniple
