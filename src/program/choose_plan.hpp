// program/choose_plan.hpp: the ways to carry out a graph on some ranks, weighed against each other by predictions.
#pragma once

#include <string>
#include <vector>

#include "program/predict.hpp"
#include "program/proof.hpp"

namespace maniple {

/// A way that was looked at.
struct PlanCandidate {
    PlanRequest request;
    Plan plan;
    Prediction prediction;
    std::string why_not;  ///< empty: it is the one that is taken

    bool taken() const { return why_not.empty(); }
    int ranks() const { return request.max_ranks > 0 ? request.max_ranks : plan.ranks; }  ///< that it may use
};

/// "data", "model", "{data: 2, model: 4}", "data on 4 ranks".
std::string name_of(const PlanRequest& request);

/// The ways that there are on `ranks` ranks, what is asked for first: of `auto`, `data` on all of them. New strategies are
/// added here.
std::vector<PlanRequest> plan_candidates(const PlanRequest& asked, int ranks);

/// Predicts all of plan_candidates(). What was asked for is taken; of `auto` what choose_plan() takes. Pure; costs the
/// programs of all ranks for each.
std::vector<PlanCandidate> weigh_plans(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                       const MemoryLimit& limit);

/// What `auto` becomes: the best of those that fit `limit`, if it is so much better than the first that the prediction's
/// error does not matter; other requests stay what they are. Predicts one after the other and ends when that has taken a
/// quarter of what could be saved, the time in which a run with the first does not compute; counted in chunks, so that all
/// ranks and runs choose alike. What takes no time, and graphs so large on so many ranks that a single prediction would take
/// too long, are `data`.
PlanRequest choose_plan(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                        const MemoryLimit& limit);

}  // namespace maniple
