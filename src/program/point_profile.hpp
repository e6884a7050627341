// program/point_profile.hpp: how what a point costs varies over the index space of an irregular operation.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "graph/graph.hpp"
#include "trace/work_time.hpp"

namespace maniple {

class ThroughputHistory;

/// From `begin` to `end` of an index, as parts of its extent; nothing where both are 0.
struct Stretch {
    double begin = 0, end = 0;
    bool empty() const { return !(begin < end); }
};

/// Whether it is followed where an operation's points cost how much: where its kernel is irregular.
bool is_followed(const Operation& operation);

/// Where `points` lie along the index that is followed: the first that has a few coordinates, else the longest.
Stretch stretch_of(const Operation& operation, const Box& points);

/// Of one operation. Measured along one index alone: tiles are cut along one, and ranks most often.
class PointProfile {
public:
    static constexpr std::size_t parts = WorkTime::most_parts;

    /// What earlier runs of this operation (the same kernel, shapes, parameters and inputs' names) have measured. Along
    /// indices of which nothing is known the last points are taken to cost three times as much as the first: who calls
    /// a kernel irregular expects that even blocks do not take the same time.
    PointProfile(const Operation& operation, const Graph& graph, const ThroughputHistory& history);

    bool is_measured() const { return is_measured_; }
    /// What a point of `points` takes a thread on average: nanoseconds where it was measured, else against the mean of
    /// all.
    double mean(const Box& points) const;

private:
    double mean_along(const Stretch& stretch) const;
    double guess_across(const Box& points) const;

    const Operation& operation_;
    std::array<double, parts> cost_{};
    bool is_measured_ = false;
};

/// Of the operations of `graph` that are followed. Borrows the graph. Pure.
using PointProfiles = std::map<OperationId, PointProfile>;
PointProfiles point_profiles(const Graph& graph, const ThroughputHistory& history);

/// What a lane of the cpu has measured of an operation in one run; of little time nothing is kept, nor of an operation
/// that is not followed.
void add_profile(const Graph& graph, const Operation& operation, const WorkTime& time, ThroughputHistory& history);

/// There is room for the profiles of so many operations; of two that would take the same place the newer one stays.
inline constexpr std::size_t most_profiles = 32;
/// The place that a profile's entries, by `kernel` of their key, take; empty: it is none.
std::string_view place_of_profile(std::string_view kernel);

}  // namespace maniple
