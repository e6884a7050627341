#include <algorithm>

#include "plan/plan.hpp"

namespace maniple {

namespace {

/// A message of strided elements costs about this much more than one of contiguous ones; moving a byte between ranks
/// about this much more than touching it.
constexpr double strided_cost = 4;
constexpr double message_cost = 4;

/// Chooses one split for each operation, in order: the one with the least bytes touched on the busiest rank plus
/// weighted bytes that a rank in the middle lacks.
class DataPlanner {
public:
    DataPlanner(const Graph& graph, int ranks) : graph_(graph), ranks_(ranks) {
        plan_.strategy = "data";
        plan_.operations.resize(graph.operations.size());
        for (const GraphOutput& output : graph.outputs) plan_.outputs.push_back(even(graph[output.tensor].shape));
        placed_.resize(graph.operations.size(), false);
    }

    Plan plan() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            place(OperationId(i));
            placed_[i] = true;
        }
        return std::move(plan_);
    }

private:
    /// Along the first axis, as far as it goes.
    Split even(const Shape& shape) const {
        if (shape.rank() == 0 || shape[0] <= 1) return {};
        return {0, static_cast<int>(std::min<std::int64_t>(ranks_, shape[0]))};
    }

    void place(OperationId id) {
        const Operation& operation = graph_[id];
        OperationPlacement best;
        if (operation.kernel->is_fold() && operation.bound.index_space().empty()) {
            best.combines = true;  // nothing to accumulate, yet there may be results: neutral states on rank 0
            plan_.operations[id.index()] = best;
            return;
        }
        double best_cost = -1;
        for (int index = -1; index < static_cast<int>(operation.bound.indices.size()); ++index) {
            OperationPlacement candidate;
            if (!split_along(operation, index, candidate)) continue;
            plan_.operations[id.index()] = candidate;
            const double candidate_cost = cost(id);
            if (best_cost < 0 || candidate_cost < best_cost) {
                best = candidate;
                best_cost = candidate_cost;
            }
        }
        plan_.operations[id.index()] = best;
    }

    /// The placement that cuts `index` (-1: none). False if it may not be cut.
    bool split_along(const Operation& operation, int index, OperationPlacement& placement) const {
        if (index < 0) return true;
        const BoundSignature::Index& loop = operation.bound.indices[static_cast<std::size_t>(index)];
        const bool usable =
            !loop.whole && loop.extent > 1 && ranks_ > 1 && (!loop.contracted || operation.kernel->is_fold());
        if (!usable || (loop.contracted && !keeps_order(operation, operation.bound.index_space(), index))) return false;
        placement.points = {index, static_cast<int>(std::min<std::int64_t>(ranks_, loop.extent))};
        placement.combines = loop.contracted;
        if (loop.contracted) placement.result = result_split(operation);
        return true;
    }

    /// Results large enough to be worth it are finished by several ranks, else all by rank 0.
    Split result_split(const Operation& operation) const {
        constexpr std::int64_t worth_splitting = 4096;
        Shape kept;
        for (const int index : operation.bound.kept())
            kept.push_back(operation.bound.indices[static_cast<std::size_t>(index)].extent);
        return element_count(kept) < worth_splitting ? Split{} : even(kept);
    }

    double cost(OperationId id) const {
        const Operation& operation = graph_[id];
        const OperationPlacement& placement = plan_[id];
        const Box busiest = points_of(graph_, plan_, id, Rank(std::int32_t{0}));
        double total = static_cast<double>(busiest.volume()) * bytes_per_point(operation);
        const Rank middle(static_cast<std::int32_t>(placement.points.parts / 2));
        const bool contiguous = placement.points.index <= 0;
        for (const BoundAccess& read : operation.bound.reads) {
            total += message_cost * (contiguous ? 1 : strided_cost) * missing_bytes(operation, read, id, middle);
        }
        if (placement.combines) {
            const double states = static_cast<double>(results_of(graph_, plan_, id, Rank(std::int32_t{0})).volume());
            total += message_cost * states * placement.points.parts *
                     static_cast<double>(operation.kernel->types[operation.types].state_bytes);
        }
        return total;
    }

    double bytes_per_point(const Operation& operation) const {
        double bytes = 0;
        for (const TensorId input : operation.inputs) bytes += static_cast<double>(size_of(graph_[input].dtype));
        for (const TensorId output : operation.outputs) bytes += static_cast<double>(size_of(graph_[output].dtype));
        return bytes;
    }

    /// Bytes of one access that `rank` would have to get from another. Inputs that are not placed yet will be
    /// placed to suit their first reader, so only their halo is missing.
    double missing_bytes(const Operation& operation, const BoundAccess& read, OperationId id, Rank rank) const {
        const TensorId input = operation.inputs[static_cast<std::size_t>(read.argument)];
        const Tensor& tensor = graph_[input];
        const Box inside =
            intersect(touched_box(read, points_of(graph_, plan_, id, rank), tensor.shape), Box::whole(tensor.shape));
        if (inside.empty()) return 0;
        const Box have =
            is_placed(input) ? owned_box(graph_, plan_, input, rank) : without_halo(read, id, rank, tensor.shape);
        if (tensor.kind != Tensor::Kind::computed && !tensor.in_loop)
            return 0;  // read from the file where it is needed
        const Box common = intersect(inside, have);
        return static_cast<double>((inside.volume() - common.volume()) *
                                   static_cast<std::int64_t>(size_of(tensor.dtype)));
    }

    bool is_placed(TensorId id) const {
        const Tensor& tensor = graph_[id];
        if (tensor.kind == Tensor::Kind::computed) return true;
        const Carry* carry = graph_.carry_of(id);
        return carry != nullptr && graph_[carry->value].kind == Tensor::Kind::computed &&
               placed_[graph_[carry->value].producer.index()];
    }

    Box without_halo(const BoundAccess& read, OperationId id, Rank rank, const Shape& shape) const {
        BoundAccess core = read;
        for (AxisMap& map : core.axes) map.lo = map.hi = (map.lo + map.hi) / 2;
        return touched_box(core, points_of(graph_, plan_, id, rank), shape);
    }

    const Graph& graph_;
    int ranks_;
    Plan plan_;
    std::vector<bool> placed_;
};

}  // namespace

Plan make_plan(const Graph& graph, const Machine& machine, const PlanRequest& request) {
    int ranks = machine.size();
    if (request.max_ranks > 0) ranks = std::min(ranks, request.max_ranks);
    Plan plan = DataPlanner(graph, ranks).plan();
    plan.ranks = machine.size();
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const OperationId original = graph.operations[i].twin_of;
        if (original.valid()) plan.operations[i] = plan.operations[original.index()];
    }
    return plan;
}

}  // namespace maniple
