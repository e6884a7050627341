// program/rank_points.hpp: what one rank computes of operations, asked for again and again.
#pragma once

#include <algorithm>
#include <array>

#include "plan/plan.hpp"

namespace maniple {

/// points_of() of one rank. Most operations share their bound signature with others near by, and then these boxes: the last few
/// are kept. Borrows graph and plan.
class RankPoints {
public:
    RankPoints(const Graph& graph, const Plan& plan, Rank rank) : graph_(graph), plan_(plan), rank_(rank) {}

    /// Valid until the next call.
    const Box& of(OperationId id) {
        for (const Kept& one : kept_) {
            if (one.operation.valid() && graph_[one.operation].bound.is(graph_[id].bound) &&
                plan_[one.operation].points == plan_[id].points)
                return one.box;
        }
        Kept& oldest = kept_[next_++ % kept_.size()];
        oldest = {id, points_of(graph_, plan_, id, rank_)};
        return oldest.box;
    }

    /// As owned_box().
    Box owned(TensorId id) {
        const Tensor& tensor = graph_[id];
        if (tensor.kind != Tensor::Kind::computed || graph_[tensor.producer].kernel->is_fold())
            return owned_box(graph_, plan_, id, rank_);
        const Operation& producer = graph_[tensor.producer];
        const Box& points = of(tensor.producer);
        if (points.empty()) return Box::nothing(tensor.shape.rank());
        const auto output = std::find(producer.outputs.begin(), producer.outputs.end(), id) - producer.outputs.begin();
        return touched_box(producer.bound->writes[static_cast<std::size_t>(output)], points, tensor.shape);
    }

private:
    struct Kept {
        OperationId operation;
        Box box;
    };
    const Graph& graph_;
    const Plan& plan_;
    Rank rank_;
    std::array<Kept, 4> kept_ = {};
    std::size_t next_ = 0;
};

}  // namespace maniple
