#include "plan/pipeline_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace maniple {

namespace {

/// Without another wish: so many for each stage that the columns idle a fifth of the time.
constexpr int microbatches_per_column = 4;
/// Each rank holds the operations of all microbatches: more of them would take longer to plan, and more memory, than the
/// columns lose by idling.
constexpr std::int64_t most_operations = 100'000;

/// The stages that have something to do for the batch in `phase`, in their order.
std::vector<int> stages_in(const Graph& graph, const Batch& batch, const PipelineOutline& outline, int phase) {
    std::vector<bool> busy(outline.column_of.size(), false);
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        if (batch.phase[i] == phase && batch.has(OperationId(i)))
            busy[static_cast<std::size_t>(outline.stage_of[i])] = true;
    }
    std::vector<int> stages;
    for (std::size_t stage = 0; stage < busy.size(); ++stage) {
        if (busy[stage]) stages.push_back(static_cast<int>(stage));
    }
    return stages;
}

/// By new number of stage: those that read what it makes for the batch in this phase.
std::vector<std::vector<int>> readers_in(const Graph& graph, const Batch& batch, const PipelineOutline& outline,
                                         int phase, const PipelinePhase& of) {
    std::vector<std::vector<int>> readers(of.stages.size());
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        if (batch.phase[i] != phase || !batch.has(OperationId(i))) continue;
        const int to = of.number_of(outline.stage_of[i]);
        for (const TensorId id : graph.operations[i].inputs) {
            const Tensor& input = graph[id];
            if (input.kind != Tensor::Kind::computed || !batch.has(input.producer)) continue;
            if (batch.phase[input.producer.index()] != phase) continue;
            const int from = of.number_of(outline.stage_of[input.producer.index()]);
            std::vector<int>& known = readers[static_cast<std::size_t>(from)];
            if (from != to && std::find(known.begin(), known.end(), to) == known.end()) known.push_back(to);
        }
    }
    return readers;
}

/// Of the rows that there are.
int microbatches_wanted(const Batch& batch, const PlanRequest& request, int columns) {
    const int wanted = request.microbatches > 0 ? request.microbatches : microbatches_per_column * columns;
    return static_cast<int>(std::min<std::int64_t>(wanted, batch.rows));
}

int microbatches_of(const Graph& graph, const Batch& batch, const PlanRequest& request, int columns) {
    const int wanted = microbatches_wanted(batch, request, columns);
    if (request.microbatches > 0) return wanted;
    const std::int64_t operations = std::max<std::int64_t>(1, std::ssize(graph.operations));
    return static_cast<int>(std::min<std::int64_t>(wanted, std::max<std::int64_t>(2, most_operations / operations)));
}

}  // namespace

int PipelinePhase::number_of(int stage) const {
    const auto found = std::lower_bound(stages.begin(), stages.end(), stage);
    return found == stages.end() || *found != stage ? -1 : static_cast<int>(found - stages.begin());
}

PipelinePhase pipeline_phase(const Graph& graph, const Batch& batch, const PipelineOutline& outline, int phase) {
    PipelinePhase of;
    of.stages = stages_in(graph, batch, outline, phase);
    for (const int stage : of.stages) {
        const int column = outline.column_of[static_cast<std::size_t>(stage)];
        auto found = std::find(of.columns.begin(), of.columns.end(), column);
        if (found == of.columns.end()) found = of.columns.insert(found, column);
        of.shape.column_of.push_back(static_cast<int>(found - of.columns.begin()));
    }
    of.shape.readers = readers_in(graph, batch, outline, phase, of);
    of.shape.microbatches = outline.microbatches;
    of.shape.depth = outline.depth;
    of.shape.alternates = outline.alternates;
    return of;
}

std::optional<double> bubble_of(const Graph& graph, const PlanOutline& outline) {
    if (!outline.pipeline) return std::nullopt;
    const Batch batch = find_batch(graph);
    double places = 0, tasks = 0;
    for (int phase = 0; phase < batch.phases; ++phase) {
        const std::vector<ScheduledTask>& table = outline.pipeline->tables[static_cast<std::size_t>(phase)];
        if (table.empty()) continue;
        const PipelinePhase of = pipeline_phase(graph, batch, *outline.pipeline, phase);
        places += static_cast<double>(table.back().time + 1) * of.shape.columns();
        tasks += static_cast<double>(table.size());
    }
    return places > 0 ? 1 - tasks / places : 0;
}

int microbatches_for(const Graph& graph, const PlanRequest& request, int columns) {
    return std::max(1, microbatches_of(graph, find_batch(graph), request, columns));
}

std::size_t operations_in_pieces(const Graph& graph, const PlanRequest& request, int columns) {
    const Batch batch = find_batch(graph);
    const std::size_t microbatches =
        static_cast<std::size_t>(std::max(1, microbatches_of(graph, batch, request, columns)));
    std::size_t count = graph.operations.size();
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        if (batch.has(OperationId(i))) count += microbatches - 1;
    }
    return count;
}

PlanOutline pipeline_outline(const Graph& graph, StagedPlan staged, const GroupShape& shape,
                             const PlanRequest& request) {
    const Batch batch = find_batch(graph);
    const int microbatches = microbatches_of(graph, batch, request, shape.columns);
    PlanOutline outline{std::move(staged.plan), std::nullopt};
    std::vector<std::string>& notes = outline.plan.notes;
    if (batch.rows == 0) {
        notes.emplace_back("pipeline: no leading index can be cut here: one microbatch");
        return outline;
    }
    if (microbatches < 2) {
        if (request.microbatches > 1)
            notes.push_back(fmt::format("pipeline: the batch has {} rows: one microbatch", batch.rows));
        return outline;
    }
    if (microbatches < request.microbatches)
        notes.push_back(fmt::format("pipeline: {} microbatches, as the batch has no more rows", microbatches));
    const int wanted = microbatches_wanted(batch, request, shape.columns);
    if (microbatches < wanted) {
        notes.push_back(
            fmt::format("pipeline: {} microbatches: {} would be a plan of {} operations (microbatches: {} "
                        "asks for it)",
                        microbatches, wanted, static_cast<std::size_t>(wanted) * graph.operations.size(), wanted));
    }
    const int stages = 1 + *std::max_element(staged.stage_of.begin(), staged.stage_of.end());
    if (stages < request.stages)
        notes.push_back(fmt::format("pipeline: {} stages, as there are no more operations", stages));
    PipelineOutline pipeline;
    pipeline.microbatches = microbatches;
    pipeline.stage_of = std::move(staged.stage_of);
    pipeline.column_of = std::move(staged.column_of);
    const int columns = 1 + *std::max_element(pipeline.column_of.begin(), pipeline.column_of.end());
    const int needed = request.alternates ? std::max(2, columns) : microbatches;
    pipeline.depth = std::min(request.buffer_depth > 0 ? request.buffer_depth : needed, microbatches);
    pipeline.splits_inputs = shape.data > 1;
    pipeline.alternates = request.alternates;
    for (int phase = 0; phase < batch.phases; ++phase) {
        const PipelinePhase of = pipeline_phase(graph, batch, pipeline, phase);
        std::vector<ScheduledTask> table;
        if (!of.stages.empty()) table = pipeline_schedule(of.shape);
        for (ScheduledTask& task : table) task.stage = of.stages[static_cast<std::size_t>(task.stage)];
        pipeline.tables.push_back(std::move(table));
    }
    outline.pipeline = std::move(pipeline);
    return outline;
}

}  // namespace maniple
