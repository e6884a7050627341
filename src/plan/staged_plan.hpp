// plan/staged_plan.hpp: whole operations on groups of ranks: the strategies `model`, `pipeline` and their hybrids.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/plan.hpp"

namespace maniple {

/// How ranks are grouped: `columns` of `model` × `data` ranks, one after the other. An operation is computed by one
/// column: by the ranks of one of its model places, where `data` of them cut it as data_plan() does, or where it is too
/// large for one by those of several, which cut it along another index than its batch.
struct GroupShape {
    int stages = 1;
    int columns = 1;
    int model = 1;
    int data = 1;

    int ranks() const { return columns * model * data; }
};

/// A plan with the stage of every operation. Stages are consecutive in the graph's order.
struct StagedPlan {
    Plan plan;
    std::vector<int> stage_of;   ///< by OperationId
    std::vector<int> column_of;  ///< by stage: where it is computed
};

/// Cuts the operations, in their order, into `stages` stages of about equal time, and each of these into `model` parts,
/// under `memory_bytes` a rank (0: not known). Of more stages than columns stage s is on column s mod columns, or where that
/// sends less on a column that is passed forwards and backwards in turn: s, then 2·columns − 1 − s.
/// With `chooses_stages` there are no more than `stages`, of which a plan that is as fast may have fewer; else so many, or
/// as many as there are operations. A pipeline of 2·columns stages, or with `chooses_stages`, is folded (stage s and
/// 2·columns − 1 − s on column s, whatever their share of its time is) where late operations then find at hand what
/// early ones left them, and where that is not much slower.
/// Pure; near O(n·log n) for n operations, whatever the number of ranks.
StagedPlan staged_plan(const Graph& graph, const GroupShape& shape, std::int64_t memory_bytes, bool chooses_stages);

}  // namespace maniple
