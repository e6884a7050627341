#include "program/least_memory.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "program/fit_memory.hpp"
#include "program/stage_memory.hpp"

namespace maniple {

namespace {

/// The least of several ways; what it took to know it is that of all.
void add_way(std::optional<Need>& least, const Need& other) {
    if (!least) {
        least = other;
        return;
    }
    const std::size_t laid_out = least->laid_out + other.laid_out;
    const bool is_settled = least->is_settled && other.is_settled;
    if (other.peak.bytes < least->peak.bytes) least = other;
    least->laid_out = laid_out;
    least->is_settled = is_settled;
}

}  // namespace

Need RequestNeeds::least() {
    std::optional<Need> least;
    for (const PlanRequest& way : ways_without_limit()) {
        const PlannedGraph made = plan_graph(graph_, request_.machine, way);
        if (find(made) != nullptr) continue;
        add_way(least, add(way, made));
    }
    return *least;
}

bool RequestNeeds::depends_on_limit() const {
    return is_limited() && !with_own_limit(wanted_, 1, request_.machine.size()).empty();
}

/// As settle_memory() does: where the job gives no limit there is one plan.
std::vector<PlanRequest> RequestNeeds::ways_without_limit() const {
    return is_limited() ? without_own_limit(wanted_, request_.machine.size()) : std::vector<PlanRequest>{wanted_};
}

std::optional<Need> RequestNeeds::under(std::int64_t bytes, LookBudget& budget) {
    std::optional<Need> least;
    for (const PlanRequest& way : with_own_limit(wanted_, bytes, request_.machine.size())) {
        const PlannedGraph made = plan_graph(graph_, request_.machine, way);
        const Need* known = find(made);
        if (known == nullptr && !budget.has(dearest_)) return std::nullopt;
        Need need = known != nullptr ? *known : add(way, made);
        // To plan is cheaper than to lay out, and not for nothing.
        if (known != nullptr) need.laid_out = made.graph.operations.size();
        budget.spend(need.laid_out);
        add_way(least, need);
    }
    return least;
}

const Need* RequestNeeds::find(const PlannedGraph& made) const {
    const auto known = known_.find(plan_identity(made.graph, made.plan));
    return known == known_.end() ? nullptr : &known->second;
}

Need RequestNeeds::add(const PlanRequest& way, const PlannedGraph& made) {
    // Less than any plan needs: all is done that can be.
    Constraints nothing;
    nothing.memory.bytes = 1;
    nothing.memory_use = use_;
    const Fit fit = fit_memory(made, request_, nothing);
    const PlannedGraph fitted = with_means(made, fit.means);
    Need need{name_of(way), peak_memory(fitted.graph, fitted.plan, request_), fit.laid_out,
              !depends_on_limit() || may_predict(made.graph, request_.machine.size())};
    dearest_ = std::max(dearest_, need.laid_out);
    known_.emplace(plan_identity(made.graph, made.plan), need);
    return need;
}

Need need_of(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request, MemoryUse use) {
    return RequestNeeds(graph, wanted, request, use).least();
}

Trial trial_of(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
               const Constraints& constraints) {
    const FittedPlan made = plan_to_fit(graph, choose_plan(graph, asked, request, constraints), request, constraints);
    const PeakMemory peak = peak_memory(made.planned.graph, made.planned.plan, request);
    return {made.fits || constraints.has_memory_for(peak.bytes), peak};
}

EnoughMemory least_enough(std::int64_t refused, std::int64_t enough, const TryLimit& try_limit) {
    MANIPLE_CHECK(refused < enough, "what is enough is refused");
    EnoughMemory least{enough, std::nullopt, false};
    std::int64_t used = enough;  // by what the last limit that was enough gave
    bool halves = false;
    while (least.bytes - refused > 1) {
        // A byte less is mostly refused at once; where it is not, halving keeps the row of such steps short.
        const bool is_used = refused < used && used < least.bytes;
        const std::int64_t other = halves ? refused + (least.bytes - refused) / 2 : least.bytes - 1;
        const std::int64_t next = is_used ? used : other;
        const std::optional<Trial> trial = try_limit(next);
        if (!trial) return least;
        if (trial->fits) {
            least.bytes = next;
            least.peak = trial->peak;
            used = trial->peak.bytes;
        } else {
            refused = next;
        }
        if (!is_used) halves = !halves;
    }
    least.is_least = true;
    return least;
}

}  // namespace maniple
