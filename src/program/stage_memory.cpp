#include "program/stage_memory.hpp"

#include <algorithm>
#include <initializer_list>

#include "program/choose_plan.hpp"
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

/// Under each of the limits; a pipeline whose stages nobody has counted may be folded, and is then cut as a row, too.
std::vector<PlanRequest> ways_to_cut(const PlanRequest& wanted, std::initializer_list<std::int64_t> limits, int ranks) {
    std::vector<PlanRequest> ways;
    for (const std::int64_t limit : limits) ways.push_back(with_limit(wanted, limit));
    const bool is_pipeline =
        wanted.strategy == "pipeline" || (wanted.strategy == "hybrid" && wanted.hybrid.pipeline > 1);
    if (!is_pipeline || wanted.stages > 0) return ways;
    for (const std::int64_t limit : limits) {
        ways.push_back(with_limit(wanted, limit));
        ways.back().stages = wanted.strategy == "pipeline" ? ranks_for(wanted, ranks) : wanted.hybrid.pipeline;
    }
    return ways;
}

/// A request with what the fullest rank of its plan needs.
struct NeedOfRequest {
    PlanRequest request;
    std::int64_t bytes = 0;
};

std::int64_t bytes_of(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request) {
    const PlannedGraph made = plan_graph(graph, request.machine, wanted);
    return peak_memory(made.graph, made.plan, request).bytes;
}

}  // namespace

std::vector<PlanRequest> without_own_limit(const PlanRequest& wanted, int ranks) {
    if (!is_in_stages(wanted)) return {wanted};
    return ways_to_cut(wanted, {0, least_limit}, ranks);
}

std::vector<PlanRequest> with_own_limit(const PlanRequest& wanted, std::int64_t bytes, int ranks) {
    return is_in_stages(wanted) ? ways_to_cut(wanted, {bytes}, ranks) : std::vector<PlanRequest>{};
}

PlanRequest settle_memory(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request,
                          const Constraints& constraints) {
    const int ranks = request.machine.size();
    if (wanted.memory_bytes <= 0 || !is_in_stages(wanted) || !may_predict(graph, ranks)) return wanted;
    std::vector<NeedOfRequest> needs;
    for (const PlanRequest& one : ways_to_cut(wanted, {0, wanted.memory_bytes, least_limit}, ranks)) {
        needs.push_back({one, bytes_of(graph, one, request)});
        if (constraints.has_memory_for(needs.back().bytes)) return one;
    }
    std::stable_sort(needs.begin(), needs.end(),
                     [](const NeedOfRequest& a, const NeedOfRequest& b) { return a.bytes < b.bytes; });
    if (constraints.memory_use == MemoryUse::fast) return needs.front().request;
    // What needs least is made to fit with the least that takes time.
    const auto made = std::find_if(needs.begin(), needs.end(), [&](const NeedOfRequest& need) {
        return plan_to_fit(graph, need.request, request, constraints).fits;
    });
    return (made == needs.end() ? needs.front() : *made).request;
}

}  // namespace maniple
