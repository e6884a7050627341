#include "program/choose_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "plan/block_cost.hpp"
#include "plan/claims.hpp"
#include "plan/pipeline_plan.hpp"
#include "program/fit_memory.hpp"
#include "program/point_costs.hpp"
#include "program/stage_memory.hpp"

namespace maniple {

namespace {

/// Another way than the first is taken if it takes at most this part of its time, and saves so much of it.
constexpr double worth_it = 0.9;
constexpr double least_saved_seconds = 0.003;
/// Operations on all ranks beyond which a plan is not weighed: it would take long.
constexpr std::size_t most_weighed = 20'000;
/// The same where somebody waits for the alternatives: a plan in microbatches has many more operations than its graph.
constexpr std::size_t most_predicted = 1'000'000;
/// What it takes to build and to simulate one chunk, and to plan one operation. Clocks would tell ranks and runs different
/// things.
constexpr double chunk_seconds = 4e-6;
constexpr double operation_seconds = 1e-5;
/// Of a run's time with the first, what looking at that one may take.
constexpr double most_of_run = 0.03;
/// Of the time that could be saved, what weighing may take; all of it where later runs take the same choice.
constexpr double most_of_saved = 0.25;

bool meets(const PlanCandidate& candidate, const Constraints& constraints) {
    return candidate.allowed && candidate.predicted && broken_by(candidate.prediction, constraints).empty();
}

PlanCandidate candidate_of(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request,
                           const Constraints& constraints) {
    PlanCandidate candidate;
    candidate.request = settle_memory(graph, wanted, request, constraints);
    PlannedGraph made = plan_graph(graph, request.machine, candidate.request);
    candidate.predicted = may_predict(made.graph, request.machine.size());
    if (candidate.predicted) {
        made = made_to_fit(std::move(made), request, constraints).planned;
        candidate.prediction = predict(made.graph, made.plan, request);
    }
    candidate.build_seconds = operation_seconds * static_cast<double>(made.graph.operations.size());
    candidate.plan = std::move(made.plan);
    return candidate;
}

/// What no other way could save more of: the time in which the first does not compute.
double most_saved(const Prediction& first) {
    const CriticalWay& way = first.way;
    const double all = way.compute + way.moves + way.messages + way.files;
    return all > 0 ? first.seconds * (1 - way.compute / all) : 0;
}

/// What could be saved if all lanes that compute ended together.
double most_evened(const Prediction& first) { return first.seconds * first.idle_share; }

/// What weighing costs, and whether it is worth it to go on.
class Weighing {
public:
    Weighing(const Graph& graph, const Machine& machine, const Constraints& constraints, bool keeps_choice)
        : operations_(static_cast<double>(graph.operations.size())),
          microbatches_(microbatches_for(graph, {}, machine.size())), is_irregular_(has_irregular_work(graph)),
          constraints_(constraints), most_of_saved_(keeps_choice ? 1.0 : most_of_saved) {}

    /// Whether to weigh `next` could gain more than that takes.
    bool is_worth_it(const PlanRequest& next) const {
        if (weighed_ == 0) return true;
        const bool claims = next.strategy == "stealing";
        if (claims && !is_irregular_) return false;  // what costs the same everywhere is even as it is
        if (!any_meets_) return true;
        if (is_short_) return false;
        if (claims) return spent_ + first_ <= most_of_saved_ * most_evened_;
        const double times = next.strategy == "pipeline" ? microbatches_ : 1;
        return spent_ + times * first_ <= most_of_saved_ * most_saved_;
    }

