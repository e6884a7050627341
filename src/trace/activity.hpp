// trace/activity.hpp: how long each lane was busy and with how much: counters that a lane adds to as it works.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace maniple {

/// Monotonic time in nanoseconds.
inline std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// What one thread of a lane did. Written by that thread alone; read when it has stopped. One cache line each.
struct alignas(128) Activity {
    std::int64_t busy_ns = 0;
    std::int64_t hiding_ns = 0;  ///< of that, on a cpu lane, while messages were in flight (FlightClock)
    std::int64_t chunks = 0;
    std::int64_t operations = 0;  ///< compute operations, one lane's share of one in one step counted once

    Activity& operator+=(const Activity& other);
};

Activity total(const std::vector<Activity>& threads);

}  // namespace maniple
