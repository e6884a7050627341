#include "program/refuse_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.hpp"
#include "plan/claims.hpp"
#include "program/fewest_ranks.hpp"
#include "program/fit_memory.hpp"

namespace maniple {

namespace {

/// Operations that may be laid out for each part of a refusal: each some tenths of a second.
constexpr std::size_t most_for_least = 100'000, most_for_others = 200'000, most_for_ranks = 40'000;
/// What a choice of `auto` under another limit lays out, for each operation that was laid out to see what all ways
/// need: stages are cut in one way more, and what fits is laid out once more.
constexpr std::size_t more_of_choice = 2;

/// "3.1 GiB (3328599654 B)": what `memory:` would have to say.
std::string exact_bytes(std::int64_t bytes) {
    return bytes < 1024 ? fmt::format("{} B", bytes) : fmt::format("{} ({} B)", format_bytes(bytes), bytes);
}

/// What is known of the memory of a request that was refused for it.
class MemoryRefusal {
public:
    MemoryRefusal(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                  const Constraints& constraints)
        : graph_(graph), asked_(asked), request_(request), constraints_(constraints),
          is_auto_(asked.strategy == "auto" && asked.from.empty()) {}

    std::string text() {
        PlanRequest first = asked_;
        if (is_auto_) first.strategy = "data";
        RequestNeeds needs(graph_, first, request_, constraints_.memory_use);
        own_ = needs.least();
        find_less();
        is_auto_ ? find_least_of_auto() : find_least_of(needs);
        const std::string others = other_text();
        return fmt::format("memory: {} a rank ({}) is too little: {} {} {} a rank (rank {}; the largest is {}){}{}",
                           exact_bytes(constraints_.memory.bytes), constraints_.memory.origin,
                           is_auto_ ? "needs" : own_.name + " needs", how_, exact_bytes(own_.peak.bytes),
                           own_.peak.fullest.value, own_.peak.largest, others, more_ranks_text());
    }

private:
    /// Of all other ways on these ranks those that need less, the least first; as far as it does not take long to know.
    void find_less() {
        weighed_ = own_.laid_out;
        if (!asked_.from.empty()) return;
        LookBudget budget(most_for_others);
        const std::vector<PlanRequest> all = plan_candidates(graph_, asked_, request_.machine.size());
        for (std::size_t i = 1; i < all.size() && budget.has(own_.laid_out); ++i) {
            Need need = need_of(graph_, all[i], request_, constraints_.memory_use);
            budget.spend(need.laid_out);
            weighed_ += need.laid_out;
            if (need.peak.bytes < own_.peak.bytes) less_.push_back(std::move(need));
        }
        std::stable_sort(less_.begin(), less_.end(),
                         [](const Need& a, const Need& b) { return a.peak.bytes < b.peak.bytes; });
    }

    /// Another way that fits; of `auto` one that needs less, where it has not been seen whether `auto` takes it.
    std::string other_text() const {
        if (less_.empty()) return "";
        const std::int64_t bytes = less_.front().peak.bytes;
        if (is_auto_ ? is_least_ || bytes >= own_.peak.bytes : !constraints_.has_memory_for(bytes)) return "";
        return fmt::format("; {} {}", less_.front().name, exact_bytes(less_.front().peak.bytes));
    }

    /// What `auto` takes is not always what needs least: not every way is weighed.
    void find_least_of_auto() {
        if (request_.machine.size() == 1) return;
        for (const Need& need : less_) {
            const std::optional<Trial> trial = choice_under(need.peak.bytes);
            if (!trial) break;
            if (!trial->fits) continue;
            own_ = need;
            break;
        }
        name_least([&](std::int64_t bytes) { return choice_under(bytes); });
    }

    /// What is asked for, as a run would take it.
    std::optional<Trial> choice_under(std::int64_t bytes) {
        if (!budget_.has(more_of_choice * weighed_)) return std::nullopt;
        budget_.spend(more_of_choice * weighed_);
        PlanRequest asked = asked_;
        Constraints constraints = constraints_;
        asked.memory_bytes = constraints.memory.bytes = bytes;
        return trial_of(graph_, asked, request_, constraints);
    }

    /// Of a request that is not `auto`.
    void find_least_of(RequestNeeds& needs) {
        if (!own_.is_settled) how_ = "about";
        if (!own_.is_settled || !needs.depends_on_limit()) return;
        name_least([&](std::int64_t bytes) -> std::optional<Trial> {
            const std::optional<Need> need = needs.under(bytes, budget_);
            return need ? std::optional(Trial{need->peak.bytes <= bytes, need->peak}) : std::nullopt;
        });
    }

    /// Own need is enough; is less?
    void name_least(const TryLimit& try_limit) {
        const EnoughMemory found = least_enough(constraints_.memory.bytes, own_.peak.bytes, try_limit);
        if (found.peak) own_.peak = *found.peak;
        own_.peak.bytes = found.bytes;
        is_least_ = found.is_least;
        if (!is_least_) how_ = "at most";
    }

    std::string more_ranks_text() const {
        LookBudget budget(most_for_ranks);
        const auto other = fewest_ranks(graph_, asked_, request_, constraints_, own_.peak.bytes, budget);
        if (!other) return "";
        const std::string text = fmt::format("; with {} ranks {}{}{}", other->ranks, other->fits ? "" : "still ",
                                             other->is_data ? "data " : "", exact_bytes(other->bytes));
        return asked_.max_ranks > 0 ? text + fmt::format(" (max_ranks: {})", asked_.max_ranks) : text;
    }

    const Graph& graph_;
    const PlanRequest& asked_;
    const PredictionRequest& request_;
    const Constraints& constraints_;
    const bool is_auto_;
    Need own_;  ///< what is named
    std::vector<Need> less_;
    std::size_t weighed_ = 0;  ///< operations that were laid out for all of them
    LookBudget budget_{most_for_least};
    const char* how_ = "at least";
    bool is_least_ = true;  ///< what is named, as far as was looked
};

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
    throw UnavailableError(constraints.memory.place, MemoryRefusal(graph, asked, request, constraints).text());
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
