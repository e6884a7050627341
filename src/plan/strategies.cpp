#include <fmt/format.h>

#include <algorithm>

#include "plan/data_plan.hpp"
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
    shape.stages = shape.columns;
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
    int ranks = machine.size();
    if (request.max_ranks > 0) ranks = std::min(ranks, request.max_ranks);
    const bool staged = request.strategy == "model" || request.strategy == "pipeline" || request.strategy == "hybrid";
    const GroupShape shape = group_shape(request, ranks);
    const std::int64_t memory = request.memory_bytes > 0 ? request.memory_bytes : machine.least_memory_bytes();
    Plan plan;
    if (staged) {
        StagedPlan found = staged_plan(graph, shape, memory, false);
        if (shape.columns * shape.model == 1 || is_spread(graph, found, shape)) plan = std::move(found.plan);
        plan.strategy = request.strategy == "hybrid" ? hybrid_text(request.hybrid) : request.strategy;
    }
    if (plan.operations.empty()) {
        plan = data_plan(graph, ranks, request.grids);
        if (staged) plan.notes.push_back(request.strategy + " leaves all to one rank here: planned as data");
    }
    plan.ranks = machine.size();
    copy_to_twins(graph, plan);
    find_readings(graph, plan);
    return plan;
}

}  // namespace maniple
