// program/fewest_ranks.hpp: of a request that does not fit, the number of ranks on which it would.
#pragma once

#include "program/least_memory.hpp"

namespace maniple {

/// A number of ranks with what it would come to.
struct OtherRanks {
    int ranks = 0;
    std::int64_t bytes = 0;  ///< of the fullest rank
    bool fits = false;
    bool is_data = false;  ///< under `data`: what was asked for is for a number of ranks of its own
};

/// The least of more ranks than are used now on which the request fits the same memory; of those that are tried, and as far as
/// the budget goes, one less does not. Where none fits, that one of them that needs least, if it is less than `here_bytes`.
/// Nothing: none of that. Pure.
std::optional<OtherRanks> fewest_ranks(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                       const Constraints& constraints, std::int64_t here_bytes, LookBudget& budget);

}  // namespace maniple
