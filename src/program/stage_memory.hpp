// program/stage_memory.hpp: the limit of memory under which the stages of a plan are cut.
#pragma once

#include <vector>

#include "program/constraints.hpp"

namespace maniple {

/// `wanted` under each limit that its stages may be cut for and that does not depend on the job's: the machine's, under which
/// they are cut where the job says none, and none at all, which finds the parts with the least bytes. `wanted` alone
/// where nothing is cut into stages.
std::vector<PlanRequest> without_own_limit(const PlanRequest& wanted);

/// `wanted` with the limit that its stages are to be cut under (PlanRequest::memory_bytes). What a part needs is an
/// estimate while stages are cut, and a layout says what it is: so a plan that is faster, because it was cut under a larger
/// limit, may fit. Tried are the machine's limit, the job's, and the least: the first whose plan fits as it is, else the
/// first that can be made to fit, else the one that needs least. As it is where the job gives no limit, and for plans without
/// stages. Pure; costs up to three plans with their fullest layouts.
PlanRequest settle_memory(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request,
                          const Constraints& constraints);

}  // namespace maniple
