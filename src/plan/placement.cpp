#include <algorithm>

#include "plan/plan.hpp"

namespace maniple {

namespace {

/// Kept indices of `operation` as a space of their own.
Box kept_space(const Operation& operation) {
    const Box space = operation.bound.index_space();
    Box result;
    for (const int index : operation.bound.kept()) {
        result.lo.push_back(space.lo[index]);
        result.hi.push_back(space.hi[index]);
    }
    return result;
}

/// The box of kept indices under `points`.
Box kept_of(const Operation& operation, const Box& points) {
    if (points.empty()) return Box::nothing(static_cast<int>(operation.bound.kept().size()));
    Box result;
    for (const int index : operation.bound.kept()) {
        result.lo.push_back(points.lo[index]);
        result.hi.push_back(points.hi[index]);
    }
    return result;
}

/// `kept` as a box of all loop indices, contracted ones at [0, 1).
Box points_over_kept(const Operation& operation, const Box& kept) {
    const int rank = static_cast<int>(operation.bound.indices.size());
    if (kept.absent) return Box::nothing(rank);
    Box result{Extents(rank, 0), Extents(rank, 1)};
    const std::vector<int> indices = operation.bound.kept();
    for (std::size_t i = 0; i < indices.size(); ++i) {
        result.lo[indices[i]] = kept.lo[static_cast<int>(i)];
        result.hi[indices[i]] = kept.hi[static_cast<int>(i)];
    }
    return result;
}

/// The computed tensor that is carried into input `id`, directly or through other inputs; none if they lead elsewhere.
TensorId computed_source(const Graph& graph, TensorId id) {
    for (std::size_t hops = 0; hops < graph.carries.size(); ++hops) {
        const Carry* carry = graph.carry_of(id);
        if (carry == nullptr) return {};
        id = carry->value;
        if (graph[id].kind == Tensor::Kind::computed) return id;
    }
    return {};
}

/// `id` and the inputs that it is carried into, directly or through others.
std::vector<TensorId> carried_into(const Graph& graph, TensorId id) {
    std::vector<TensorId> found = {id};
    for (std::size_t i = 0; i < found.size(); ++i) {
        for (const Carry& carry : graph.carries) {
            const bool known = std::find(found.begin(), found.end(), carry.input) != found.end();
            if (carry.value == found[i] && !known) found.push_back(carry.input);
        }
    }
    return found;
}

/// The bounding box of what `rank` reads of a loaded tensor inside of it, and of what it writes of it to files.
Box read_box(const Graph& graph, const Plan& plan, TensorId id, Rank rank) {
    const Tensor& tensor = graph[id];
    Box box = Box::nothing(tensor.shape.rank());
    for (const OperationId reader : tensor.readers) {
        const Operation& operation = graph[reader];
        const Box points = points_of(graph, plan, reader, rank);
        for (const BoundAccess& read : operation.bound.reads) {
            if (operation.inputs[static_cast<std::size_t>(read.argument)] != id || points.empty()) continue;
            box = bounding(box, intersect(touched_box(read, points, tensor.shape), Box::whole(tensor.shape)));
        }
    }
    for (std::size_t output = 0; output < graph.outputs.size(); ++output) {
        if (graph.outputs[output].tensor == id)
            box = bounding(box, plan.outputs[output].block(Box::whole(tensor.shape), rank));
    }
    return box;
}

}  // namespace

bool keeps_order(const Operation& operation, const Box& box, int index) {
    if (operation.kernel->signature.fold != "fold") return true;
    for (int outer = 0; outer < index; ++outer) {
        if (operation.bound.indices[static_cast<std::size_t>(outer)].contracted && box.extent(outer) > 1) return false;
    }
    return true;
}

Box Split::block(const Box& space, Rank rank) const {
    if (rank.value < 0 || rank.value >= parts) return Box::nothing(space.rank());
    Box box = space;
    if (index < 0 || parts == 1) return box;
    const std::int64_t base = space.extent(index) / parts;
    const std::int64_t extra = space.extent(index) % parts;
    const std::int64_t part = rank.value;
    box.lo[index] = space.lo[index] + part * base + std::min(part, extra);
    box.hi[index] = box.lo[index] + base + (part < extra ? 1 : 0);
    return box;
}

Box points_of(const Graph& graph, const Plan& plan, OperationId operation, Rank rank) {
    return plan[operation].points.block(graph[operation].bound.index_space(), rank);
}

Box results_of(const Graph& graph, const Plan& plan, OperationId id, Rank rank) {
    const Operation& operation = graph[id];
    if (plan[id].combines) return plan[id].result.block(kept_space(operation), rank);
    return kept_of(operation, points_of(graph, plan, id, rank));
}

Box owned_box(const Graph& graph, const Plan& plan, TensorId id, Rank rank) {
    const Tensor& tensor = graph[id];
    if (tensor.kind == Tensor::Kind::computed) {
        const Operation& operation = graph[tensor.producer];
        const auto output =
            std::find(operation.outputs.begin(), operation.outputs.end(), id) - operation.outputs.begin();
        const Box points = points_over_kept(operation, results_of(graph, plan, tensor.producer, rank));
        if (points.empty()) return Box::nothing(tensor.shape.rank());
        return touched_box(operation.bound.writes[static_cast<std::size_t>(output)], points, tensor.shape);
    }
    if (const TensorId source = computed_source(graph, id); source.valid()) return owned_box(graph, plan, source, rank);
    Box owned = Box::nothing(tensor.shape.rank());
    for (const TensorId successor : carried_into(graph, id))
        owned = bounding(owned, read_box(graph, plan, successor, rank));
    return owned;
}

Box written_box(const Graph& graph, const Plan& plan, std::size_t output, Rank rank) {
    const TensorId id = graph.outputs[output].tensor;
    const bool computed = graph[id].kind == Tensor::Kind::computed || computed_source(graph, id).valid();
    if (computed) return owned_box(graph, plan, id, rank);
    return plan.outputs[output].block(Box::whole(graph[id].shape), rank);
}

}  // namespace maniple
