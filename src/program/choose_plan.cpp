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

bool meets(const PlanCandidate& candidate, const Constraints& constraints) {
    return candidate.allowed && broken_by(candidate.prediction, constraints).empty();
}

PlanCandidate candidate_of(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request) {
    PlanCandidate candidate;
    candidate.request = wanted;
    PlannedGraph made = plan_graph(graph, request.machine, wanted);
    candidate.prediction = predict(made.graph, made.plan, request);
    candidate.plan = std::move(made.plan);
    return candidate;
}

/// The fastest of those that meet the constraints; none: the number of them.
std::size_t fastest_of(const std::vector<PlanCandidate>& all, const Constraints& constraints) {
    std::size_t best = all.size();
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!meets(all[i], constraints)) continue;
        const bool faster = best == all.size() || all[i].prediction.seconds < all[best].prediction.seconds;
        if (faster) best = i;
    }
    return best;
}

std::size_t best_of(const std::vector<PlanCandidate>& all, const Constraints& constraints) {
    const std::size_t best = fastest_of(all, constraints);
    if (best == all.size()) {
        Constraints memory_alone = constraints;
        memory_alone.max_seconds = 0;
        const std::size_t fitting = fastest_of(all, memory_alone);
        return fitting == all.size() ? 0 : fitting;
    }
    if (!meets(all[0], constraints)) return best;
    const double first = all[0].prediction.seconds, other = all[best].prediction.seconds;
    return other <= worth_it * first && first - other >= least_saved_seconds ? best : 0;
}

std::string why_not(const PlanCandidate& one, const PlanCandidate& taken, const Constraints& constraints) {
    const std::string broken = broken_by(one.prediction, constraints);
    if (!broken.empty()) return broken;
    return fmt::format("{:.2f} times the time", one.prediction.seconds / taken.prediction.seconds);
}

}  // namespace

std::string name_of(const PlanRequest& request) {
    if (!request.from.empty()) return "from " + request.from;
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
    const int most = ranks_for(asked, ranks);
    std::vector<PlanRequest> all = {asked};
    if (asked.strategy == "auto" && asked.from.empty()) all[0].strategy = "data";
    const auto add = [&](const std::string& strategy, int used) -> PlanRequest& {
        PlanRequest request = asked;
        request.strategy = strategy;
        request.from.clear();
        request.max_ranks = used == ranks ? 0 : used;
        all.push_back(request);
        return all.back();
    };
    const auto is_asked = [&](const char* strategy) { return asked.from.empty() && all[0].strategy == strategy; };
    if (!is_asked("data")) add("data", most);
    if (most > 1 && !is_asked("model")) add("model", most);
    if (most > 1 && !is_asked("pipeline")) add("pipeline", most);
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

bool may_weigh(const Graph& graph, int ranks) {
    return graph.operations.size() * static_cast<std::size_t>(ranks) <= most_weighed;
}

std::vector<PlanCandidate> weigh_plans(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                       const Constraints& constraints) {
    const int ranks = request.machine.size();
    std::vector<PlanCandidate> all;
    for (const PlanRequest& wanted : plan_candidates(asked, ranks)) all.push_back(candidate_of(graph, wanted, request));
    if (ranks_for(asked, ranks) < ranks) {
        PlanRequest unbounded;
        unbounded.strategy = "data";
        all.push_back(candidate_of(graph, unbounded, request));
        all.back().allowed = false;
    }
    const std::size_t taken = asked.strategy == "auto" && asked.from.empty() ? best_of(all, constraints) : 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i == taken) continue;
        all[i].why_not = all[i].allowed ? why_not(all[i], all[taken], constraints)
                                        : fmt::format("takes {} ranks, max_ranks: {}", ranks, asked.max_ranks);
    }
    return all;
}

PlanRequest choose_plan(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                        const Constraints& constraints) {
    const int ranks = request.machine.size();
    if (asked.strategy != "auto" || !asked.from.empty() || ranks == 1 || !asked.grids.empty()) return asked;
    if (!may_weigh(graph, ranks)) return asked;
    const PlanCandidate first = candidate_of(graph, plan_candidates(asked, ranks).front(), request);
    if (meets(first, constraints) && first.prediction.seconds < least_saved_seconds) return first.request;
    const std::vector<PlanCandidate> all = weigh_plans(graph, asked, request, constraints);
    return std::find_if(all.begin(), all.end(), [](const PlanCandidate& one) { return one.taken(); })->request;
}

}  // namespace maniple
