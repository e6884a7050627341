// lanes/cpu/core_rates.hpp: how fast the cores and their memory are, measured.
#pragma once

#include "cluster/rates.hpp"

namespace maniple {

struct MeasuredCores {
    LaneRates core;         ///< of one core alone: multiply-adds of f32 in registers, a triad over memory
    double node_bytes = 0;  ///< of all `threads` at once, in a nanosecond
};

/// Blocks for about a second; starts threads of its own. The best of several rounds counts.
MeasuredCores measure_cores(int threads);

}  // namespace maniple
