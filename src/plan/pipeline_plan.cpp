#include "plan/pipeline_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "graph/microbatches.hpp"
#include "plan/data_plan.hpp"
#include "plan/schedule.hpp"

namespace maniple {

namespace {

/// Without another wish: so many for each stage that the columns idle a fifth of the time.
constexpr int microbatches_per_column = 4;

class PipelinePlanner {
public:
    PipelinePlanner(const Graph& graph, StagedPlan staged, const GroupShape& shape, const PlanRequest& request)
        : graph_(graph), staged_(std::move(staged)), request_(request), batch_(find_batch(graph)), data_(shape.data) {
        const int wanted = request.microbatches > 0 ? request.microbatches : microbatches_per_column * shape.columns;
        microbatches_ = static_cast<int>(std::min<std::int64_t>(wanted, batch_.rows));
        for (const int column : staged_.column_of) columns_ = std::max(columns_, column + 1);
    }

    /// Whether there is anything to be done in pieces; else a note says why not.
    bool applies() const { return microbatches_ > 1; }
    std::string note() const {
        if (batch_.rows == 0) return "pipeline: no leading index can be cut here: one microbatch";
        return request_.microbatches > 1 ? fmt::format("pipeline: the batch has {} rows: one microbatch", batch_.rows)
                                         : "";
    }

    PlannedGraph plan() {
        MicrobatchOrder order;
        order.microbatches = microbatches_;
        order.stage_of = staged_.stage_of;
        order.column_of = staged_.column_of;
        order.depth = depth();
        order.splits_inputs = data_ > 1;
        std::vector<std::string> lines;
        for (int phase = 0; phase < batch_.phases; ++phase) order.tasks.push_back(tasks_of(phase, lines));
        MicrobatchedGraph pieces = in_microbatches(graph_, batch_, order);
        Plan plan = place(pieces);
        plan.timeline = std::move(lines);
        if (microbatches_ < request_.microbatches) {
            plan.notes.push_back(
                fmt::format("pipeline: {} microbatches, as the batch has no more rows", microbatches_));
        }
        return {std::move(pieces.graph), std::move(plan)};
    }

private:
    int depth() const {
        const int needed = request_.alternates ? std::max(2, columns_) : microbatches_;
        return std::min(request_.buffer_depth > 0 ? request_.buffer_depth : needed, microbatches_);
    }

    /// The stages that have something to do for the batch in `phase`, numbered anew, in their order.
    std::vector<int> stages_in(int phase) const {
        std::vector<bool> busy(staged_.column_of.size(), false);
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (batch_.phase[i] == phase && batch_.has(OperationId(i)))
                busy[static_cast<std::size_t>(staged_.stage_of[i])] = true;
        }
        std::vector<int> stages;
        for (std::size_t stage = 0; stage < busy.size(); ++stage) {
            if (busy[stage]) stages.push_back(static_cast<int>(stage));
        }
        return stages;
    }

    std::vector<MicrobatchTask> tasks_of(int phase, std::vector<std::string>& lines) const {
        const std::vector<int> stages = stages_in(phase);
        if (stages.empty()) return {};
        PipelineShape shape;
        std::vector<int> number(staged_.column_of.size(), -1);
        std::vector<int> columns;  // those that take part
        for (const int stage : stages) {
            number[static_cast<std::size_t>(stage)] = static_cast<int>(shape.column_of.size());
            const int column = staged_.column_of[static_cast<std::size_t>(stage)];
            auto found = std::find(columns.begin(), columns.end(), column);
            if (found == columns.end()) found = columns.insert(found, column);
            shape.column_of.push_back(static_cast<int>(found - columns.begin()));
        }
        shape.readers = readers_in(phase, number, stages.size());
        shape.microbatches = microbatches_;
        shape.depth = depth();
        shape.alternates = request_.alternates;
        const std::vector<ScheduledTask> scheduled = pipeline_schedule(shape);
        describe(shape, scheduled, columns, lines);
        std::vector<MicrobatchTask> tasks;
        for (const ScheduledTask& task : scheduled)
            tasks.push_back({stages[static_cast<std::size_t>(task.stage)], task.microbatch});
        return tasks;
    }

