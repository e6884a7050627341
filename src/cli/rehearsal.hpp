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

/// The storage and the first program of a run on one rank without a gpu, and how long the run takes by what is known
/// before it. Good for a run whose plan has the same identity and whose lanes are the cpu's so many threads alone, with the
/// same costs of points.
struct Rehearsal {
    std::string identity;  ///< plan_identity()
    int threads = 1;
    Layout layout;
    Program first_program;
    std::optional<double> predicted_seconds;  ///< of its steps; none where finding that out would take long
};

/// Pure. Nothing where the plan depends on more than `machine`, which is of one rank, knows.
std::optional<Rehearsal> rehearse(const Graph& graph, const PlanSpec& spec, const PredictionRequest& request);
}  // namespace maniple
