#include "pin.hpp"

#include <sched.h>

#include <cstddef>
#include <vector>

namespace maniple::bench {
namespace {

cpu_set_t& remembered() {
    static cpu_set_t cores;
    return cores;
}

}  // namespace

void remember_cores() { sched_getaffinity(0, sizeof remembered(), &remembered()); }

void pin_this_thread(int number) {
    const int count = CPU_COUNT(&remembered());
    if (count == 0) return;
    int left = number % count;
    for (std::size_t core = 0; core < CPU_SETSIZE; ++core) {
        if (!CPU_ISSET(core, &remembered()) || left-- > 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

void unpin_this_thread() {
    if (CPU_COUNT(&remembered()) > 0) sched_setaffinity(0, sizeof remembered(), &remembered());
}

}  // namespace maniple::bench
