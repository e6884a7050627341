// run/idleness.hpp: how a worker without work waits.
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "run/relax.hpp"
#include "run/scheduler.hpp"
#include "trace/activity.hpp"

namespace maniple {

/// First it looks again and again, since what it waits for is usually near and waking a sleeper takes tens of µs. Then it
/// sleeps, so that messages are moved forward in between, for a quarter of the time that it has waited: nobody wakes who
/// sleeps when a message comes, so a rank that was held up by its neighbour's sleep has to sleep less than that, or both
/// would hold each other up for ever. One for each worker.
class Idleness {
public:
    void reset() { rounds_ = 0; }

    /// `awaits`: a run whose end the worker waits for, or null.
    void wait(Scheduler& scheduler, Worker& worker, const Run* awaits) {
        if (rounds_ < eager_rounds) {
            ++rounds_;
            relax();
            return;
        }
        if (rounds_++ == eager_rounds) since_ns_ = now_ns();
        const std::int64_t waited_ns = now_ns() - since_ns_;
        if (waited_ns < spin_ns) {
            sched_yield();
            return;
        }
        const std::int64_t sleep_ns = std::min(waited_ns / share_of_wait, longest_sleep_ns);
        scheduler.sleep(worker, awaits, std::chrono::nanoseconds(sleep_ns));
    }

private:
    static constexpr std::int64_t eager_rounds = 64;
    /// Longer than the shortest sleep takes with the slack of the kernel's timers.
    static constexpr std::int64_t spin_ns = 250'000;
    static constexpr std::int64_t share_of_wait = 4;
    static constexpr std::int64_t longest_sleep_ns = 5'000'000;
    std::int64_t rounds_ = 0;
    std::int64_t since_ns_ = 0;
};

}  // namespace maniple
