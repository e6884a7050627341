// run/countdown.hpp: the count of a chunk's predecessors that have not ended.
#pragma once

#include <atomic>
#include <cstdint>

namespace maniple {

/// One predecessor less. True for the caller that was the last: it alone has to release the chunk, and sees what all the
/// others wrote before they called. Requires: each predecessor calls once for each execution.
template <class Count>
bool take_to_zero(Count& remaining) {
    // One is left, and it is the caller: nobody else will write. Acquire: what the others wrote before their release.
    if (remaining.load(std::memory_order_acquire) == 1) return true;
    // Release: what this one wrote. Acquire: as above.
    return remaining.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

}  // namespace maniple
