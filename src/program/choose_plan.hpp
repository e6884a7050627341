// program/choose_plan.hpp: the ways to carry out a graph on some ranks, weighed against each other by predictions.
#pragma once

#include <string>
#include <vector>

#include "program/constraints.hpp"
#include "program/predict.hpp"

namespace maniple {

/// A way that was looked at.
struct PlanCandidate {
    PlanRequest request;
    Plan plan;
    Prediction prediction;
    std::string why_not;       ///< empty: it is the one that is taken
    bool allowed = true;       ///< false: a constraint of the request itself rules it out, it is there to be compared
    double build_seconds = 0;  ///< what each rank takes to plan so many operations
    bool weighed = true;       ///< by a run, too, that may choose
    bool predicted = true;     ///< false: so many operations on so many ranks that the prediction would take long

    bool taken() const { return why_not.empty(); }
    int ranks() const { return request.max_ranks > 0 ? request.max_ranks : plan.ranks; }  ///< that it may use
};

/// "data", "model", "{data: 2, model: 4}", "data on 4 ranks".
std::string name_of(const PlanRequest& request);

/// The ways that there are on `ranks` ranks, or as many as `max_ranks` says, what is asked for first: of `auto`, `data` on all
/// of them; `model`, `pipeline`, and hybrids of each with `data`. New strategies are added here. `stealing` is none
/// for large graphs without irregular work: it would take long to see that it gains nothing.
std::vector<PlanRequest> plan_candidates(const Graph& graph, const PlanRequest& asked, int ranks);

/// Predicts all of plan_candidates() that do not have too many operations (1,000,000 on all ranks together) for that,
/// and what `max_ranks` rules out. What was asked for is taken; of `auto` what choose_plan() takes, and where none
/// meets the constraints the fastest that fits the memory. Pure; costs the programs of all ranks for each.
std::vector<PlanCandidate> weigh_plans(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                       const Constraints& constraints);

/// Whether the programs of all ranks are made in some seconds; `graph` as planned.
bool may_predict(const Graph& graph, int ranks);

/// Whether the plans of a graph on so many ranks can be weighed in the memory that a login node has.
bool may_weigh(const Graph& graph, int ranks);

/// What `auto` becomes: the best of those that meet the constraints, if it is so much better than the first that the
/// prediction's error does not matter; of other requests settle_memory() alone. Predicts one after the other and ends when
/// that has taken a quarter of what could be saved (all of it where `request.keeps_choice`): the time in which a run
/// with the first does not compute; of `stealing`, which is weighed where there is irregular work, that in which lanes
/// have nothing to do. It is counted in chunks, so that all ranks and runs choose alike. What takes no time, and graphs
/// so large on so many ranks that a single prediction would take too long, are `data`. Where the first does not meet
/// the constraints it looks on until one does, and then as long as more could be saved of that one's time.
PlanRequest choose_plan(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                        const Constraints& constraints);

}  // namespace maniple
