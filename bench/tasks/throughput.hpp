// bench/tasks/throughput.hpp: the cases tasks/PATTERN/…: what a task costs.
#pragma once

#include "tasks/contest.hpp"

namespace maniple::bench {

/// tasks/PATTERN/empty, chunked and static: one graph for all three, each rival measured once.
void run_throughput(const Setting& setting, Pattern pattern);

/// tasks/PATTERN/imbalanced: 16 wide, so that a step does not even out by itself.
void run_imbalanced(const Setting& setting, Pattern pattern);

}  // namespace maniple::bench
