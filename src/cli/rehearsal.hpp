// cli/rehearsal.hpp: what a run will find, worked out while MPI starts.
#pragma once

#include <optional>
#include <string>

#include "cluster/machine.hpp"
#include "graph/graph.hpp"
#include "job/job.hpp"
#include "program/layout.hpp"
#include "program/predict.hpp"
#include "program/program.hpp"

namespace maniple {

/// The storage and the first program of one rank of a run without gpus, and how long the run takes by what is known before
/// it. Good for a run whose plan has the same identity, where the rank's lanes are the cpu's so many threads alone, with
/// the same costs of points; the prediction, where the machine is the same, too.
struct Rehearsal {
    std::string identity;  ///< plan_identity()
    Machine machine;       ///< as it was taken to be
    Layout layout;
    Program first_program;
    std::optional<double> predicted_seconds;  ///< of its steps; none where finding that out would take long
};

/// Pure. Nothing where the plan depends on more than `machine` knows. Only rank 0 predicts.
std::optional<Rehearsal> rehearse(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                  Rank rank);

/// Whether both have ranks that differ in nothing but their cores.
bool is_alike(const Machine& a, const Machine& b);

}  // namespace maniple
