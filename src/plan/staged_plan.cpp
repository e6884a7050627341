#include "plan/staged_plan.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "plan/block_cost.hpp"
#include "plan/data_plan.hpp"
#include "plan/fold.hpp"
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
        : graph_(graph), expectation_(expectation), item_of_(graph.operations.size()) {
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
            item_of_[i] = items_.size();
            operations_.emplace_back(i);
            items_.push_back(std::move(item));
        }
    }

    const std::vector<OperationId>& operations() const { return operations_; }
    std::vector<PartitionItem> from(std::size_t first, std::size_t end) const {
        return {items_.begin() + static_cast<std::ptrdiff_t>(first), items_.begin() + static_cast<std::ptrdiff_t>(end)};
    }
    std::size_t size() const { return items_.size(); }
    double work_of(std::size_t item) const { return items_[item].work_ns; }

    /// 0 for twins.
    std::vector<double> work_by_operation() const {
        std::vector<double> work(graph_.operations.size(), 0);
        for (std::size_t i = 0; i < items_.size(); ++i) work[operations_[i].index()] = items_[i].work_ns;
        return work;
    }

    /// The operations of a step as one item, which waits for all that crosses.
    PartitionItem together(const FoldStep& step) const {
        PartitionItem all;
        all.entering_ns = message_ns(step.crossing_bytes);
        for (const OperationId id : step.operations) {
            const PartitionItem& one = items_[item_of_[id.index()]];
            all.work_ns += one.work_ns;
            for (const PartitionUse& use : one.uses) add_use(all.uses, use);
        }
        return all;
    }

private:
    static void add_use(std::vector<PartitionUse>& uses, const PartitionUse& use) {
        const bool known =
            std::any_of(uses.begin(), uses.end(), [&](const PartitionUse& other) { return other.thing == use.thing; });
        if (!known) uses.push_back(use);
    }

    /// By operation: the bytes of tensors that are made before it and read by it or later. Twins, which stand behind all
    /// others, read where their originals do.
    std::vector<double> bytes_across() const {
        std::vector<double> change(graph_.operations.size() + 1, 0);
        for (const Tensor& tensor : graph_.tensors) {
            if (tensor.kind != Tensor::Kind::computed || tensor.readers.empty()) continue;
            const double bytes = static_cast<double>(tensor.bytes()) * expectation_.times[tensor.producer.index()];
            OperationId last = tensor.producer;
            for (const OperationId reader : tensor.readers) {
                if (!graph_[reader].twin_of.valid()) last = std::max(last, reader);
            }
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
        const auto use = [&](TensorId id) { add_use(uses, {id.value, graph_[id].bytes()}); };
        for (const TensorId input : operation.inputs) use(input);
        for (const TensorId output : operation.outputs) use(output);
        return uses;
    }

    const Graph& graph_;
    const Expectation& expectation_;
    std::vector<std::size_t> item_of_;  ///< by OperationId
    std::vector<OperationId> operations_;
    std::vector<PartitionItem> items_;
};

class StagedPlanner {
public:
    StagedPlanner(const Graph& graph, const GroupShape& shape, std::int64_t memory_bytes)
        : graph_(graph), shape_(shape), memory_bytes_(memory_bytes), expectation_(nothing_placed(graph)) {
        data_ = data_plan(graph, shape.data);
    }

    StagedPlan plan(bool chooses_stages) {
        const Items items(graph_, data_, expectation_);
        Staging staging = in_order(items, chooses_stages);
        const bool may_fold = shape_.columns > 1 && (chooses_stages || shape_.stages == 2 * shape_.columns);
        if (may_fold) {
            std::optional<Staging> folded = fold(items);
            if (folded && is_worth_folding(items, staging, *folded)) staging = std::move(*folded);
        }
        return place(items, std::move(staging.stage_of), std::move(staging.column_of));
    }

private:
    struct Staging {
        std::vector<int> stage_of;   ///< by OperationId
        std::vector<int> column_of;  ///< by stage
    };

    // --- Stages --------------------------------------------------------------------------------------------------

    Staging in_order(const Items& items, bool chooses_stages) const {
        Staging staging;
        staging.stage_of = stages_of(items, shape_.stages, chooses_stages);
        staging.column_of = columns_of(staging.stage_of, shape_.stages);
        return staging;
    }

    /// By OperationId. A column's memory is shared by its ranks and its stages. Who chooses has as few as are as fast.
    std::vector<int> stages_of(const Items& items, int stages, bool chooses) const {
        PartitionProblem problem{items.from(0, items.size()), stages, 0};
        for (PartitionItem& item : problem.items) item.most_ranks = 1;
        const int passes = (stages + shape_.columns - 1) / shape_.columns;
        problem.memory_bytes = memory_bytes_ * shape_.model / passes;
        std::vector<int> stage_of(graph_.operations.size(), 0);
        int stage = 0;
        std::vector<Part> parts = partition(problem);
        if (!chooses) parts = split_further(problem, std::move(parts), stages);
        for (const Part& part : parts) {
            for (std::size_t i = part.first; i < part.end; ++i) stage_of[items.operations()[i].index()] = stage;
            ++stage;
        }
        return stage_of;
    }

