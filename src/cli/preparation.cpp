#include "cli/preparation.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "cli/job_loading.hpp"
#include "cli/own_choice.hpp"
#include "cli/rates_file.hpp"
#include "job/job.hpp"

namespace maniple {

namespace {

bool reads_files(const Job& job) {
    return std::any_of(job.inputs.begin(), job.inputs.end(), [](const InputSpec& input) { return input.from; }) ||
           std::any_of(job.parameters.begin(), job.parameters.end(),
                       [](const ParameterSpec& parameter) { return parameter.input.from; });
}

/// Of more ranks rank 0 alone reads the job, and hands it round: so many at once are a burden on a file system.
constexpr int most_readers = 16;

/// What comes through a pipe is for rank 0.
bool may_read_too(const PreparationRequest& request) {
    return request.ranks <= most_readers && std::filesystem::is_regular_file(request.options.job);
}

/// Of `auto` what earlier runs have kept.
PlanRequest likely_request(const Graph& graph, const PlanRequest& asked, const PredictionRequest& predicted,
                           const PreparationRequest& request) {
    const bool measured = !request.options.no_history && !request.options.is_scheduled();
    if (asked.strategy != "auto" || !asked.from.empty() || request.ranks == 1 || !measured) return asked;
    const OwnChoice choice(request.cache_folder, graph, asked, predicted);
    return choice.kept_of(plan_candidates(graph, asked, request.ranks)).value_or(asked);
}

/// For the calling thread, for good. MPI_Init is an exchange between processes: where cores are few, each of its answers
/// would wait for what is prepared. Not by much: beside others' work the run would wait for what is prepared.
void give_way() { setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 5); }

void prepare(const PreparationRequest& request, Prepared& made) {
    const RunOptions& options = request.options;
    made.registry = std::make_unique<KernelRegistry>(standard_kernels());
    if (request.rank != Rank(0) && !may_read_too(request)) return;
    if (!options.no_history) made.history = read_history(request.cache_folder);
    made.text = read_job_text(options.job);
    made.reading = read_job(*made.text, options.job, options.overrides);
    if (!made.reading->errors.empty() || reads_files(made.reading->job)) return;
    PlanSpec& plan = made.reading->job.plan;
    if (options.lanes) plan.lanes = *options.lanes;
    made.graph = build_graph(made.reading->job, {}, *made.registry);
    const std::optional<RankFacts>& facts = request.facts.get();
    if (!facts || options.validate || request.ranks > most_readers || request.rank.value >= request.ranks) return;
    Machine machine = Machine::uniform(request.ranks, *facts);
    machine.rates = read_rates(request.cache_folder).value_or(Rates{});
    const ThroughputHistory history = made.history ? made.history->history : ThroughputHistory{};
    const LaneUse lanes = parse_lane_use(plan.lanes.empty() ? "auto" : plan.lanes);
    const PredictionRequest predicted{machine, history, lanes};
    made.rehearsal =
        rehearse(*made.graph, likely_request(*made.graph, plan_request(plan, request.ranks), predicted, request),
                 predicted, request.rank);
}

}  // namespace

Preparation::Preparation(PreparationRequest request, Thread thread)
    : prepared_(std::async(thread == Thread::its_own ? std::launch::async : std::launch::deferred,
                           [request = std::move(request), thread] {
                               Prepared made;
                               if (thread == Thread::its_own) give_way();
                               try {
                                   prepare(request, made);
                               } catch (...) {}  // the run tries again where an error can be told to all ranks
                               return made;
                           })) {}

void Prepared::keep_if_of(const std::string& wanted) {
    if (text == wanted) return;
    reading.reset();
    graph.reset();
    rehearsal.reset();
}

}  // namespace maniple
