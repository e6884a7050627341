#include "cli/stages.hpp"

#include "cli/job_loading.hpp"
#include "lanes/cpu/topology.hpp"
#include "lanes/file/output_datasets.hpp"

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

PlannedJob plan_job(const std::string& path, const JobOverrides& overrides, const KernelRegistry& registry, int ranks) {
    PlannedJob planned;
    JobReading reading = read_job(read_job_text(path), path, overrides);
    if (!reading.errors.empty()) refuse_job(std::move(reading), registry);
    planned.job = std::move(reading.job);
    planned.catalogue = read_catalogue(planned.job);
    planned.graph = build_graph(planned.job, planned.catalogue, registry);
    RankFacts facts;
    facts.memory_bytes = Topology().memory_bytes();
    PlannedGraph made =
        plan_graph(std::move(planned.graph), Machine::uniform(ranks, facts), plan_request(planned.job.plan));
    planned.graph = std::move(made.graph);
    planned.plan = std::move(made.plan);
    return planned;
}

Proof check_planned(const PlannedJob& planned, bool overwrite, const MemoryLimit& limit) {
    check_outputs(planned.job, output_datasets(planned.graph, planned.job, planned.catalogue), overwrite);
    return prove(planned.graph, planned.plan, limit);
}

}  // namespace maniple
