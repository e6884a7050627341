#include "program/point_costs.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <tuple>

namespace maniple {

namespace {

/// What takes a thread less than that, all of a rank's points together, is measured too badly: of what is computed once
/// only cold or disturbed times are long enough to be kept. In a loop it is measured again (recut_by_costs).
constexpr double least_measured_ns = 200'000;

/// Of a core in a nanosecond, in vectors: a guess that is too low would cut most kernels finer than they need.
constexpr double vector_flops = 16;

double cost_of_point(const Graph& graph, OperationId id, std::int64_t points, const RankFacts& facts,
                     const ThroughputHistory& history) {
    const auto measured = history.ns_per_point(throughput_key(graph, id, facts, LaneChoice::cpu_lane, points));
    // A lane's figure is that of all its threads together.
    const double cost = measured.value_or(0) * std::max(1, facts.threads);
    if (cost * static_cast<double>(points) >= least_measured_ns) return cost;
    const RankFacts core;
    Rates rates;
    rates.core.flops = vector_flops;
    const double guessed = guessed_ns_per_point(graph, id, core, LaneChoice::cpu_lane, rates);
    return graph[id].kernel->signature.irregular ? std::max(guessed, irregular_point_ns) : guessed;
}

}  // namespace

std::vector<double> point_costs(const Graph& graph, const Plan& plan, Rank rank, const RankFacts& facts,
                                const ThroughputHistory& history) {
    // Names are long: what has one name (throughput_key) is looked up once.
    std::map<std::tuple<const Kernel*, std::size_t, int>, double> known;
    std::vector<double> costs;
    costs.reserve(graph.operations.size());
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const OperationId id(i);
        const std::int64_t points = points_of(graph, plan, id, rank).volume();
        if (points == 0 || !graph[id].has_code()) {
            costs.push_back(0);
            continue;
        }
        const auto size_class = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(points)));
        const auto [at, is_new] = known.try_emplace({graph[id].kernel, graph[id].types, size_class}, 0.0);
        if (is_new) at->second = cost_of_point(graph, id, points, facts, history);
        costs.push_back(at->second);
    }
    return costs;
}

LaneChoice informed_lanes(const Graph& graph, const Plan& plan, Rank rank, const RankFacts& facts, LaneUse use,
                          const ThroughputHistory& history) {
    LaneChoice choice = choose_lanes(graph, facts, use);
    if (!choice.lanes.empty()) choice.weights = lane_weights(graph, plan, rank, facts, choice, history);
    choice.point_ns = point_costs(graph, plan, rank, facts, history);
    return choice;
}

}  // namespace maniple
