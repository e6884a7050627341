// trace/ticks.hpp: a clock that is read between chunks of some ten nanoseconds.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "trace/activity.hpp"

namespace maniple {

/// Of the processor's own counter, which runs at one rate whatever the core's frequency; without one, nanoseconds.
inline std::int64_t ticks() {
#if defined(__x86_64__)
    return static_cast<std::int64_t>(__rdtsc());
#elif defined(__aarch64__)
    std::int64_t count;
    asm volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#else
    return now_ns();
#endif
}

/// Measured against now_ns() at the first call, which takes 50 µs. Threads: any.
double ticks_per_ns();

}  // namespace maniple
