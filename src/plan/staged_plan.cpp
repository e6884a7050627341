#include "plan/staged_plan.hpp"

#include <algorithm>
#include <numeric>

#include "plan/block_cost.hpp"
#include "plan/data_plan.hpp"
#include "plan/partition.hpp"

namespace maniple {

namespace {

/// Ranks that compute an operation: so many model places from one on, in each of them `data` ranks.
struct Places {
    int first = 0;  ///< among the model places of all columns
    int count = 1;
};

/// The operations of a graph in their order, without twins, as items to be cut into parts.
class Items {
public:
    Items(const Graph& graph, const Plan& data, const Expectation& expectation)
        : graph_(graph), expectation_(expectation) {
        const std::vector<double> crossing = bytes_across();
        for (std::size_t i = 0; i < graph.operations.size(); ++i) {
            const Operation& operation = graph.operations[i];
            if (operation.twin_of.valid()) continue;
            const double times = expectation.times[i];
            const auto blocks = static_cast<double>(data.operations[i].points.count());
            PartitionItem item;
            item.work_ns = times *
                           work_ns(graph, operation, static_cast<double>(operation.bound->index_space().volume())) /
                           blocks;
            item.entering_ns = message_ns(crossing[i]);
            item.most_ranks = most_parts(operation, data.operations[i].points);
            item.uses = uses_of(operation);
            operations_.emplace_back(i);
            items_.push_back(std::move(item));
        }
    }

    const std::vector<OperationId>& operations() const { return operations_; }
    std::vector<PartitionItem> from(std::size_t first, std::size_t end) const {
        return {items_.begin() + static_cast<std::ptrdiff_t>(first), items_.begin() + static_cast<std::ptrdiff_t>(end)};
    }
    std::size_t size() const { return items_.size(); }

private:
    /// By operation: the bytes of tensors that are made before it and read by it or later.
    std::vector<double> bytes_across() const {
        std::vector<double> change(graph_.operations.size() + 1, 0);
        for (const Tensor& tensor : graph_.tensors) {
            if (tensor.kind != Tensor::Kind::computed || tensor.readers.empty()) continue;
            const double bytes = static_cast<double>(tensor.bytes()) * expectation_.times[tensor.producer.index()];
            const OperationId last = *std::max_element(tensor.readers.begin(), tensor.readers.end());
            change[tensor.producer.index() + 1] += bytes;
            change[last.index() + 1] -= bytes;
        }
        std::vector<double> crossing(graph_.operations.size(), 0);
        double bytes = 0;
        for (std::size_t i = 0; i < crossing.size(); ++i) crossing[i] = bytes += change[i];
        return crossing;
    }

    static int most_parts(const Operation& operation, const BlockGrid& data) {
        std::int64_t most = 1;
        for (std::size_t i = 0; i < operation.bound->indices.size(); ++i) {
            const auto index = static_cast<int>(i);
            const std::int64_t extent = operation.bound->indices[i].extent;
            if (may_cut(operation, index) && data.parts_along(index) == 1) most = std::max(most, extent);
        }
        return static_cast<int>(std::min<std::int64_t>(most, 1 << 20));
    }

    /// What is carried into another tensor has two versions at a time; both name it.
    std::vector<PartitionUse> uses_of(const Operation& operation) const {
        std::vector<PartitionUse> uses;
        const auto use = [&](TensorId id) {
            const bool known = std::any_of(uses.begin(), uses.end(),
                                           [&](const PartitionUse& other) { return other.thing == id.value; });
            if (!known) uses.push_back({id.value, graph_[id].bytes()});
        };
        for (const TensorId input : operation.inputs) use(input);
        for (const TensorId output : operation.outputs) use(output);
        return uses;
    }

    const Graph& graph_;
    const Expectation& expectation_;
    std::vector<OperationId> operations_;
    std::vector<PartitionItem> items_;
};

class StagedPlanner {
public:
    StagedPlanner(const Graph& graph, const GroupShape& shape, std::int64_t memory_bytes)
        : graph_(graph), shape_(shape), memory_bytes_(memory_bytes), expectation_(nothing_placed(graph)) {
        data_ = data_plan(graph, shape.data);
    }

    StagedPlan plan(bool may_fold) {
        const Items items(graph_, data_, expectation_);
        std::vector<int> stage_of = stages_of(items, shape_.stages);
        std::vector<int> columns = columns_of(stage_of, shape_.stages);
        if (may_fold && shape_.stages == shape_.columns && shape_.columns > 1) {
            const int twice = 2 * shape_.columns;
            const std::vector<int> finer = stages_of(items, twice);
            const std::vector<int> folded = forwards_and_backwards(twice);
            const double in_a_row = bytes_between(stage_of, columns);
            if (in_a_row > 0 && bytes_between(finer, folded) <= in_a_row) {
                stage_of = finer;
                columns = folded;
            }
        }
        return place(items, std::move(stage_of), std::move(columns));
    }

private:
    // --- Stages --------------------------------------------------------------------------------------------------

    /// By OperationId. A column's memory is shared by its ranks and its stages.
    std::vector<int> stages_of(const Items& items, int stages) const {
        PartitionProblem problem{items.from(0, items.size()), stages, 0};
        for (PartitionItem& item : problem.items) item.most_ranks = 1;
        const int passes = (stages + shape_.columns - 1) / shape_.columns;
        problem.memory_bytes = memory_bytes_ * shape_.model / passes;
        std::vector<int> stage_of(graph_.operations.size(), 0);
        int stage = 0;
        for (const Part& part : partition(problem)) {
            for (std::size_t i = part.first; i < part.end; ++i) stage_of[items.operations()[i].index()] = stage;
            ++stage;
        }
        return stage_of;
    }

