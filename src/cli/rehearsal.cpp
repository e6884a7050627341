#include "cli/rehearsal.hpp"

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

std::optional<Rehearsal> rehearse(const Graph& graph, const PlanSpec& spec, const PredictionRequest& request) {
    const PlanRequest asked = plan_request(spec);
    const RankFacts& facts = request.machine.ranks.front();
    if (!asked.from.empty() || graph.operations.size() > most_operations) return std::nullopt;
    const PlannedGraph planned = plan_graph(graph, request.machine, asked);
    Rehearsal rehearsal;
    rehearsal.identity = plan_identity(planned.graph, planned.plan);
    rehearsal.threads = facts.threads;
    const Rank rank(0);
    rehearsal.layout =
        build_layout(planned.graph, planned.plan, rank,
                     informed_lanes(planned.graph, planned.plan, rank, facts, request.lanes, request.history));
    StepBlock block;
    set_first_block(planned.graph, rehearsal.layout.versions, block);
    rehearsal.first_program = build_program(planned.graph, planned.plan, rehearsal.layout, block.shape);
    if (!planned.graph.until.valid() && rehearsal.first_program.chunks.size() <= most_simulated_chunks) {
        PredictionRequest known = request;
        // A prediction of dynamic sharing is made with other lanes (predict.hpp).
        if (planned.plan.sharing != LaneSharing::dynamic) {
            known.layout = &rehearsal.layout;
            known.program = &rehearsal.first_program;
        }
        rehearsal.predicted_seconds = predict(planned.graph, planned.plan, known).seconds;
    }
    return rehearsal;
}

}  // namespace maniple
