// program/touched.hpp: what ranks touch, found without laying anything out.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/plan.hpp"

namespace maniple {

/// By rank: of each tensor the smallest box around what the operations that the rank has a block of read and write, in bytes
/// and summed; no versions, no staging. Pure; costs a look at every block of every operation, of which beyond a million only
/// some ranks are looked at: the others are taken to touch as much as one before them.
std::vector<std::int64_t> bytes_touched_by_ranks(const Graph& graph, const Plan& plan);

/// The ranks among which the fullest is looked for, ascending: all, or, where laying all of them out would take minutes,
/// those that touch most. Pure.
std::vector<Rank> fullest_ranks(const Graph& graph, const Plan& plan);

}  // namespace maniple
