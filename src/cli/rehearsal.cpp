#include "cli/rehearsal.hpp"

#include <algorithm>

#include "plan/plan.hpp"
#include "program/blocks.hpp"
#include "program/layout.hpp"
#include "program/point_costs.hpp"

namespace maniple {

namespace {

/// So that the run does not wait for more than it would have to build itself, once MPI is there. That takes a quarter of a
/// second; to simulate a chunk takes some us, and there are up to three different blocks.
constexpr std::size_t most_operations = 5'000;
constexpr std::size_t most_simulated_chunks = 10'000;

}  // namespace

std::optional<Rehearsal> rehearse(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                  Rank rank) {
    const RankFacts& facts = request.machine.ranks[rank.index()];
    if (!asked.from.empty() || graph.operations.size() > most_operations) return std::nullopt;
    const PlannedGraph planned = plan_graph(graph, request.machine, asked);
    Rehearsal rehearsal;
    rehearsal.identity = plan_identity(planned.graph, planned.plan);
    rehearsal.machine = request.machine;
    LaneChoice lanes = informed_lanes(planned.graph, planned.plan, rank, facts, request.lanes, request.history);
    lanes.cpus_alone = has_cpus_alone(request.machine);
    rehearsal.layout = build_layout(planned.graph, planned.plan, rank, lanes);
    StepBlock block;
    set_first_block(planned.graph, rehearsal.layout.versions, block);
    rehearsal.first_program = build_program(planned.graph, planned.plan, rehearsal.layout, block.shape);
    const std::size_t ranks = request.machine.ranks.size();
    const bool is_small = rehearsal.first_program.chunks.size() * ranks <= most_simulated_chunks;
    if (rank == Rank(0) && !planned.graph.until.valid() && is_small) {
        PredictionRequest known = request;
        // A prediction of dynamic sharing is made with other lanes (predict.hpp).
        if (ranks == 1 && planned.plan.sharing != LaneSharing::dynamic) {
            known.layout = &rehearsal.layout;
            known.program = &rehearsal.first_program;
        }
        rehearsal.predicted_seconds = predict(planned.graph, planned.plan, known).seconds;
    }
    return rehearsal;
}

bool is_alike(const Machine& a, const Machine& b) {
    return std::equal(a.ranks.begin(), a.ranks.end(), b.ranks.begin(), b.ranks.end(),
                      [](const RankFacts& x, const RankFacts& y) {
                          return x.host == y.host && x.threads == y.threads && x.memory_bytes == y.memory_bytes &&
                                 x.gpus.empty() && y.gpus.empty();
                      });
}

}  // namespace maniple
