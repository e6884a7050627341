// program/pool.hpp: one piece of memory for all that is not needed all the time.
#pragma once

#include "program/layout.hpp"

namespace maniple {

/// Lays the host's buffers into a pool, those in the same bytes that are not needed at the same time in the serial order of a
/// program: the greatest first, each where it leaves least room. Of a loop only what is made and read within a step, and what
/// is not needed in it. Later programs order what touches the same bytes (pool_hazards.hpp), whatever has to wait for it.
/// Fills `lives`. Pure; costs a program of one step. Requires: no gpu lane.
void put_in_pool(const Graph& graph, const Plan& plan, Layout& layout);

}  // namespace maniple
