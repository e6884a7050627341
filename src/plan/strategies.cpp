#include <fmt/format.h>

#include <algorithm>

#include "plan/data_plan.hpp"
#include "plan/pipeline_plan.hpp"
#include "plan/staged_plan.hpp"

namespace maniple {

namespace {

std::string hybrid_text(const PlanRequest::Hybrid& hybrid) {
    std::vector<std::string> parts;
    for (const auto& [name, count] :
         {std::pair("data", hybrid.data), std::pair("pipeline", hybrid.pipeline), std::pair("model", hybrid.model)}) {
        if (count > 1) parts.push_back(fmt::format("{}: {}", name, count));
    }
    return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

/// The groups of ranks that are asked for. Errors: UnavailableError where there are too few ranks.
GroupShape group_shape(const PlanRequest& request, int ranks) {
    GroupShape shape;
    if (request.strategy == "model") shape.model = ranks;
    if (request.strategy == "pipeline") shape.columns = ranks;
    if (request.strategy == "hybrid") {
        const PlanRequest::Hybrid& hybrid = request.hybrid;
        const std::int64_t product = std::int64_t{hybrid.data} * hybrid.pipeline * hybrid.model;
        if (product > ranks) {
            throw UnavailableError(request.place,
                                   fmt::format("plan: {} takes {} ranks, there {} {}", hybrid_text(hybrid), product,
                                               ranks == 1 ? "is" : "are", ranks));
        }
        shape.columns = hybrid.pipeline;
        shape.model = hybrid.model;
        shape.data = hybrid.data;
    }
    const bool pipeline = request.strategy == "pipeline" || request.hybrid.pipeline > 1;
    shape.stages = pipeline && request.stages > 0 ? request.stages : shape.columns;
    shape.columns = std::min(shape.columns, shape.stages);
    return shape;
}

/// Whether anything is computed on another group of ranks than the rest, or shared by several groups.
bool is_spread(const Graph& graph, const StagedPlan& staged, const GroupShape& shape) {
    return std::any_of(graph.operations.begin(), graph.operations.end(), [&](const Operation& operation) {
        const auto number = static_cast<std::size_t>(&operation - graph.operations.data());
        const BlockGrid& grid = staged.plan.operations[number].points;
        return grid.first != staged.plan.operations[0].points.first || grid.count() > shape.data;
    });
}

void copy_to_twins(const Graph& graph, Plan& plan) {
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const OperationId original = graph.operations[i].twin_of;
        if (original.valid()) plan.operations[i] = plan.operations[original.index()];
    }
}

/// What is carried out of a request. Borrows what it is given.
class Choice {
public:
    Choice(const Graph& graph, const Machine& machine, const PlanRequest& request)
        : graph_(graph), machine_(machine), request_(request), ranks_(machine.size()) {
        if (request.max_ranks > 0) ranks_ = std::min(ranks_, request.max_ranks);
        shape_ = group_shape(request, ranks_);
        if (!groups()) return;
        const std::int64_t memory = request.memory_bytes > 0 ? request.memory_bytes : machine.least_memory_bytes();
        staged_ = staged_plan(graph, shape_, memory, in_stages() && request.stages == 0);
        applies_ = shape_.columns * shape_.model == 1 || is_spread(graph, staged_, shape_);
        staged_.plan.ranks = machine.size();
        staged_.plan.strategy = request.strategy == "hybrid" ? hybrid_text(request.hybrid) : request.strategy;
    }

    bool is_pipeline() const { return applies_ && in_stages(); }

    PlannedGraph pipeline() { return pipeline_plan(graph_, std::move(staged_), shape_, request_); }

    Plan plan() {
        if (applies_) {
            note_unused(staged_.plan);
            return std::move(staged_.plan);
        }
        Plan plan = data_plan(graph_, ranks_, request_.grids);
        note_unused(plan);
        if (groups()) plan.notes.push_back(request_.strategy + " leaves all to one rank here: planned as data");
        plan.ranks = machine_.size();
        plan.moves_borders = may_move_borders(plan);
        copy_to_twins(graph_, plan);
        return plan;
    }

private:
    /// Keys of pipelines where there is none.
    void note_unused(Plan& plan) const {
        if (in_stages()) return;
        std::vector<std::string> keys;
        for (const auto& [key, given] :
             {std::pair("stages", request_.stages > 0), std::pair("microbatches", request_.microbatches > 0),
              std::pair("buffer_depth", request_.buffer_depth > 0), std::pair("schedule", request_.alternates)}) {
            if (given) keys.emplace_back(key);
        }
        if (!keys.empty()) plan.notes.push_back(fmt::format("not a pipeline: {} not used", fmt::join(keys, ", ")));
    }

    /// Whether a loop goes on for long enough that ranks of unequal speed pay.
    bool may_move_borders(const Plan& plan) const {
        constexpr std::int64_t least_steps = 64;
        if (graph_.steps < least_steps || !request_.grids.empty()) return false;
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (graph_.operations[i].in_loop && plan.operations[i].points.count() > 1) return true;
        }
        return false;
    }

    bool groups() const { return in_stages() || request_.strategy == "model" || request_.strategy == "hybrid"; }
    bool in_stages() const {
        return request_.strategy == "pipeline" || (request_.strategy == "hybrid" && request_.hybrid.pipeline > 1);
    }

    const Graph& graph_;
    const Machine& machine_;
    const PlanRequest& request_;
    int ranks_;
    GroupShape shape_;
    StagedPlan staged_;
    bool applies_ = false;
};

}  // namespace

PlanRequest plan_request(const PlanSpec& spec) {
    PlanRequest request;
    const auto number = [](const std::optional<std::int64_t>& count) {
        constexpr std::int64_t most = 1 << 20;
        return static_cast<int>(std::min(count.value_or(0), most));
    };
    request.strategy = spec.strategy;
    request.max_ranks = number(spec.max_ranks);
    for (const auto& [name, count] : spec.hybrid) {
        if (name == "data") request.hybrid.data = number(count);
        if (name == "pipeline") request.hybrid.pipeline = number(count);
        if (name == "model") request.hybrid.model = number(count);
    }
    request.stages = number(spec.stages);
    request.microbatches = number(spec.microbatches);
    request.buffer_depth = number(spec.buffer_depth);
    request.alternates = spec.schedule == "1f1b";
    request.memory_bytes = spec.memory_bytes.value_or(0);
    request.place = spec.place;
    return request;
}

Plan make_plan(const Graph& graph, const Machine& machine, const PlanRequest& request) {
    Plan plan = Choice(graph, machine, request).plan();
    find_readings(graph, plan);
    return plan;
}

PlannedGraph plan_graph(Graph graph, const Machine& machine, const PlanRequest& request) {
    Choice choice(graph, machine, request);
    if (choice.is_pipeline()) {
        PlannedGraph planned = choice.pipeline();
        find_readings(planned.graph, planned.plan);
        return planned;
    }
    Plan plan = choice.plan();
    find_readings(graph, plan);
    return {std::move(graph), std::move(plan)};
}

}  // namespace maniple
