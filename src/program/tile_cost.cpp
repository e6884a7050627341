#include "program/tile_cost.hpp"

#include <algorithm>
#include <cmath>

#include "base/whole_numbers.hpp"

namespace maniple {

namespace {

constexpr double shortest_tile_ns = 5 * tile_overhead_ns;
/// Progress is a tile that has ended.
constexpr double longest_tile_ns = 1e9;
/// Of an irregular kernel, against the mean.
constexpr double dearest_tile = 4;

std::int64_t bytes_in(const Graph& graph, TensorId tensor, const Box& box) {
    return box.volume() * static_cast<std::int64_t>(size_of(graph[tensor].dtype));
}

}  // namespace

double wanted_tile_ns(double total_ns, int threads, bool irregular) {
    if (threads < 2) return longest_tile_ns;
    const double balanced = std::sqrt(2 * total_ns * tile_overhead_ns / (threads - 1));
    return std::clamp(irregular ? balanced / dearest_tile : balanced, shortest_tile_ns, longest_tile_ns);
}

double cut_ns(const std::vector<Tile>& tiles, double point_ns, int threads) {
    double total = 0, longest = 0, count = 0;
    for (const Tile& tile : tiles) {
        if (tile.lane != LaneChoice::cpu_lane) continue;
        const double ns = static_cast<double>(tile.box.volume()) * point_ns;
        total += ns;
        longest = std::max(longest, ns);
        ++count;
    }
    const double apart = longest * (threads - 1) / (2.0 * threads);
    return std::max(longest, total / threads + apart) + count * tile_overhead_ns / threads;
}

bool may_follow_cost(const Operation& operation) {
    return operation.has_code() && operation.kernel->fast_variant(operation.types) == nullptr;
}

double tile_point_ns(const Layout& layout, const std::vector<double>& point_ns, OperationId id) {
    if (point_ns.empty()) return 0;
    double sum = 0;
    for (const OperationId part : layout.chains[id.index()]) sum += point_ns[part.index()];
    return layout.chains[id.index()].empty() ? point_ns[id.index()] : sum;
}

std::int64_t touched_bytes(const Graph& graph, const Operation& operation, const Box& points) {
    std::int64_t bytes = 0;
    for (std::size_t i = 0; i < operation.inputs.size(); ++i) {
        const Shape& shape = graph[operation.inputs[i]].shape;
        Box box = Box::nothing(shape.rank());
        for (const BoundAccess& access : operation.bound->reads) {
            if (access.argument == static_cast<int>(i)) box = bounding(box, touched_box(access, points, shape));
        }
        bytes = capped_sum(bytes, bytes_in(graph, operation.inputs[i], box));
    }
    for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
        const Box box = touched_box(operation.bound->writes[i], points, graph[operation.outputs[i]].shape);
        bytes = capped_sum(bytes, bytes_in(graph, operation.outputs[i], box));
    }
    return bytes;
}

}  // namespace maniple
