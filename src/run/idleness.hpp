// run/idleness.hpp: how a worker without work waits.
#pragma once

#include <sched.h>

#include <algorithm>
#include <cstdint>

#include "base/patience.hpp"
#include "run/relax.hpp"
#include "run/scheduler.hpp"

namespace maniple {

/// Waking a sleeper takes tens of µs, so it looks again and again at first. Nobody wakes a sleeper when a message comes: it
/// sleeps for stretches, and moves messages forward in between. The first worker's last 5 ms in the end, the second's 10, the
/// third's 20, up to 160: one is enough to look for messages, so a team of many does not wake thousands of times a second. One
/// for each worker.
class Idleness {
public:
    void reset() {
        if (rounds_ == 0) return;
        rounds_ = 0;
        patience_.reset();
    }

    /// `awaits`: a run whose end the worker waits for, or null.
    void wait(Scheduler& scheduler, Worker& worker, const Run* awaits) {
        if (rounds_ < eager_rounds) {
            ++rounds_;
            relax();
            return;
        }
        const std::chrono::nanoseconds pause = patience_.pause_length(1 << std::min(worker.number, most_doublings));
        if (pause.count() == 0) {
            sched_yield();
        } else {
            scheduler.sleep(worker, awaits, pause);
        }
    }

private:
    static constexpr int eager_rounds = 64;
    static constexpr int most_doublings = 5;
    int rounds_ = 0;
    Patience patience_;
};

}  // namespace maniple
