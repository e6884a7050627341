#include <algorithm>
#include <numeric>

#include "plan/plan.hpp"

namespace maniple {

namespace {

/// The kept axes of a box of all loop indices, even where that is empty.
Box kept_part(const Operation& operation, const Box& points) {
    Box result;
    for (const int index : operation.bound->kept()) {
        result.lo.push_back(points.lo[index]);
        result.hi.push_back(points.hi[index]);
    }
    return result;
}

/// The box of kept indices under `points`.
Box kept_of(const Operation& operation, const Box& points) {
    if (points.empty()) return Box::nothing(static_cast<int>(operation.bound->kept().size()));
    return kept_part(operation, points);
}

bool is_contracted(const Operation& operation, const Cut& cut) {
    return operation.bound->indices[static_cast<std::size_t>(cut.index)].contracted;
}

/// The number of `rank` among those that fold parts of the same results.
int member_of(const Operation& operation, const OperationPlacement& placement, Rank rank) {
    int member = 0;
    for (std::size_t i = 0; i < placement.points.cuts.size(); ++i) {
        const Cut& cut = placement.points.cuts[i];
        if (is_contracted(operation, cut)) member = member * cut.parts + placement.points.part_of(rank, i);
    }
    return member;
}

/// The axis along which results are shared among those who finish them: the first that is long enough, else the longest.
int finished_along(const Box& kept, int finishers) {
    int longest = 0;
    for (int axis = 0; axis < kept.rank(); ++axis) {
        if (kept.extent(axis) >= finishers) return axis;
        if (kept.extent(axis) > kept.extent(longest)) longest = axis;
    }
    return longest;
}

/// `kept` as a box of all loop indices, contracted ones at [0, 1).
Box points_over_kept(const Operation& operation, const Box& kept) {
    const int rank = static_cast<int>(operation.bound->indices.size());
    if (kept.absent) return Box::nothing(rank);
    Box result{Extents(rank, 0), Extents(rank, 1)};
    const auto indices = operation.bound->kept();
    for (std::size_t i = 0; i < indices.size(); ++i) {
        result.lo[indices[i]] = kept.lo[static_cast<int>(i)];
        result.hi[indices[i]] = kept.hi[static_cast<int>(i)];
    }
    return result;
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

/// Every access to a tensor.
std::vector<LoadedRead> readings_of(const Graph& graph, TensorId id) {
    std::vector<LoadedRead> readings;
    for (const OperationId reader : graph[id].readers) {
        const Operation& operation = graph[reader];
        for (std::size_t access = 0; access < operation.bound->reads.size(); ++access) {
            const auto argument = static_cast<std::size_t>(operation.bound->reads[access].argument);
            if (operation.inputs[argument] == id) readings.push_back({reader, access});
        }
    }
    return readings;
}

/// Whether every rank reads the same in both. Other points along an index that the access does not follow are all one: of
/// a batch in pieces every piece reads the same weights.
bool reads_alike(const Graph& graph, const Plan& plan, const LoadedRead& a, const LoadedRead& b) {
    const BoundSignature& first = *graph[a.operation].bound;
    const BoundSignature& second = *graph[b.operation].bound;
    const std::vector<AxisMap>& axes = first.reads[a.access].axes;
    if (plan[a.operation].points != plan[b.operation].points) return false;
    if (a.access == b.access && graph[a.operation].bound.is(graph[b.operation].bound)) return true;
    if (axes != second.reads[b.access].axes || first.indices.size() != second.indices.size()) return false;
    for (std::size_t i = 0; i < first.indices.size(); ++i) {
        const BoundSignature::Index &x = first.indices[i], &y = second.indices[i];
        if (x.from == y.from && x.end() == y.end()) continue;
        const bool follows = std::any_of(axes.begin(), axes.end(), [&](const AxisMap& map) {
            return std::any_of(map.terms.begin(), map.terms.end(),
                               [&](const AxisMap::Term& term) { return term.index == static_cast<int>(i); });
        });
        if (follows || x.points() == 0 || y.points() == 0) return false;
    }
    return true;
}

/// The bounding box of what `rank` reads of a loaded tensor inside of it, and of what it writes of it to files.
Box read_box(const Graph& graph, const Plan& plan, TensorId id, Rank rank) {
    const Tensor& tensor = graph[id];
    Box box = Box::nothing(tensor.shape.rank());
    const std::vector<LoadedRead> all = plan.readings.empty() ? readings_of(graph, id) : std::vector<LoadedRead>{};
    for (const LoadedRead& reading : plan.readings.empty() ? all : plan.readings[id.index()]) {
        const Box points = points_of(graph, plan, reading.operation, rank);
        if (points.empty()) continue;
        const BoundAccess& read = graph[reading.operation].bound->reads[reading.access];
        box = bounding(box, intersect(touched_box(read, points, tensor.shape), Box::whole(tensor.shape)));
    }
    for (std::size_t output = 0; output < graph.outputs.size(); ++output) {
        if (graph.outputs[output].tensor == id)
            box = bounding(box, plan.outputs[output].block(Box::whole(tensor.shape), rank));
    }
    return box;
}

}  // namespace

void find_readings(const Graph& graph, Plan& plan) {
    constexpr std::size_t most_compared = 64;
    plan.readings.assign(graph.tensors.size(), {});
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        if (graph.tensors[i].kind == Tensor::Kind::computed) continue;
        std::vector<LoadedRead>& found = plan.readings[i];
        for (const LoadedRead& reading : readings_of(graph, TensorId(i))) {
            const auto compared = found.end() - static_cast<std::ptrdiff_t>(std::min(most_compared, found.size()));
            const bool known = std::any_of(compared, found.end(), [&](const LoadedRead& other) {
                return reads_alike(graph, plan, reading, other);
            });
            if (!known) found.push_back(reading);
        }
    }
}

bool keeps_order(const Operation& operation, const Box& box, int index) {
    if (operation.kernel->signature.fold != "fold") return true;
    for (int outer = 0; outer < index; ++outer) {
        if (operation.bound->indices[static_cast<std::size_t>(outer)].contracted && box.extent(outer) > 1) return false;
    }
    return true;
}

bool may_cut(const Operation& operation, int index) {
    const BoundSignature::Index& loop = operation.bound->indices[static_cast<std::size_t>(index)];
    if (loop.whole || loop.points() < 2) return false;
    return !loop.contracted ||
           (operation.kernel->is_fold() && keeps_order(operation, operation.bound->index_space(), index));
}

OperationId leading_operation(const Graph& graph, const Plan& plan) {
    OperationId leading;
    std::int64_t most = 0;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const BlockGrid& grid = plan.operations[i].points;
        const std::int64_t points = graph.operations[i].bound->index_space().volume();
        if (!graph.operations[i].in_loop || grid.count() < 2 || points <= most) continue;
        leading = OperationId(i);
        most = points;
    }
    return leading;
}

