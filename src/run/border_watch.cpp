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
    // Looked at first, since to move borders copies a plan.
    const double slowest = *std::max_element(busy_seconds.begin(), busy_seconds.end());
    const double even = even_step_seconds(graph, plan, busy_seconds);
    const double gain = (slowest - even) * static_cast<double>(left);
    if (even == 0 || slowest < most_imbalance * even || gain < rebuild_seconds) return std::nullopt;
    std::optional<MovedBorders> moved = move_borders(graph, plan, busy_seconds);
    if (!moved) return std::nullopt;
    if (gain < rebuild_seconds + moved->moved_fraction * held_bytes(graph) / moved_bytes_per_second)
        return std::nullopt;
    return moved;
}

}  // namespace maniple
