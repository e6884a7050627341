// program/refuse_plan.hpp: what to say where no plan meets what `plan:` asks for: which bound, and what could be met.
#pragma once

#include "program/choose_plan.hpp"

namespace maniple {

/// Holds `chosen`, which became of `asked`, to the constraints. Pure; costs the layouts of all ranks, with `max_time` their
/// programs, and what weigh_plans() costs where it refuses.
/// Errors: UnavailableError that names the constraint and the nearest value that can be met.
void require_constraints(const Graph& graph, const PlanRequest& asked, const PlanRequest& chosen,
                         const PredictionRequest& request, const Constraints& constraints);
/// What a request has become already. Borrows.
struct MadePlan {
    const Graph& graph;
    const Plan& plan;
    bool fits = false;  ///< FittedPlan::fits
};
/// The same, of that.
void require_constraints(const Graph& graph, const PlanRequest& asked, const PlanRequest& chosen, const MadePlan& made,
                         const PredictionRequest& request, const Constraints& constraints);

/// What is known of the memory of `asked`: how much a rank would have to have here, and with how many ranks it would fit
/// ("at least", "at most" and "about": least_memory.hpp, EnoughMemory::is_least, Need::is_settled). Pure; the layouts that it
/// costs are bounded beyond those of the request's own plans.
/// Errors: UnavailableError, always.
[[noreturn]] void refuse_memory(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                const Constraints& constraints);

}  // namespace maniple
