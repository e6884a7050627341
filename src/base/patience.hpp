// base/patience.hpp: how long to wait before looking again for something that nobody announces.
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

namespace maniple {

/// At first it looks again at once, since what it waits for is usually near. Then it pauses for a quarter of the time that
/// it has waited: whoever was held up by somebody's pause has to pause for less than that, or two who need each other would
/// hold each other up for ever. One for each thread that waits.
class Patience {
public:
    using Clock = std::chrono::steady_clock;

    /// Of the next pause; zero: only let others run. In the end 5 ms, or `times` as long.
    std::chrono::nanoseconds pause_length(int times = 1) {
        const Clock::time_point now = Clock::now();
        if (since_ == Clock::time_point{}) since_ = now;
        const std::chrono::nanoseconds waited = now - since_;
        return waited < spin ? std::chrono::nanoseconds{0} : std::min(waited / share_of_wait, times * longest);
    }

    void pause() {
        const std::chrono::nanoseconds length = pause_length();
        if (length.count() == 0) {
            sched_yield();
        } else {
            std::this_thread::sleep_for(length);
        }
    }

    /// Looks until `is_there()`.
    template <class IsThere>
    void until(IsThere&& is_there) {
        while (!is_there()) pause();
    }

    void reset() { since_ = {}; }

private:
    /// Longer than the shortest pause takes with the slack of the kernel's timers.
    static constexpr std::chrono::nanoseconds spin{250'000};
    static constexpr int share_of_wait = 4;
    static constexpr std::chrono::nanoseconds longest{5'000'000};
    Clock::time_point since_{};
};

}  // namespace maniple