    /// Each column has steps from both ends of what the columns before have left (fold.hpp): those from the front are a
    /// stage on the way there, those from the end one on the way back. The last column turns in the middle of its work.
    /// Nothing where a column would have only one of both.
    std::optional<Staging> fold(const Items& items) const {
        const std::vector<FoldStep> steps = fold_steps(graph_, expectation_.times, items.work_by_operation());
        PartitionProblem problem{{}, shape_.columns, memory_bytes_ * shape_.model};
        for (const FoldStep& step : steps) problem.items.push_back(items.together(step));
        const std::vector<Part> parts = partition(problem);
        if (std::ssize(parts) < shape_.columns) return std::nullopt;
        const int stages = 2 * shape_.columns;
        Staging folded{std::vector<int>(graph_.operations.size(), 0), forwards_and_backwards(stages)};
        std::vector<bool> used(static_cast<std::size_t>(stages), false);
        const auto put = [&](const FoldStep& step, int stage) {
            used[static_cast<std::size_t>(stage)] = true;
            for (const OperationId id : step.operations) folded.stage_of[id.index()] = stage;
        };
        for (int column = 0; column < shape_.columns - 1; ++column) {
            const Part& part = parts[static_cast<std::size_t>(column)];
            for (std::size_t i = part.first; i < part.end; ++i)
                put(steps[i], steps[i].from_end ? stages - 1 - column : column);
        }
        std::vector<FoldStep> last(steps.begin() + static_cast<std::ptrdiff_t>(parts.back().first), steps.end());
        std::sort(last.begin(), last.end(),
                  [](const FoldStep& a, const FoldStep& b) { return a.operations[0] < b.operations[0]; });
        PartitionProblem turn{{}, 2, 0};
        for (const FoldStep& step : last) turn.items.push_back(items.together(step));
        const std::size_t middle = split_further(turn, {{0, last.size(), 1}}, 2).front().end;
        for (std::size_t i = 0; i < last.size(); ++i) put(last[i], shape_.columns - (i < middle ? 1 : 0));
        if (!std::all_of(used.begin(), used.end(), [](bool each) { return each; })) return std::nullopt;
        return folded;
    }

    /// A fold of fewer than a row's bytes, each counted for every column that it passes: for so long both ranks keep them.
    /// Work cannot be shared out as evenly from both ends as from one: a fold may be slower by no more than it is likely to
    /// gain where messages and memory are less.
    bool is_worth_folding(const Items& items, const Staging& row, const Staging& folded) const {
        constexpr double most_times_as_slow = 1.2;
        return bytes_carried(folded) < bytes_carried(row) &&
               slowest_ns(items, folded) <= most_times_as_slow * slowest_ns(items, row);
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
        Staging in_turn{stage_of, {}}, folded{stage_of, forwards_and_backwards(stages)};
        for (int stage = 0; stage < stages; ++stage) in_turn.column_of.push_back(stage % shape_.columns);
        return bytes_between(folded) < bytes_between(in_turn) ? folded.column_of : in_turn.column_of;
    }

    /// Calls `seen` with the bytes, the column that makes them and each other one that reads them.
    template <class Seen>
    void for_each_crossing(const Staging& staging, Seen&& seen) const {
        const auto column = [&](OperationId id) {
            return staging.column_of[static_cast<std::size_t>(staging.stage_of[place_of(id).index()])];
        };
        std::vector<int> readers;
        for (const Tensor& tensor : graph_.tensors) {
            if (tensor.kind != Tensor::Kind::computed) continue;
            readers.clear();
            const double bytes = static_cast<double>(tensor.bytes()) * expectation_.times[tensor.producer.index()];
            for (const OperationId reader : tensor.readers) {
                const bool known = std::find(readers.begin(), readers.end(), column(reader)) != readers.end();
                if (known || column(reader) == column(tensor.producer)) continue;
                readers.push_back(column(reader));
                seen(bytes, column(tensor.producer), column(reader));
            }
        }
    }

    /// Of a twin, the one whose place it takes.
    OperationId place_of(OperationId id) const { return graph_[id].twin_of.valid() ? graph_[id].twin_of : id; }

    /// What is read on other columns than it is made on, once for each.
    double bytes_between(const Staging& staging) const {
        double bytes = 0;
        for_each_crossing(staging, [&](double each, int, int) { bytes += each; });
        return bytes;
    }

    /// The same, times the columns from the one to the other.
    double bytes_carried(const Staging& staging) const {
        double bytes = 0;
        for_each_crossing(staging, [&](double each, int from, int to) { bytes += each * std::abs(to - from); });
        return bytes;
    }

    /// The work of the slowest column and what it receives.
    double slowest_ns(const Items& items, const Staging& staging) const {
        std::vector<double> ns(static_cast<std::size_t>(shape_.columns), 0), received = ns;
        for (std::size_t i = 0; i < items.size(); ++i) {
            const int stage = staging.stage_of[items.operations()[i].index()];
            ns[static_cast<std::size_t>(staging.column_of[static_cast<std::size_t>(stage)])] += items.work_of(i);
        }
        for_each_crossing(staging, [&](double bytes, int, int to) { received[static_cast<std::size_t>(to)] += bytes; });
        for (std::size_t i = 0; i < ns.size(); ++i) ns[i] += message_ns(received[i]);
        return *std::max_element(ns.begin(), ns.end());
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

StagedPlan staged_plan(const Graph& graph, const GroupShape& shape, std::int64_t memory_bytes, bool chooses_stages) {
    return StagedPlanner(graph, shape, memory_bytes).plan(chooses_stages);
}

}  // namespace maniple