    /// By number of stage: those that read what it makes for the batch in this phase.
    std::vector<std::vector<int>> readers_in(int phase, const std::vector<int>& number, std::size_t count) const {
        std::vector<std::vector<int>> readers(count);
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (batch_.phase[i] != phase || !batch_.has(OperationId(i))) continue;
            const int to = number[static_cast<std::size_t>(staged_.stage_of[i])];
            const Operation& operation = graph_.operations[i];
            for (std::size_t argument = 0; argument < operation.inputs.size(); ++argument) {
                const Tensor& input = graph_[operation.inputs[argument]];
                if (input.kind != Tensor::Kind::computed || !batch_.has(input.producer)) continue;
                if (batch_.phase[input.producer.index()] != phase) continue;
                const int from = number[static_cast<std::size_t>(staged_.stage_of[input.producer.index()])];
                std::vector<int>& known = readers[static_cast<std::size_t>(from)];
                if (from != to && std::find(known.begin(), known.end(), to) == known.end()) known.push_back(to);
            }
        }
        return readers;
    }

    void describe(const PipelineShape& shape, const std::vector<ScheduledTask>& tasks, const std::vector<int>& columns,
                  std::vector<std::string>& lines) const {
        lines.push_back(fmt::format(
            "{} stages on {} columns of ranks, {} microbatches, {}, {} alive between two stages: "
            "{} of the time is idle",
            shape.column_of.size(), shape.columns(), shape.microbatches, shape.alternates ? "1f1b" : "gpipe",
            shape.depth, fmt::format("{:.1f} %", 100 * bubble(shape, tasks))));
        const std::vector<std::string> table = timeline(shape, tasks);
        for (std::size_t i = 0; i < table.size(); ++i)
            lines.push_back(fmt::format("column {:<4} {}", columns[i], table[i]));
    }

    // --- Placements ----------------------------------------------------------------------------------------------

    Plan place(const MicrobatchedGraph& pieces) {
        Plan plan;
        plan.strategy = staged_.plan.strategy;
        plan.ranks = staged_.plan.ranks;
        plan.outputs = staged_.plan.outputs;
        plan.notes = staged_.plan.notes;
        plan.operations.resize(pieces.graph.operations.size());
        for (std::size_t i = 0; i < pieces.graph.operations.size(); ++i) {
            const Operation& operation = pieces.graph.operations[i];
            const MicrobatchedGraph::Origin& origin = pieces.origins[i];
            BlockGrid grid = staged_.plan[origin.operation].points;
            if (operation.joins) grid = grid_of_join(origin, grid);
            for (Cut& cut : grid.cuts) {
                const std::int64_t points = operation.bound.indices[static_cast<std::size_t>(cut.index)].points();
                cut.parts = static_cast<int>(std::min<std::int64_t>(cut.parts, points));
            }
            std::erase_if(grid.cuts, [](const Cut& cut) { return cut.parts < 2; });
            place_operation(pieces.graph, plan, OperationId(i), grid);
        }
        return plan;
    }

    /// The axes of a result by the indices that its operation is cut along.
    BlockGrid grid_of_join(const MicrobatchedGraph::Origin& origin, const BlockGrid& points) const {
        BlockGrid grid{{}, points.first};
        for (const Cut& cut : points.cuts) {
            const std::vector<AxisMap>& axes = graph_[origin.operation].bound.writes[origin.output].axes;
            for (std::size_t axis = 0; axis < axes.size(); ++axis) {
                const bool follows = axes[axis].terms.size() == 1 && axes[axis].terms[0].index == cut.index;
                if (follows) grid.cuts.push_back({static_cast<int>(axis), cut.parts});
            }
        }
        return grid;
    }

    const Graph& graph_;
    StagedPlan staged_;
    const PlanRequest& request_;
    Batch batch_;
    int data_;  ///< ranks that share the rows of a microbatch
    int microbatches_ = 1;
    int columns_ = 1;
};

}  // namespace

PlannedGraph pipeline_plan(const Graph& graph, StagedPlan staged, const GroupShape& shape, const PlanRequest& request) {
    PipelinePlanner planner(graph, staged, shape, request);
    if (planner.applies()) return planner.plan();
    if (const std::string note = planner.note(); !note.empty()) staged.plan.notes.push_back(note);
    return {graph, std::move(staged.plan)};
}

}  // namespace maniple