    std::vector<int> forwards_and_backwards(int stages) const {
        std::vector<int> columns;
        for (int stage = 0; stage < stages; ++stage) {
            const int place = stage % shape_.columns;
            const bool forwards = stage / shape_.columns % 2 == 0;
            columns.push_back(forwards ? place : shape_.columns - 1 - place);
        }
        return columns;
    }

    std::vector<int> columns_of(const std::vector<int>& stage_of, int stages) const {
        std::vector<int> in_turn;
        for (int stage = 0; stage < stages; ++stage) in_turn.push_back(stage % shape_.columns);
        std::vector<int> folded = forwards_and_backwards(stages);
        return bytes_between(stage_of, folded) < bytes_between(stage_of, in_turn) ? folded : in_turn;
    }

    /// What is read on other columns than it is made on, once for each.
    double bytes_between(const std::vector<int>& stage_of, const std::vector<int>& columns) const {
        const auto column = [&](OperationId id) { return columns[static_cast<std::size_t>(stage_of[id.index()])]; };
        double bytes = 0;
        for (const Tensor& tensor : graph_.tensors) {
            if (tensor.kind != Tensor::Kind::computed) continue;
            std::vector<int> readers;
            for (const OperationId reader : tensor.readers) {
                const bool known = std::find(readers.begin(), readers.end(), column(reader)) != readers.end();
                if (known || column(reader) == column(tensor.producer)) continue;
                readers.push_back(column(reader));
                bytes += static_cast<double>(tensor.bytes()) * expectation_.times[tensor.producer.index()];
            }
        }
        return bytes;
    }

    // --- Operations ----------------------------------------------------------------------------------------------

    StagedPlan place(const Items& items, std::vector<int> stage_of, std::vector<int> columns) {
        Plan& plan = plan_;
        plan.ranks = shape_.ranks();
        plan.operations.resize(graph_.operations.size());
        plan.outputs = data_.outputs;
        const std::vector<OperationId>& operations = items.operations();
        std::size_t first = 0;
        while (first < operations.size()) {
            const int stage = stage_of[operations[first].index()];
            std::size_t end = first;
            while (end < operations.size() && stage_of[operations[end].index()] == stage) ++end;
            place_stage(items, first, end, columns[static_cast<std::size_t>(stage)] * shape_.model);
            first = end;
        }
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const OperationId original = graph_.operations[i].twin_of;
            if (!original.valid()) continue;
            plan.operations[i] = plan.operations[original.index()];
            stage_of[i] = stage_of[original.index()];
        }
        return {std::move(plan_), std::move(stage_of), std::move(columns)};
    }

    void place_stage(const Items& items, std::size_t first, std::size_t end, int place) {
        const PartitionProblem problem{items.from(first, end), shape_.model, memory_bytes_};
        for (const Part& part : partition(problem)) {
            for (std::size_t i = part.first; i < part.end; ++i)
                place_on(items.operations()[first + i], {place, part.ranks});
            place += part.ranks;
        }
    }

    void place_on(OperationId id, const Places& places) {
        BlockGrid whole = data_[id].points;
        whole.first = Rank(places.first * shape_.data);
        place_operation(graph_, plan_, id, whole);
        if (places.count > 1 && !graph_[id].bound->index_space().empty()) cut_over(id, places, whole);
        expectation_.placed[id.index()] = true;
    }

    /// Along the index that costs least. The batch is cut only where nothing else can be: who asks for whole operations
    /// on ranks wants their weights apart.
    void cut_over(OperationId id, const Places& places, const BlockGrid& whole) {
        const std::vector<int> indices = indices_to_cut(graph_[id], whole);
        BlockGrid best = whole;
        double best_ns = cost_of(graph_, plan_, expectation_, id).total();
        for (const int index : indices) {
            const std::int64_t extent = graph_[id].bound->indices[static_cast<std::size_t>(index)].extent;
            BlockGrid grid = whole;
            const int parts = static_cast<int>(std::min<std::int64_t>(places.count, extent));
            grid.cuts.insert(grid.cuts.begin(), {index, parts});
            place_operation(graph_, plan_, id, grid);
            const double ns = cost_of(graph_, plan_, expectation_, id).total();
            if (ns >= best_ns) continue;
            best = grid;
            best_ns = ns;
        }
        place_operation(graph_, plan_, id, best);
    }

    static std::vector<int> indices_to_cut(const Operation& operation, const BlockGrid& data) {
        std::vector<int> all, without_batch;
        if (data.cuts.size() == most_cuts) return all;
        const auto kept = operation.bound->kept();
        for (std::size_t i = 0; i < operation.bound->indices.size(); ++i) {
            const auto index = static_cast<int>(i);
            if (!may_cut(operation, index) || data.parts_along(index) > 1) continue;
            all.push_back(index);
            if (kept.empty() || index != kept.front()) without_batch.push_back(index);
        }
        return without_batch.empty() ? all : without_batch;
    }

    const Graph& graph_;
    GroupShape shape_;
    std::int64_t memory_bytes_;
    Expectation expectation_;
    Plan data_;
    Plan plan_;
};

}  // namespace

StagedPlan staged_plan(const Graph& graph, const GroupShape& shape, std::int64_t memory_bytes, bool may_fold) {
    return StagedPlanner(graph, shape, memory_bytes).plan(may_fold);
}

}  // namespace maniple
