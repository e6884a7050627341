#include "run/lane_watch.hpp"

#include <algorithm>
#include <numeric>

namespace maniple {

namespace {

/// What a block takes less for is not measured well enough.
constexpr double least_ns = 20000;
/// From then on changes become rarer.
constexpr std::size_t settling_changes = 5;

std::size_t place_of(int lane) { return static_cast<std::size_t>(lane + 1); }

/// Points of an operation by lane, the cpu's first.
std::vector<double> points_by_lane(const Layout& layout, std::size_t operation) {
    std::vector<double> points(1 + layout.lanes.gpus.size(), 0);
    for (const Tile& tile : layout.tiles[operation])
        points[place_of(tile.lane)] += static_cast<double>(tile.box.volume());
    return points;
}

}  // namespace

void LaneWatch::Speed::add(const WorkTime& so_far) {
    const double more_points = static_cast<double>(so_far.points) - points;
    const double more_ns = so_far.ns - ns;
    if (more_points <= 0 || more_ns < least_ns) return;
    points += more_points;
    ns += more_ns;
    recent[blocks++ % most_recent] = more_ns / more_points;
}

/// Of two the newer: the first one may have been slow because it was the first.
double LaneWatch::Speed::ns_per_point() const {
    if (blocks == 0) return 0;
    if (blocks < most_recent) return recent[blocks - 1];
    double sorted[most_recent];
    std::copy(std::begin(recent), std::end(recent), std::begin(sorted));
    std::sort(std::begin(sorted), std::end(sorted));
    return sorted[most_recent / 2];
}

void LaneWatch::add(const std::vector<WorkTimes>& lanes) {
    ++since_change_;
    lanes_.resize(lanes.size());
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
        if (lanes_[lane].size() < lanes[lane].size()) lanes_[lane].resize(lanes[lane].size());
        for (std::size_t i = 0; i < lanes[lane].size(); ++i) lanes_[lane][i].add(lanes[lane][i]);
    }
}

/// Points a nanosecond, as LaneChoice::lanes; empty where one of them is not known.
std::vector<double> LaneWatch::speeds_of(OperationId id, const Layout& layout) const {
    std::vector<double> speeds;
    for (const int lane : layout.lanes.of(id)) {
        const std::vector<Speed>& known = lanes_[place_of(lane)];
        const double ns = id.index() < known.size() ? known[id.index()].ns_per_point() : 0;
        if (ns <= 0) return {};
        // The cpu's times are sums over its threads.
        const int threads = lane == LaneChoice::cpu_lane ? std::max(1, layout.lanes.threads) : 1;
        speeds.push_back(threads / ns);
    }
    return speeds;
}

std::optional<ShareChange> LaneWatch::decide(const Graph& graph, const Layout& layout) const {
    ShareChange change;
    bool drifts = false;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const OperationId id(i);
        change.weights.push_back(layout.lanes.weights_of(id));
        if (!layout.recuttable[i] || graph[id].twin_of.valid()) continue;
        std::vector<double> speeds = speeds_of(id, layout);
        if (speeds.empty()) continue;
        const std::vector<int> lanes = layout.lanes.of(id);
        const std::vector<double> points = points_by_lane(layout, i);
        double slowest = 0;
        for (std::size_t k = 0; k < lanes.size(); ++k)
            slowest = std::max(slowest, points[place_of(lanes[k])] / speeds[k]);
        const double together =
            std::accumulate(points.begin(), points.end(), 0.0) / std::accumulate(speeds.begin(), speeds.end(), 0.0);
        if (slowest <= most_imbalance * together) continue;
        drifts = true;
        change.gain_ns += slowest - together;
        change.weights.back() = std::move(speeds);
    }
    if (!drifts) return std::nullopt;
    return change;
}

void LaneWatch::has_changed() {
    since_change_ = 0;
    if (++changes_ > settling_changes) patience_ *= 2;
}

void LaneWatch::has_looked_in_vain() {
    since_change_ = 0;
    patience_ *= 2;
}

std::vector<double> lane_shares(const Layout& layout) {
    std::vector<double> shares(1 + layout.lanes.gpus.size(), 0);
    for (std::size_t i = 0; i < layout.tiles.size(); ++i) {
        if (layout.lanes.of(OperationId(i)).size() < 2) continue;
        const std::vector<double> points = points_by_lane(layout, i);
        for (std::size_t lane = 0; lane < points.size(); ++lane) shares[lane] += points[lane];
    }
    const double all = std::accumulate(shares.begin(), shares.end(), 0.0);
    if (all == 0) return {};
    for (double& share : shares) share /= all;
    return shares;
}

}  // namespace maniple
