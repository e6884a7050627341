// trace/work_time.hpp: how long a lane computed which operation.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace maniple {

/// Points of an operation's index space, and the time that they took.
struct WorkTime {
    static constexpr std::size_t most_recent = 15;

    std::int64_t points = 0;
    double ns = 0;
    std::size_t chunks = 0;                   ///< so many have been added
    std::array<float, most_recent> recent{};  ///< nanoseconds per point of the last chunks, anywhere in here

    /// A chunk's part. Requires: some points.
    void add(std::int64_t more_points, double more_ns) {
        points += more_points;
        ns += more_ns;
        recent[chunks++ % most_recent] = static_cast<float>(more_ns / static_cast<double>(more_points));
    }
    /// Another thread's.
    void add(const WorkTime& other) {
        points += other.points;
        ns += other.ns;
        for (std::size_t i = 0; i < std::min(other.chunks, most_recent); ++i)
            recent[chunks++ % most_recent] = other.recent[i];
    }
    /// Of the last chunks the median: one that was disturbed changes little. Requires: something was added.
    double ns_per_point() const {
        std::array<float, most_recent> sorted = recent;
        const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(chunks, most_recent));
        const auto middle = sorted.begin() + (end - sorted.begin()) / 2;
        std::nth_element(sorted.begin(), middle, end);
        return static_cast<double>(*middle);
    }
};

/// By OperationId.
using WorkTimes = std::vector<WorkTime>;

}  // namespace maniple
