#include "run/border_watch.hpp"

#include <algorithm>

namespace maniple {

namespace {

/// Of building programs again, for a guess.
constexpr double rebuild_seconds = 0.05;
/// What copies and messages between ranks carry a second, for a guess.
constexpr double moved_bytes_per_second = 1e9;

/// What the steps of a loop hand on, and what all of them read.
double held_bytes(const Graph& graph) {
    double bytes = 0;
    for (const Tensor& tensor : graph.tensors) {
        const bool held = tensor.kind != Tensor::Kind::computed || !tensor.in_loop;
        if (held) bytes += static_cast<double>(tensor.bytes());
    }
    return bytes;
}

}  // namespace

double BorderWatch::take() {
    const auto middle = recent_.begin() + recent_.size() / 2;
    std::nth_element(recent_.begin(), middle, recent_.end());
    count_ = 0;
    return *middle;
}

std::optional<MovedBorders> BorderWatch::decide(const Graph& graph, const Plan& plan,
                                                std::span<const double> busy_seconds, std::int64_t left) {
    const double slowest = *std::max_element(busy_seconds.begin(), busy_seconds.end());
    std::optional<MovedBorders> moved = move_borders(graph, plan, busy_seconds);
    if (!moved || slowest < most_imbalance * moved->step_seconds) return std::nullopt;
    const double gain = (slowest - moved->step_seconds) * static_cast<double>(left);
    const double cost = rebuild_seconds + moved->moved_fraction * held_bytes(graph) / moved_bytes_per_second;
    if (gain < cost) return std::nullopt;
    return moved;
}

}  // namespace maniple