    void add(const PlanCandidate& one) {
        const double took =
            chunk_seconds * static_cast<double>(one.prediction.simulated_chunks) + operation_seconds * operations_;
        if (weighed_++ == 0) {
            first_ = took;
            most_saved_ = most_saved(one.prediction);
            most_evened_ = most_evened(one.prediction);
            is_short_ = meets(one, constraints_) && one.prediction.seconds < least_saved_seconds;
        }
        spent_ += took;
        any_meets_ = any_meets_ || meets(one, constraints_);
    }

private:
    double operations_;
    double microbatches_;  ///< of a pipeline
    bool is_irregular_;
    const Constraints& constraints_;
    double most_of_saved_;
    int weighed_ = 0;
    bool any_meets_ = false;
    bool is_short_ = false;  ///< with the first there is nothing to be gained
    double first_ = 0;       ///< seconds that weighing the first took
    double spent_ = 0;       ///< likewise all
    double most_saved_ = 0;
    double most_evened_ = 0;
};

/// Whether looking at a single plan would cost more than that already, by the tiles of its operations: if the run takes no
/// longer than one core and a message for each operation. Not where memory could be what decides.
bool is_not_worth_a_look(const Graph& graph, const Machine& machine, const Constraints& constraints) {
    const int ranks = machine.size();
    const double message_ns = std::max(machine.rates.within.latency_ns, machine.rates.between.latency_ns);
    constexpr double tile_bytes = 256 * 1024, most_tiles = 256, halo_moves = 8;
    constexpr double most_steps = 48;  // of the first block, one in the middle and the last
    double seconds = 0, chunks = 0, bytes = 0;
    for (const Tensor& tensor : graph.tensors) bytes += static_cast<double>(tensor.bytes());
    for (const Operation& operation : graph.operations) {
        const double times = operation.in_loop ? static_cast<double>(graph.steps) : 1;
        double touched = 0;
        for (const TensorId output : operation.outputs) touched += static_cast<double>(graph[output].bytes());
        const double tiles = std::clamp(touched / ranks / tile_bytes, 1.0, most_tiles);
        chunks += std::min(times, most_steps) * ranks * (tiles + (operation.boundary.empty() ? 0 : halo_moves));
        const auto points = static_cast<double>(operation.bound->index_space().volume());
        const double least_ns = is_followed(operation) ? points * irregular_point_ns : 0;
        seconds += times * (std::max(least_ns, work_ns(graph, operation, points)) + message_ns) / 1e9;
    }
    return constraints.max_seconds <= 0 && constraints.has_memory_for(static_cast<std::int64_t>(2 * bytes)) &&
           chunks * chunk_seconds > most_of_run * seconds;
}

double seconds_of(const PlanCandidate& one) { return one.prediction.seconds + one.build_seconds; }

/// The fastest of those that are weighed and meet the constraints; none: the number of all.
std::size_t fastest_of(std::span<const PlanCandidate> all, const Constraints& constraints) {
    std::size_t best = all.size();
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!all[i].weighed || !meets(all[i], constraints)) continue;
        if (best == all.size() || seconds_of(all[i]) < seconds_of(all[best])) best = i;
    }
    return best;
}

std::size_t best_of(std::span<const PlanCandidate> all, const Constraints& constraints) {
    const std::size_t best = fastest_of(all, constraints);
    if (best == all.size()) {
        Constraints memory_alone = constraints;
        memory_alone.max_seconds = 0;
        const std::size_t fitting = fastest_of(all, memory_alone);
        return fitting == all.size() ? 0 : fitting;
    }
    if (!meets(all[0], constraints)) return best;
    const double first = seconds_of(all[0]), other = seconds_of(all[best]);
    return other <= worth_it * first && first - other >= least_saved_seconds ? best : 0;
}

std::string why_not(const PlanCandidate& one, const PlanCandidate& taken, const Constraints& constraints) {
    if (!one.predicted) return "not predicted: too many operations on too many ranks";
    const std::string broken = broken_by(one.prediction, constraints);
    if (!broken.empty()) return broken;
    if (!taken.predicted) return "not what was asked for";
    return fmt::format("{:.2f} times the time", one.prediction.seconds / taken.prediction.seconds);
}

