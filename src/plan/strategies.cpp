#include <fmt/format.h>

#include <algorithm>

#include "plan/claims.hpp"
#include "plan/data_plan.hpp"
#include "plan/pipeline_plan.hpp"
#include "plan/plan_file.hpp"
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
            const bool is_bound = request.max_ranks == ranks;
            throw UnavailableError(
                is_bound ? request.max_ranks_place : request.place,
                fmt::format("plan: {} takes {} ranks, {} {}", hybrid_text(hybrid), product,
                            is_bound ? "max_ranks:" : (ranks == 1 ? "there is" : "there are"), ranks));
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

/// Whether a loop goes on for long enough that ranks of unequal speed pay.
bool may_move_borders(const Graph& graph, const Plan& plan) {
    constexpr std::int64_t least_steps = 64;
    return graph.steps >= least_steps && leading_operation(graph, plan).valid();
}

/// What is carried out of a request. Borrows what it is given.
class Choice {
public:
    Choice(const Graph& graph, const Machine& machine, const PlanRequest& request)
        : graph_(graph), machine_(machine), request_(request), ranks_(machine.size()) {
        ranks_ = ranks_for(request, ranks_);
        shape_ = group_shape(request, ranks_);
        if (!groups()) return;
        const std::int64_t memory = request.memory_bytes > 0 ? request.memory_bytes : machine.least_memory_bytes();
        staged_ = staged_plan(graph, shape_, memory, in_stages() && request.stages == 0);
        applies_ = shape_.columns * shape_.model == 1 || is_spread(graph, staged_, shape_);
        staged_.plan.ranks = machine.size();
        staged_.plan.strategy = request.strategy == "hybrid" ? hybrid_text(request.hybrid) : request.strategy;
    }

    bool is_pipeline() const { return applies_ && in_stages(); }

    PlanOutline pipeline() { return pipeline_outline(graph_, std::move(staged_), shape_, request_); }

    Plan plan() {
        if (applies_) {
            note_unused(staged_.plan);
            return std::move(staged_.plan);
        }
        Plan plan = data_plan(graph_, ranks_, request_.grids);
        note_unused(plan);
        if (groups()) plan.notes.push_back(request_.strategy + " leaves all to one rank here: planned as data");
        if (request_.strategy == "stealing") allow_claims(graph_, ranks_, plan);
        plan.ranks = machine_.size();
        plan.moves_borders =
            request_.strategy != "stealing" && request_.grids.empty() && may_move_borders(graph_, plan);
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

LaneSharing sharing_of(const std::string& word) {
    if (word == "round-robin") return LaneSharing::even;
    if (word == "adaptive") return LaneSharing::adaptive;
    return word == "dynamic" ? LaneSharing::dynamic : LaneSharing::weighted;
}

}  // namespace

PlanRequest plan_request(const PlanSpec& spec, int ranks) {
    PlanRequest request;
    const auto number = [](const std::optional<std::int64_t>& count) {
        constexpr std::int64_t most = 1 << 20;
        return static_cast<int>(std::min(count.value_or(0), most));
    };
    request.strategy = spec.strategy;
    if (spec.max_ranks.value_or(ranks) < ranks) request.max_ranks = number(spec.max_ranks);
    for (const auto& [name, count] : spec.hybrid) {
        if (name == "data") request.hybrid.data = number(count);
        if (name == "pipeline") request.hybrid.pipeline = number(count);
        if (name == "model") request.hybrid.model = number(count);
    }
    request.stages = number(spec.stages);
    request.microbatches = number(spec.microbatches);
    request.buffer_depth = number(spec.buffer_depth);
    request.alternates = spec.schedule == "1f1b";
    request.sharing = sharing_of(spec.sharing);
    request.comm = comm_mode(spec.comm);
    request.memory_bytes = spec.memory_bytes.value_or(0);
    request.place = spec.place;
    request.max_ranks_place = spec.place_of("max_ranks");
    request.from = spec.from;
    request.from_place = spec.from_place;
    return request;
}

int ranks_for(const PlanRequest& request, int ranks) {
    return request.max_ranks > 0 ? std::min(ranks, request.max_ranks) : ranks;
}

Plan make_plan(const Graph& graph, const Machine& machine, const PlanRequest& request) {
    Plan plan = Choice(graph, machine, request).plan();
    plan.sharing = request.sharing;
    plan.comm = communication_on(machine, request.comm);
    find_readings(graph, plan);
    return plan;
}

PlanOutline outline_plan(const Graph& graph, const Machine& machine, const PlanRequest& request) {
    if (!request.from.empty()) {
        PlanOutline outline = read_plan_file(graph, request, machine.size());
        Plan& plan = outline.plan;
        if (plan.strategy == "stealing") allow_claims(graph, ranks_for(request, machine.size()), plan);
        plan.moves_borders = plan.strategy == "data" && may_move_borders(graph, plan);
        copy_to_twins(graph, plan);
        return outline;
    }
    Choice choice(graph, machine, request);
    return choice.is_pipeline() ? choice.pipeline() : PlanOutline{choice.plan(), std::nullopt};
}

PlannedGraph plan_graph(Graph graph, const Machine& machine, const PlanRequest& request) {
    PlanOutline outline = outline_plan(graph, machine, request);
    PlannedGraph planned = carry_out(std::move(graph), std::move(outline));
    planned.plan.sharing = request.sharing;
    planned.plan.comm = communication_on(machine, request.comm);
    return planned;
}

}  // namespace maniple