TensorId computed_source(const Graph& graph, TensorId id) {
    for (std::size_t hops = 0; hops < graph.carries.size(); ++hops) {
        const Carry* carry = graph.carry_of(id);
        if (carry == nullptr) return {};
        id = carry->value;
        if (graph[id].kind == Tensor::Kind::computed) return id;
    }
    return {};
}

Box points_of(const Graph& graph, const Plan& plan, OperationId operation, Rank rank) {
    const BlockGrid& grid = plan[operation].points;
    const BoundSignature& bound = *graph[operation].bound;
    // Of many ranks most have no part of most operations.
    if (!grid.holds(rank)) return Box::nothing(static_cast<int>(bound.indices.size()));
    return grid.block(bound.index_space(), rank);
}

Box results_of(const Graph& graph, const Plan& plan, OperationId id, Rank rank) {
    const Operation& operation = graph[id];
    const OperationPlacement& placement = plan[id];
    if (!placement.combines) return kept_of(operation, points_of(graph, plan, id, rank));
    const Box nothing = Box::nothing(static_cast<int>(operation.bound->kept().size()));
    if (!placement.points.holds(rank)) return nothing;
    const int member = member_of(operation, placement, rank);
    if (member >= placement.finishers) return nothing;
    // Not by way of kept_of: where nothing is folded there are results none the less.
    const Box kept = kept_part(operation, placement.points.block(operation.bound->index_space(), rank));
    if (placement.finishers == 1) return kept;
    return Cut{finished_along(kept, placement.finishers), placement.finishers}.part(kept, member);
}

std::vector<Rank> combining_ranks(const Graph& graph, const Plan& plan, OperationId id, Rank rank) {
    const BlockGrid& grid = plan[id].points;
    if (points_of(graph, plan, id, rank).empty()) return {};
    std::vector<std::vector<int>> parts;
    for (std::size_t i = 0; i < grid.cuts.size(); ++i) {
        parts.push_back({grid.part_of(rank, i)});
        if (!is_contracted(graph[id], grid.cuts[i])) continue;
        parts.back().resize(static_cast<std::size_t>(grid.cuts[i].parts));
        std::iota(parts.back().begin(), parts.back().end(), 0);
    }
    return grid.ranks_at(parts);
}

Box owned_box(const Graph& graph, const Plan& plan, TensorId id, Rank rank) {
    const Tensor& tensor = graph[id];
    if (tensor.kind == Tensor::Kind::computed) {
        const Operation& operation = graph[tensor.producer];
        const auto output =
            std::find(operation.outputs.begin(), operation.outputs.end(), id) - operation.outputs.begin();
        const Box points = operation.kernel->is_fold()
                               ? points_over_kept(operation, results_of(graph, plan, tensor.producer, rank))
                               : points_of(graph, plan, tensor.producer, rank);
        if (points.empty()) return Box::nothing(tensor.shape.rank());
        return touched_box(operation.bound->writes[static_cast<std::size_t>(output)], points, tensor.shape);
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

bool has_part(const Graph& graph, const Plan& plan, Rank rank) {
    const auto is_of = [&](const OperationPlacement& one) { return one.claimable || one.points.holds(rank); };
    const auto writes = [&](const BlockGrid& grid) { return grid.holds(rank); };
    return graph.until.valid() || std::any_of(plan.operations.begin(), plan.operations.end(), is_of) ||
           std::any_of(plan.outputs.begin(), plan.outputs.end(), writes);
}

}  // namespace maniple