/// Whether there is a choice that is worth what it costs.
bool is_chosen(const Graph& graph, const PlanRequest& asked, const Machine& machine, const Constraints& constraints) {
    return asked.strategy == "auto" && machine.size() > 1 && asked.from.empty() && asked.grids.empty() &&
           may_weigh(graph, machine.size()) && !is_not_worth_a_look(graph, machine, constraints);
}

/// Of what there is to try, the fewest first.
std::vector<int> fewer_ranks(int most) {
    std::vector<int> numbers;
    for (int used = most / 2; used >= 1; used = used > 4 ? used / 4 : used / 2) numbers.push_back(used);
    std::reverse(numbers.begin(), numbers.end());
    return numbers;
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

std::vector<PlanRequest> plan_candidates(const Graph& graph, const PlanRequest& asked, int ranks) {
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
    if (most > 1 && !is_asked("stealing") && (has_irregular_work(graph) || may_weigh(graph, ranks)))
        add("stealing", most);
    // Those first that are weighed soonest and differ most.
    for (const int used : fewer_ranks(most)) add("data", used);
    if (most > 1 && !is_asked("model")) add("model", most);
    if (most > 1 && !is_asked("pipeline")) add("pipeline", most);
    for (int data = 2; data < most && most == ranks; data *= 2) {
        if (most % data != 0) continue;
        PlanRequest::Hybrid& hybrid = add("hybrid", most).hybrid;
        hybrid = {};
        hybrid.data = data;
        hybrid.model = most / data;
    }
    return all;
}

bool may_predict(const Graph& graph, int ranks) {
    return graph.operations.size() * static_cast<std::size_t>(ranks) <= most_predicted;
}

bool may_weigh(const Graph& graph, int ranks) {
    return graph.operations.size() * static_cast<std::size_t>(ranks) <= most_weighed;
}

std::vector<PlanCandidate> weigh_plans(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                       const Constraints& constraints) {
    const int ranks = request.machine.size();
    const std::vector<PlanRequest> wanted = plan_candidates(graph, asked, ranks);
    const bool chooses = is_chosen(graph, asked, request.machine, constraints);
    std::vector<PlanCandidate> all;
    Weighing weighing(graph, request.machine, constraints, request.keeps_choice);
    for (const PlanRequest& one : wanted) {
        const bool weighed = all.empty() || (chooses && weighing.is_worth_it(one));
        all.push_back(candidate_of(graph, one, request, constraints));
        all.back().weighed = weighed;
        if (weighed) weighing.add(all.back());
    }
    const std::size_t taken = best_of(all, constraints);
    if (ranks_for(asked, ranks) < ranks) {
        PlanRequest unbounded;
        unbounded.strategy = "data";
        all.push_back(candidate_of(graph, unbounded, request, constraints));
        all.back().allowed = false;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i == taken) continue;
        all[i].why_not = all[i].allowed ? why_not(all[i], all[taken], constraints)
                                        : fmt::format("takes {} ranks, max_ranks: {}", ranks, asked.max_ranks);
        const bool says_enough =
            !all[i].predicted || all[i].weighed || asked.strategy != "auto" || !meets(all[i], constraints);
        if (!says_enough) all[i].why_not += ", not weighed in a run";
    }
    return all;
}

PlanRequest choose_plan(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                        const Constraints& constraints) {
    const int ranks = request.machine.size();
    const std::vector<PlanRequest> wanted = plan_candidates(graph, asked, ranks);
    if (!is_chosen(graph, asked, request.machine, constraints))
        return settle_memory(graph, asked, request, constraints);
    std::vector<PlanCandidate> weighed;
    Weighing weighing(graph, request.machine, constraints, request.keeps_choice);
    for (const PlanRequest& one : wanted) {
        if (!weighing.is_worth_it(one)) continue;
        weighed.push_back(candidate_of(graph, one, request, constraints));
        weighing.add(weighed.back());
    }
    return weighed[best_of(weighed, constraints)].request;
}

}  // namespace maniple
