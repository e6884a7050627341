// program/fit_memory.hpp: what is done where a plan does not fit the memory: reuse, then recompute, then spill.
#pragma once

#include <string>
#include <vector>

#include "graph/again.hpp"
#include "program/constraints.hpp"

namespace maniple {

/// What has been done to a plan, enough to do it again. None: nothing.
struct MemoryMeans {
    bool tight = false;             ///< Plan::tight
    std::vector<MemoryStep> steps;  ///< one after the other

    bool none() const { return !tight; }
};

/// The same for other ranks. Requires of the text: it is one of serialize().
std::string serialize(const MemoryMeans& means);
MemoryMeans deserialize_means(const std::string& text);

/// The plan with what `means` say. Pure. Requires: they were found for this plan.
PlannedGraph with_means(PlannedGraph planned, const MemoryMeans& means);

/// What was found for a plan.
struct Fit {
    MemoryMeans means;
    std::int64_t before_bytes = 0;  ///< of the fullest rank, without them
    std::int64_t bytes = 0;         ///< with them
    std::size_t laid_out = 0;       ///< operations, each as often as that was done to find them
};

/// The first means of a row, which does not depend on the limit, with which every rank needs no more than `constraints`
/// allow; where there are none, those with which the fullest rank needs least. Nothing for `fast`, and for plans with a gpu
/// lane or with operations that are compared.
/// The row: one pool; then, as long as the peak becomes less, what saves most of it for the time that it takes to compute
/// again; then, if `small` allows it, what saves most for the time of a file. Pure, the same on every rank; costs a layout
/// for everything that is looked at, of which there is a bound.
Fit fit_memory(const PlannedGraph& planned, const PredictionRequest& request, const Constraints& constraints);

/// Whether nothing needs to be laid out to see that it fits, whatever slots, halos and states there are: what each rank
/// touches is far below the limit. Pure; costs a look at every block of every operation.
bool fits_by_far(const Graph& graph, const Plan& plan, const Constraints& constraints);

/// A plan as it is carried out under constraints.
struct FittedPlan {
    PlannedGraph planned;
    bool fits = false;  ///< that its memory does is known; false: it does not, or nobody has looked
};

/// A plan that does not fit, made to fit, with a note that says how. As it is where it fits, or nothing helps.
FittedPlan made_to_fit(PlannedGraph planned, const PredictionRequest& request, const Constraints& constraints);
/// The same of the plan of a request.
FittedPlan plan_to_fit(Graph graph, const PlanRequest& wanted, const PredictionRequest& request,
                       const Constraints& constraints);

/// "fits by recomputing e1 for d2: 1.9 GiB a rank instead of 2.6 GiB": for the notes of a plan that was `planned`.
std::string fit_text(const PlannedGraph& planned, const Fit& fit);

/// What a graph computes, or loads, again, by name; one for each time.
std::vector<std::string> recomputed_names(const Graph& graph);

}  // namespace maniple
