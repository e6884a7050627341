#include "cli/stages.hpp"

#include "cli/job_loading.hpp"
#include "lanes/file/output_datasets.hpp"
#include "program/choose_plan.hpp"

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
    const Machine machine = planning.with(ranks);
    const PlanRequest request =
        choose_plan(planned.graph, plan_request(planned.job.plan), prediction_for(planned.job, machine, planning),
                    planning.memory_limit_of(planned.job, ranks));
    PlannedGraph made = plan_graph(planned.graph, machine, request);
    planned.whole = std::move(planned.graph);
    planned.graph = std::move(made.graph);
    planned.plan = std::move(made.plan);
    return planned;
}

PredictionRequest prediction_for(const Job& job, const Machine& machine, const PlanningMachine& planning) {
    return {machine, planning.history(), parse_lane_use(job.plan.lanes.empty() ? "auto" : job.plan.lanes)};
}

Proof check_planned(const PlannedJob& planned, bool overwrite, const MemoryLimit& limit) {
    check_outputs(planned.job, output_datasets(planned.graph, planned.job, planned.catalogue), overwrite);
    return prove(planned.graph, planned.plan, limit);
}

}  // namespace maniple
