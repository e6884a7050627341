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

/// First it looks again and again, since what it waits for is usually near and waking a sleeper takes tens of µs; then it
/// sleeps for longer and longer stretches, so that messages are moved forward in between. One for each worker.
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
        if (rounds_++ == eager_rounds) {
            since_ns_ = now_ns();
            sleep_us_ = shortest_sleep_us;
        }
        if (now_ns() - since_ns_ < spin_ns) {
            sched_yield();
            return;
        }
        scheduler.sleep(worker, awaits, std::chrono::microseconds(sleep_us_));
        sleep_us_ = std::min<std::int64_t>(sleep_us_ * 2, longest_sleep_us);
    }

private:
    static constexpr std::int64_t eager_rounds = 64;
    static constexpr std::int64_t spin_ns = 50'000;
    static constexpr std::int64_t shortest_sleep_us = 20;
    static constexpr std::int64_t longest_sleep_us = 5000;
    std::int64_t rounds_ = 0;
    std::int64_t since_ns_ = 0;
    std::int64_t sleep_us_ = shortest_sleep_us;
};

}  // namespace maniple
