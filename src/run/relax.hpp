// run/relax.hpp: a pause in a loop that waits for another core.
#pragma once

namespace maniple {

inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace maniple
