// plan/claims.hpp: which operations' tiles are claimed at run time by ranks that are free (`plan: stealing`).
#pragma once

#include "plan/plan.hpp"

namespace maniple {

/// Marks the irregular operations of a plan of `data` on the first `ranks` ranks; where there is none, the one with the most
/// work of those that can be cut. With nothing to cut the plan stays as it is, with a note.
void allow_claims(const Graph& graph, int ranks, Plan& plan);

/// Whether there is an irregular operation that can be cut.
bool has_irregular_work(const Graph& graph);

}  // namespace maniple
