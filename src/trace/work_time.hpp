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
    /// Where points differ it is known in so many equal stretches of one index what they took.
    static constexpr std::size_t most_parts = 32;
    struct Part {
        double points = 0;
        double ns = 0;
    };

    std::int64_t points = 0;
    double ns = 0;
    std::size_t chunks = 0;                   ///< so many have been added
    std::array<float, most_recent> recent{};  ///< nanoseconds per point of the last chunks, anywhere in here
    std::vector<Part> parts;                  ///< most_parts of them, or none

    /// A chunk's part. Requires: some points.
    void add(std::int64_t more_points, double more_ns) {
        points += more_points;
        ns += more_ns;
        recent[chunks++ % most_recent] = static_cast<float>(more_ns / static_cast<double>(more_points));
    }
    /// The same of points that lie evenly from `begin` to `end`, as parts of the whole index. Requires: begin < end <=
    /// 1. Allocates unless there are parts.
    void add_along(double begin, double end, double more_points, double more_ns) {
        parts.resize(most_parts);
        const double first = begin * most_parts, last = end * most_parts;
        for (auto part = static_cast<std::size_t>(first); part < most_parts && static_cast<double>(part) < last;
             ++part) {
            const double low = std::max(first, static_cast<double>(part));
            const double share = (std::min(last, static_cast<double>(part + 1)) - low) / (last - first);
            parts[part].points += share * more_points;
            parts[part].ns += share * more_ns;
        }
    }
    /// Another thread's. Of the last chunks of both, as many as there is room for, evenly from the fastest to the slowest: so
    /// neither's stand for both.
    void add(const WorkTime& other) {
        points += other.points;
        ns += other.ns;
        std::array<float, 2 * most_recent> all{};
        const auto end = std::copy_n(other.recent.begin(), std::min(other.chunks, most_recent),
                                     std::copy_n(recent.begin(), std::min(chunks, most_recent), all.begin()));
        std::sort(all.begin(), end);
        const auto count = static_cast<std::size_t>(end - all.begin());
        const std::size_t kept = std::min(count, most_recent);
        for (std::size_t i = 0; i < kept; ++i) recent[i] = all[count == kept ? i : i * (count - 1) / (most_recent - 1)];
        chunks += other.chunks;
        parts.resize(std::max(parts.size(), other.parts.size()));
        for (std::size_t i = 0; i < other.parts.size(); ++i) {
            parts[i].points += other.parts[i].points;
            parts[i].ns += other.parts[i].ns;
        }
    }
    /// As if nothing had been added; keeps its memory.
    void clear() {
        points = 0;
        ns = 0;
        chunks = 0;
        std::fill(parts.begin(), parts.end(), Part{});
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

/// Operation by operation; those that `sum` has not yet are added.
inline void add(const WorkTimes& more, WorkTimes& sum) {
    if (sum.size() < more.size()) sum.resize(more.size());
    for (std::size_t i = 0; i < more.size(); ++i) sum[i].add(more[i]);
}

}  // namespace maniple
