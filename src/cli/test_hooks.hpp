// cli/test_hooks.hpp: what variables of the environment let tests do to a run.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.hpp"

namespace maniple {

/// As one rank has them.
struct TestHooks {
    double slowness = 1;  ///< MANIPLE_SLOW_RANK=R:TIMES: every chunk on the cpu of rank R takes so many times as long
    double cpu_slowness =
        1;  ///< MANIPLE_SLOW_LANE=LANE:TIMES, of every rank: cpu:3 the cpu's chunks, 1:3 those of gpu lane 1
    int slow_gpu = -1;  ///< the gpu lane whose chunks take `gpu_slowness` times as long; -1: none
    double gpu_slowness = 1;
    /// MANIPLE_SLOW_KERNEL=NAME:TIMES:STEP: from step STEP on, what computes with kernel NAME on the cpu takes TIMES as
    /// long
    std::string slow_kernel;  ///< empty: none
    double kernel_slowness = 1;
    std::int64_t slow_kernel_step = 0;
    bool claims_by_messages = false;  ///< MANIPLE_CLAIM_BY=messages: as if every rank were on a node of its own
    bool tampers = false;             ///< MANIPLE_TAMPER_PLAN=R: rank R alone has another plan
};

/// Errors: UsageError for a value that is none of these.
TestHooks read_test_hooks(Rank rank);

}  // namespace maniple
