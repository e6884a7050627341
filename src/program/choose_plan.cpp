#include "program/choose_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace maniple {

namespace {

/// Another way than the first is taken if it takes at most this part of its time, and saves so much of it.
constexpr double worth_it = 0.8;
constexpr double least_saved_seconds = 0.01;
/// Operations on all ranks for which weighing takes some tenths of a second at most.
constexpr std::size_t most_weighed = 20'000;

bool fits(const PlanCandidate& candidate, const MemoryLimit& limit) {
    return limit.bytes <= 0 || candidate.prediction.peak_bytes <= limit.bytes;
}

PlanCandidate candidate_of(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request) {
    PlanCandidate candidate;
    candidate.request = wanted;
    PlannedGraph made = plan_graph(graph, request.machine, wanted);
    candidate.prediction = predict(made.graph, made.plan, request);
    candidate.plan = std::move(made.plan);
    return candidate;
}

/// The fastest of those that fit; where none does, the first.
std::size_t best_of(const std::vector<PlanCandidate>& all, const MemoryLimit& limit) {
    std::size_t best = all.size();
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!fits(all[i], limit)) continue;
        const bool faster = best == all.size() || all[i].prediction.seconds < all[best].prediction.seconds;
        if (faster) best = i;
    }
    if (best == all.size()) return 0;
    if (!fits(all[0], limit)) return best;
    const double first = all[0].prediction.seconds, other = all[best].prediction.seconds;
    return other <= worth_it * first && first - other >= least_saved_seconds ? best : 0;
}

}  // namespace

std::string name_of(const PlanRequest& request) {
    std::string name = request.strategy;
    if (request.strategy == "auto") name = "data";
    if (request.strategy == "hybrid") {
        std::vector<std::string> parts;
        if (request.hybrid.data > 1) parts.push_back(fmt::format("data: {}", request.hybrid.data));
        if (request.hybrid.pipeline > 1) parts.push_back(fmt::format("pipeline: {}", request.hybrid.pipeline));
        if (request.hybrid.model > 1) parts.push_back(fmt::format("model: {}", request.hybrid.model));
        name = fmt::format("{{{}}}", fmt::join(parts, ", "));
    }
    return request.max_ranks > 0
               ? fmt::format("{} on {} {}", name, request.max_ranks, request.max_ranks == 1 ? "rank" : "ranks")
               : name;
}

std::vector<PlanRequest> plan_candidates(const PlanRequest& asked, int ranks) {
    const int most = asked.max_ranks > 0 ? std::min(asked.max_ranks, ranks) : ranks;
    std::vector<PlanRequest> all = {asked};
    if (asked.strategy == "auto") all[0].strategy = "data";
    const auto add = [&](const std::string& strategy, int used) -> PlanRequest& {
        PlanRequest request = asked;
        request.strategy = strategy;
        request.max_ranks = used == ranks ? 0 : used;
        all.push_back(request);
        return all.back();
    };
    if (all[0].strategy != "data") add("data", most);
    if (most > 1 && all[0].strategy != "model") add("model", most);
    if (most > 1 && all[0].strategy != "pipeline") add("pipeline", most);
    for (int data = 2; data < most && most == ranks; data *= 2) {
        if (most % data != 0) continue;
        PlanRequest::Hybrid& hybrid = add("hybrid", most).hybrid;
        hybrid = {};
        hybrid.data = data;
        hybrid.model = most / data;
    }
    for (int used = most / 2; used >= 1; used = used > 4 ? used / 4 : used / 2) add("data", used);
    return all;
}

std::vector<PlanCandidate> weigh_plans(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                       const MemoryLimit& limit) {
    std::vector<PlanCandidate> all;
    for (const PlanRequest& wanted : plan_candidates(asked, request.machine.size()))
        all.push_back(candidate_of(graph, wanted, request));
    const std::size_t taken = asked.strategy == "auto" ? best_of(all, limit) : 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i == taken) continue;
        all[i].why_not = fits(all[i], limit) ? fmt::format("{:.2f} times the time",
                                                           all[i].prediction.seconds / all[taken].prediction.seconds)
                                             : fmt::format("does not fit {}", limit.origin);
    }
    return all;
}

PlanRequest choose_plan(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                        const MemoryLimit& limit) {
    const int ranks = request.machine.size();
    if (asked.strategy != "auto" || ranks == 1 || !asked.grids.empty()) return asked;
    if (graph.operations.size() * static_cast<std::size_t>(ranks) > most_weighed) return asked;
    const PlanCandidate first = candidate_of(graph, plan_candidates(asked, ranks).front(), request);
    if (fits(first, limit) && first.prediction.seconds < least_saved_seconds) return first.request;
    const std::vector<PlanCandidate> all = weigh_plans(graph, asked, request, limit);
    return std::find_if(all.begin(), all.end(), [](const PlanCandidate& one) { return one.taken(); })->request;
}

}  // namespace maniple
