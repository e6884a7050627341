#include "program/choose_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
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

/// Groups of ranks that a batch goes through one after the other; 1: no pipeline.
int columns_of(const PlanRequest& request, int ranks) {
    int columns = 1;
    if (request.strategy == "pipeline") columns = ranks_for(request, ranks);
    if (request.strategy == "hybrid") columns = request.hybrid.pipeline;
    return request.stages > 0 ? std::min(columns, request.stages) : columns;
}

/// Whether a pipeline's microbatches are too many to be predicted: that is known before they are written out.
bool is_too_fine(const Graph& graph, const PlanRequest& wanted, int ranks) {
    const int columns = columns_of(wanted, ranks);
    if (columns < 2) return false;
    const std::size_t pieces = operations_in_pieces(graph, wanted, columns);
    return pieces * static_cast<std::size_t>(ranks) > most_predicted;
}

PlanCandidate candidate_of(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request,
                           const Constraints& constraints) {
    PlanCandidate candidate;
    if (is_too_fine(graph, wanted, request.machine.size())) {
        candidate.request = wanted;
        candidate.plan.ranks = request.machine.size();
        candidate.predicted = false;
        return candidate;
    }
    candidate.request = settle_memory(graph, wanted, request, constraints);
    PlannedGraph made = plan_graph(graph, request.machine, candidate.request);
    candidate.predicted = may_predict(made.graph, request.machine.size());
    if (candidate.predicted) {
        candidate.prediction = predict(made.graph, made.plan, request);
        if (!constraints.has_memory_for(candidate.prediction.peak_bytes)) {
            made = made_to_fit(std::move(made), request, constraints).planned;
            if (made.plan.tight) candidate.prediction = predict(made.graph, made.plan, request);
        }
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
        : graph_(graph), ranks_(machine.size()), is_irregular_(has_irregular_work(graph)), constraints_(constraints),
          most_of_saved_(keeps_choice ? 1.0 : most_of_saved) {}

    /// Whether to weigh `next` could gain more than that takes.
    bool is_worth_it(const PlanRequest& next) const {
        if (weighed_ == 0) return true;
        const bool claims = next.strategy == "stealing";
        if (claims && !is_irregular_) return false;  // what costs the same everywhere is even as it is
        if (!any_meets_) return true;
        if (is_short_) return false;
        if (claims) return spent_ + first_ <= most_of_saved_ * most_evened_;
        const int columns = columns_of(next, ranks_);
        const int times = columns > 1 ? microbatches_for(graph_, next, columns) : 1;
        return spent_ + times * first_ <= most_of_saved_ * most_saved_;
    }

    void add(const PlanCandidate& one) {
        const double took = chunk_seconds * static_cast<double>(one.prediction.simulated_chunks) +
                            operation_seconds * static_cast<double>(graph_.operations.size());
        const bool one_meets = meets(one, constraints_);
        if (weighed_++ == 0) {
            first_ = took;
            most_saved_ = most_saved(one.prediction);
            most_evened_ = most_evened(one.prediction);
            is_short_ = one_meets && one.prediction.seconds < least_saved_seconds;
            first_meets_ = one_meets;
        } else if (!first_meets_ && one_meets && one.prediction.seconds < best_seconds_) {
            // What comes in its place leaves ranks idle, too, while others compute.
            best_seconds_ = one.prediction.seconds;
            most_evened_ = most_evened(one.prediction);
            most_saved_ = std::max(most_saved(one.prediction), most_evened_);
        }
        spent_ += took;
        any_meets_ = any_meets_ || one_meets;
    }

private:
    const Graph& graph_;
    int ranks_;
    bool is_irregular_;
    const Constraints& constraints_;
    double most_of_saved_;
    int weighed_ = 0;
    bool any_meets_ = false;
    bool first_meets_ = false;
    double best_seconds_ = std::numeric_limits<double>::infinity();  ///< of those that meet, where the first does not
    bool is_short_ = false;                                          ///< with the first there is nothing to be gained
    double first_ = 0;                                               ///< seconds that weighing the first took
    double spent_ = 0;                                               ///< likewise all
    double most_saved_ = 0;   ///< of the first, or, where that does not meet, of the best that does
    double most_evened_ = 0;  ///< likewise
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
    return constraints.max_seconds <= 0 &&
           constraints.has_memory_for(static_cast<std::int64_t>(std::min(2 * bytes, 0x1p62))) &&
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

/// Beside groups that share the data: microbatches are as many as columns, and so is what it takes to predict them.
constexpr int most_columns = 8;

/// Equal groups of `most` ranks that share the data, each of ranks that share the model or, where a batch can be cut and its
/// pieces can be predicted, pass it on. One of the two numbers is a power of two: of others there are many.
std::vector<PlanRequest::Hybrid> hybrids_of(const Graph& graph, const PlanRequest& asked, int most, int ranks,
                                            bool in_stages) {
    std::vector<PlanRequest::Hybrid> all;
    if (in_stages && (most < 4 || !may_predict(graph, ranks) || microbatches_for(graph, asked, 2) < 2)) return all;
    for (int data = 2; data <= most / 2; ++data) {
        const int others = most / data;
        const auto is_even = [](int number) { return std::has_single_bit(static_cast<unsigned>(number)); };
        if (most % data != 0 || !(is_even(data) || is_even(others))) continue;
        if (in_stages && others > most_columns) continue;
        all.push_back({data, in_stages ? others : 1, in_stages ? 1 : others});
    }
    return all;
}

/// Those of plan_candidates() that are worth it, the first at any rate, or all of them.
std::vector<PlanCandidate> weigh(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                 const Constraints& constraints, bool chooses, bool shows_all) {
    std::vector<PlanCandidate> all;
    Weighing weighing(graph, request.machine, constraints, request.keeps_choice);
    for (const PlanRequest& one : plan_candidates(graph, asked, request.machine.size())) {
        const bool weighed = all.empty() || (chooses && weighing.is_worth_it(one));
        if (!weighed && !shows_all) continue;
        all.push_back(candidate_of(graph, one, request, constraints));
        all.back().weighed = weighed;
        if (weighed) weighing.add(all.back());
    }
    return all;
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
    // Of groups in stages there are more to look at, and each takes longer.
    for (const bool in_stages : {false, true}) {
        for (const PlanRequest::Hybrid& hybrid : hybrids_of(graph, asked, most, ranks, in_stages)) {
            const bool is_first = is_asked("hybrid") && asked.hybrid.data == hybrid.data &&
                                  asked.hybrid.pipeline == hybrid.pipeline && asked.hybrid.model == hybrid.model;
            if (!is_first) add("hybrid", most).hybrid = hybrid;
        }
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
    const bool chooses = is_chosen(graph, asked, request.machine, constraints);
    std::vector<PlanCandidate> all = weigh(graph, asked, request, constraints, chooses, true);
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
    if (!is_chosen(graph, asked, request.machine, constraints))
        return is_too_fine(graph, asked, request.machine.size()) ? asked
                                                                 : settle_memory(graph, asked, request, constraints);
    const std::vector<PlanCandidate> weighed = weigh(graph, asked, request, constraints, true, false);
    return weighed[best_of(weighed, constraints)].request;
}

}  // namespace maniple
