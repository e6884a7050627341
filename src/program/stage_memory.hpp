// program/stage_memory.hpp: the limit of memory under which the stages of a plan are cut.
#pragma once

#include <vector>

#include "program/constraints.hpp"

namespace maniple {

/// `wanted` in each way that its stages may be cut in whatever limit the job gives: under the machine's, under which they
/// are cut where the job says none, and under none at all, which finds the parts with the least bytes; a pipeline that
/// may be folded also in a row. `wanted` alone where nothing is cut into stages.
std::vector<PlanRequest> without_own_limit(const PlanRequest& wanted, int ranks);
/// The other ways that settle_memory() looks at where the job's limit is `bytes`: cut for just that.
std::vector<PlanRequest> with_own_limit(const PlanRequest& wanted, std::int64_t bytes, int ranks);

/// `wanted` with the limit that its stages are to be cut under (PlanRequest::memory_bytes) and, where a row of stages fits
/// and a fold does not, their number. What a part needs is an estimate while stages are cut, and a layout says what it is:
/// so a plan that is faster, because it was cut under a larger limit, may fit. Tried are the machine's limit, the job's,
/// and the least: the first whose plan fits as it is, else the one that needs least of those that can be made to fit, else of
/// all. As it is where the job gives no limit, for plans without stages, and where may_predict() says no.
/// Pure; costs up to six plans with their fullest layouts, and where none fits a search (fit_memory()) for some of them.
PlanRequest settle_memory(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request,
                          const Constraints& constraints);

}  // namespace maniple
