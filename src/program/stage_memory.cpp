#include "program/stage_memory.hpp"

#include <algorithm>

#include "program/fit_memory.hpp"

namespace maniple {

namespace {

/// Too little for any part.
constexpr std::int64_t least_limit = 1;

bool is_in_stages(const PlanRequest& wanted) {
    return wanted.from.empty() &&
           (wanted.strategy == "model" || wanted.strategy == "pipeline" || wanted.strategy == "hybrid");
}

PlanRequest with_limit(PlanRequest wanted, std::int64_t bytes) {
    wanted.memory_bytes = bytes;
    return wanted;
}

/// A request with what the fullest rank of its plan needs.
struct Need {
    PlanRequest request;
    std::int64_t bytes = 0;
};

std::int64_t bytes_of(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request) {
    const PlannedGraph made = plan_graph(graph, request.machine, wanted);
    return peak_memory(made.graph, made.plan, request).bytes;
}

}  // namespace

std::vector<PlanRequest> without_own_limit(const PlanRequest& wanted) {
    if (!is_in_stages(wanted)) return {wanted};
    return {with_limit(wanted, 0), with_limit(wanted, least_limit)};
}

PlanRequest settle_memory(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request,
                          const Constraints& constraints) {
    if (wanted.memory_bytes <= 0 || !is_in_stages(wanted)) return wanted;
    std::vector<Need> needs;
    for (const std::int64_t limit : {std::int64_t{0}, wanted.memory_bytes, least_limit}) {
        const PlanRequest one = with_limit(wanted, limit);
        needs.push_back({one, bytes_of(graph, one, request)});
        if (constraints.has_memory_for(needs.back().bytes)) return one;
    }
    // What needs least is made to fit with the least that takes time.
    std::stable_sort(needs.begin(), needs.end(), [](const Need& a, const Need& b) { return a.bytes < b.bytes; });
    for (const Need& need : needs) {
        if (constraints.memory_use == MemoryUse::fast) break;
        if (plan_to_fit(graph, need.request, request, constraints).fits) return need.request;
    }
    return needs.front().request;
}

}  // namespace maniple
