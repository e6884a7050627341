#include "program/refuse_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.hpp"
#include "plan/claims.hpp"
#include "program/fit_memory.hpp"
#include "program/stage_memory.hpp"

namespace maniple {

namespace {

/// Operations on all ranks whose layouts take some tenths of a second.
constexpr std::size_t most_looked_at = 100'000;
constexpr int most_ranks = 1024;

/// A plan with what its fullest rank needs.
struct Need {
    std::string name;
    PeakMemory peak;
};

bool is_small(const Graph& graph, int ranks) {
    return graph.operations.size() * static_cast<std::size_t>(ranks) <= most_looked_at;
}

/// With all that may be done to need less, in whatever way its stages may be cut: what needs so much fits so much.
Need need_of(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request, MemoryUse use) {
    Constraints nothing;
    nothing.memory.bytes = 1;
    nothing.memory_use = use;
    std::optional<Need> least;
    for (const PlanRequest& one : without_own_limit(wanted, request.machine.size())) {
        const PlannedGraph made = plan_graph(graph, request.machine, one);
        const std::int64_t bytes = fit_memory(made, request, nothing).bytes;
        if (least && bytes >= least->peak.bytes) continue;
        least = Need{name_of(one), peak_memory(made.graph, made.plan, request)};
        least->peak.bytes = bytes;
    }
    return *least;
}

/// Whether a job that gives so much memory is not refused for it.
bool is_enough(const Graph& graph, PlanRequest asked, const PredictionRequest& request, Constraints constraints,
               std::int64_t bytes) {
    asked.memory_bytes = constraints.memory.bytes = bytes;
    const PlanRequest chosen = choose_plan(graph, asked, request, constraints);
    const FittedPlan made = plan_to_fit(graph, chosen, request, constraints);
    return made.fits || constraints.has_memory_for(peak_memory(made.planned.graph, made.planned.plan, request).bytes);
}

/// "3.1 GiB (3328599654 B)": what `memory:` would have to say.
std::string exact_bytes(std::int64_t bytes) {
    return bytes < 1024 ? fmt::format("{} B", bytes) : fmt::format("{} ({} B)", format_bytes(bytes), bytes);
}

/// The fewest ranks, of twice as many again and again, on which `data` fits. The last that was tried where none does.
std::optional<std::pair<int, std::int64_t>> more_ranks(const Graph& graph, const PredictionRequest& request,
                                                       const Constraints& constraints) {
    std::optional<std::pair<int, std::int64_t>> last;
    for (int ranks = 2 * request.machine.size(); ranks <= most_ranks && is_small(graph, ranks); ranks *= 2) {
        Machine machine = Machine::uniform(ranks, request.machine.ranks.front());
        machine.rates = request.machine.rates;
        const PredictionRequest larger{machine, request.history, request.lanes, request.cpus_alone};
        PlanRequest data;
        data.strategy = "data";
        last = {ranks, need_of(graph, data, larger, MemoryUse::fast).peak.bytes};
        if (constraints.has_memory_for(last->second)) break;
    }
    return last;
}

std::string more_ranks_text(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                            const Constraints& constraints) {
    const auto more = more_ranks(graph, request, constraints);
    if (!more) return "";
    const std::string text =
        fmt::format("; with {} ranks {}{}", more->first, constraints.has_memory_for(more->second) ? "" : "still ",
                    exact_bytes(more->second));
    return asked.max_ranks > 0 ? text + fmt::format(" (max_ranks: {})", asked.max_ranks) : text;
}

/// Of all ways on these ranks those that need less, the least first. None where it would take long to know.
std::vector<Need> needs_below(std::int64_t bytes, const Graph& graph, const PlanRequest& asked,
                              const PredictionRequest& request, const Constraints& constraints) {
    std::vector<Need> less;
    if (!asked.from.empty() || !is_small(graph, request.machine.size())) return less;
    for (const PlanRequest& wanted : plan_candidates(graph, asked, request.machine.size())) {
        const Need need = need_of(graph, wanted, request, constraints.memory_use);
        if (need.peak.bytes < bytes) less.push_back(need);
    }
    std::stable_sort(less.begin(), less.end(),
                     [](const Need& a, const Need& b) { return a.peak.bytes < b.peak.bytes; });
    return less;
}

/// What `max_time` would have to be, in units that it knows: three digits, rounded up.
std::string enough_text(double seconds) {
    const bool is_short = seconds < 1;
    const double number = std::max(1e-9, is_short ? seconds * 1e3 : seconds);
    const int decimals = std::max(0, 2 - static_cast<int>(std::floor(std::log10(number))));
    const double unit = std::pow(10.0, -decimals);
    // What text loses of the last binary digits must not make it less.
    const double enough = std::ceil(number * (1 + 1e-9) / unit) * unit;
    return fmt::format("{:.{}f} {}", enough, decimals, is_short ? "ms" : "s");
}

[[noreturn]] void refuse_time(const Graph& graph, const PlanRequest& asked, const PlanCandidate& chosen,
                              const PredictionRequest& request, const Constraints& constraints) {
    const std::string bound = "max_time: " + duration_text(constraints.max_seconds);
    Constraints memory_alone = constraints;
    memory_alone.max_seconds = 0;
    const PlanCandidate* fastest = &chosen;
    std::vector<PlanCandidate> all;
    if (asked.from.empty() && may_weigh(graph, request.machine.size()))
        all = weigh_plans(graph, asked, request, memory_alone);
    // `auto` does not weigh claims of what costs the same everywhere.
    const bool skips_claims = asked.strategy == "auto" && !has_irregular_work(graph);
    for (const PlanCandidate& one : all) {
        if (skips_claims && one.request.strategy == "stealing") continue;
        if (!one.allowed || !one.predicted || !constraints.has_memory_for(one.prediction.peak_bytes)) continue;
        if (one.prediction.seconds < fastest->prediction.seconds) fastest = &one;
    }
    const bool is_it = name_of(fastest->request) == name_of(chosen.request);
    const std::string own = is_it || asked.strategy == "auto" ? ""
                                                              : fmt::format("{} takes {}; ", name_of(chosen.request),
                                                                            enough_text(chosen.prediction.seconds));
    throw UnavailableError(constraints.time_place,
                           fmt::format("{}: {}the fastest plan found ({}) takes {}", bound, own,
                                       name_of(fastest->request), enough_text(fastest->prediction.seconds)));
}

}  // namespace

void refuse_memory(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                   const Constraints& constraints) {
    const bool is_auto = asked.strategy == "auto";
    PlanRequest first = asked;
    if (is_auto) first.strategy = "data";
    Need least = need_of(graph, first, request, constraints.memory_use);
    const std::vector<Need> less = needs_below(least.peak.bytes, graph, asked, request, constraints);
    std::string other;
    if (is_auto) {
        // Not every way is weighed.
        const auto enough = std::find_if(less.begin(), less.end(), [&](const Need& need) {
            return is_enough(graph, asked, request, constraints, need.peak.bytes);
        });
        if (enough != less.end()) least = *enough;
    } else if (!less.empty() && constraints.has_memory_for(less.front().peak.bytes)) {
        other = fmt::format("; {} {}", less.front().name, exact_bytes(less.front().peak.bytes));
    }
    const std::string text = fmt::format(
        "{} a rank ({}) is too little: {} at least {} a rank (rank {}; the largest is {})",
        exact_bytes(constraints.memory.bytes), constraints.memory.origin, is_auto ? "needs" : least.name + " needs",
        exact_bytes(least.peak.bytes), least.peak.fullest.value, least.peak.largest);
    throw UnavailableError(constraints.memory.place,
                           "memory: " + text + other + more_ranks_text(graph, asked, request, constraints));
}

void require_constraints(const Graph& graph, const PlanRequest& asked, const PlanRequest& chosen,
                         const PredictionRequest& request, const Constraints& constraints) {
    const FittedPlan made = plan_to_fit(graph, chosen, request, constraints);
    require_constraints(graph, asked, chosen, {made.planned.graph, made.planned.plan, made.fits}, request, constraints);
}

void require_constraints(const Graph& graph, const PlanRequest& asked, const PlanRequest& chosen, const MadePlan& made,
                         const PredictionRequest& request, const Constraints& constraints) {
    if (!made.fits && !constraints.has_memory_for(peak_memory(made.graph, made.plan, request).bytes))
        refuse_memory(graph, asked, request, constraints);
    if (constraints.max_seconds <= 0) return;
    PlanCandidate candidate;
    candidate.request = chosen;
    candidate.prediction = predict(made.graph, made.plan, request);
    if (!constraints.has_time_for(candidate.prediction.seconds))
        refuse_time(graph, asked, candidate, request, constraints);
}

}  // namespace maniple
