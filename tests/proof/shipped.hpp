// tests/proof/shipped.hpp: the jobs that are shipped, as graphs.
#pragma once

#include <string>
#include <vector>

#include "plan/outline.hpp"

namespace maniple {

/// The jobs of jobs/, by name.
const std::vector<std::string>& shipped_names();

/// The graph of jobs/NAME.yaml, or else of tests/proof/NAME.yaml. What has to be fetched first (climate's input) is taken
/// to be there.
const Graph& shipped_graph(const std::string& name);

/// `data`, `model`, `pipeline` in both schedules and the hybrids that so many ranks allow.
std::vector<PlanRequest> shipped_requests(int ranks);

}  // namespace maniple
