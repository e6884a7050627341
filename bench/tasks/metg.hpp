// bench/tasks/metg.hpp: the cases metg/PATTERN: the smallest tasks that a system runs well.
#pragma once

#include <vector>

#include "tasks/contest.hpp"

namespace maniple::bench {

/// A task size as a system ran it.
struct MetgPoint {
    double granularity_ns = 0;  ///< wall time × workers / tasks
    double efficiency = 0;      ///< rate of work / the peak rate
};

/// METG(50 %) in ns: the granularity at which efficiency comes down to one half, from the smallest size that still has
/// it and the next one, between them on a logarithmic axis. If the smallest size measured has it, that one's
/// granularity, a bound from above; if none has, the largest one's, a bound from below. `points`: from large sizes to
/// small ones.
double metg_of(const std::vector<MetgPoint>& points);

/// metg/PATTERN: minimum effective task granularity, 16 wide.
void run_metg(const Setting& setting, Pattern pattern);

}  // namespace maniple::bench
