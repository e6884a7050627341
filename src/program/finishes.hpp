// program/finishes.hpp: which lane finishes which results of a fold whose states stay on the rank.
#pragma once

#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// Lanes finish what they have folded alone; what several lanes have folded is merged and finished by the cpu. Nothing for
/// operations that are no folds, or whose states are combined over ranks. Requires: the tiles of `layout` are there. Pure.
std::vector<FinishShare> finish_shares(const Graph& graph, const Plan& plan, const Layout& layout,
                                       OperationId operation);

}  // namespace maniple
