#include <fmt/format.h>

#include <algorithm>

#include "graph/microbatches.hpp"
#include "plan/data_plan.hpp"
#include "plan/outline.hpp"

namespace maniple {

namespace {

/// A batch through its stages. Borrows the graph and the outline.
class Pieces {
public:
    Pieces(const Graph& graph, const PlanOutline& outline)
        : graph_(graph), whole_(outline.plan), pipeline_(*outline.pipeline), batch_(find_batch(graph)) {}

    PlannedGraph make() const {
        MicrobatchOrder order;
        order.microbatches = pipeline_.microbatches;
        order.stage_of = pipeline_.stage_of;
        order.column_of = pipeline_.column_of;
        order.depth = pipeline_.depth;
        order.splits_inputs = pipeline_.splits_inputs;
        std::vector<std::string> lines;
        for (int phase = 0; phase < batch_.phases; ++phase) {
            const std::vector<ScheduledTask>& table = pipeline_.tables[static_cast<std::size_t>(phase)];
            std::vector<MicrobatchTask> tasks;
            for (const ScheduledTask& task : table) tasks.push_back({task.stage, task.microbatch});
            order.tasks.push_back(std::move(tasks));
            if (!table.empty()) describe(phase, table, lines);
        }
        MicrobatchedGraph pieces = in_microbatches(graph_, batch_, order);
        Plan plan = place(pieces);
        plan.timeline = std::move(lines);
        return {std::move(pieces.graph), std::move(plan)};
    }

private:
    void describe(int phase, std::vector<ScheduledTask> tasks, std::vector<std::string>& lines) const {
        const PipelinePhase of = pipeline_phase(graph_, batch_, pipeline_, phase);
        for (ScheduledTask& task : tasks) task.stage = of.number_of(task.stage);
        const bool is_as_asked = tasks == pipeline_schedule(of.shape);
        const char* schedule = of.shape.alternates ? "1f1b" : "gpipe";
        lines.push_back(fmt::format(
            "{} stages on {} columns of ranks, {} microbatches, {}, {} alive between two stages: "
            "{:.1f} % of the time is idle",
            of.shape.column_of.size(), of.shape.columns(), of.shape.microbatches,
            is_as_asked ? schedule : "a schedule of its own", of.shape.depth, 100 * bubble(of.shape, tasks)));
        const std::vector<std::string> table = timeline(of.shape, tasks);
        for (std::size_t i = 0; i < table.size(); ++i)
            lines.push_back(fmt::format("column {:<4} {}", of.columns[i], table[i]));
    }

    Plan place(const MicrobatchedGraph& pieces) const {
        Plan plan;
        plan.strategy = whole_.strategy;
        plan.ranks = whole_.ranks;
        plan.outputs = whole_.outputs;
        plan.notes = whole_.notes;
        plan.operations.resize(pieces.graph.operations.size());
        for (std::size_t i = 0; i < pieces.graph.operations.size(); ++i) {
            const Operation& operation = pieces.graph.operations[i];
            const MicrobatchedGraph::Origin& origin = pieces.origins[i];
            BlockGrid grid = whole_[origin.operation].points;
            if (operation.joins) grid = grid_of_join(origin, grid);
            for (Cut& cut : grid.cuts) {
                const std::int64_t points = operation.bound->indices[static_cast<std::size_t>(cut.index)].points();
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
            const std::vector<AxisMap>& axes = graph_[origin.operation].bound->writes[origin.output].axes;
            for (std::size_t axis = 0; axis < axes.size(); ++axis) {
                const bool follows = axes[axis].terms.size() == 1 && axes[axis].terms[0].index == cut.index;
                if (follows) grid.cuts.push_back({static_cast<int>(axis), cut.parts});
            }
        }
        return grid;
    }

    const Graph& graph_;
    const Plan& whole_;
    const PipelineOutline& pipeline_;
    Batch batch_;
};

}  // namespace

PlannedGraph carry_out(Graph graph, PlanOutline outline) {
    PlannedGraph planned =
        outline.pipeline ? Pieces(graph, outline).make() : PlannedGraph{std::move(graph), std::move(outline.plan)};
    find_readings(planned.graph, planned.plan);
    return planned;
}

}  // namespace maniple
