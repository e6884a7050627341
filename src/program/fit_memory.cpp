#include "program/fit_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "plan/block_cost.hpp"
#include "plan/data_plan.hpp"
#include "program/memory_candidates.hpp"
#include "program/touched.hpp"

namespace maniple {

namespace {

/// Operations on all ranks that the layouts of one search may hold in all: about 1 s.
constexpr std::size_t most_laid_out = 40'000;
constexpr std::size_t least_layouts = 16;
/// Of the candidates, so many are tried for each step.
constexpr std::size_t most_tried = 8;
/// What lies above this part of the peak is what has to become less before the peak does.
constexpr double crest = 0.9;

/// The axes of a result by the indices that its operation is cut along.
BlockGrid grid_of_result(const Operation& operation, const BlockGrid& points, TensorId result) {
    const auto output = std::find(operation.outputs.begin(), operation.outputs.end(), result);
    const auto number = static_cast<std::size_t>(output - operation.outputs.begin());
    const std::vector<AxisMap>& axes = operation.bound->writes[number].axes;
    BlockGrid grid{{}, points.first};
    for (const Cut& cut : points.cuts) {
        for (std::size_t axis = 0; axis < axes.size(); ++axis) {
            const auto& terms = axes[axis].terms;
            if (terms.size() == 1 && terms[0].index == cut.index && terms[0].coefficient == 1)
                grid.cuts.push_back({static_cast<int>(axis), cut.parts, cut.ends});
        }
    }
    return grid;
}

/// Whether every rank keeps what it has: no messages.
bool keeps_its_own(const PlannedGraph& planned, OperationId store) {
    const Operation& operation = planned.graph[store];
    for (int rank = 0; rank < planned.plan.ranks; ++rank) {
        const Box made = owned_box(planned.graph, planned.plan, operation.inputs[0], Rank(rank));
        const Box kept = owned_box(planned.graph, planned.plan, operation.outputs[0], Rank(rank));
        if (made != kept && !(made.empty() && kept.empty())) return false;
    }
    return true;
}

/// `planned` after a step. Nothing where what is spilled lies on other ranks than it could be kept on.
std::optional<PlannedGraph> after_step(const PlannedGraph& planned, const MemoryStep& step) {
    RewrittenGraph rewritten = with_step(planned.graph, step);
    PlannedGraph result{std::move(rewritten.graph), planned.plan};
    const TensorId spilled = step.made.back();
    result.plan.operations.assign(result.graph.operations.size(), {});
    OperationId store;
    for (std::size_t i = 0; i < result.graph.operations.size(); ++i) {
        const OperationId origin = rewritten.origins[i];
        const Operation::Keeping keeping = result.graph.operations[i].keeping;
        if (keeping == planned.graph[origin].keeping) {
            result.plan.operations[i] = planned.plan[origin];
            continue;
        }
        if (keeping == Operation::Keeping::store) store = OperationId(i);
        const BlockGrid grid = grid_of_result(planned.graph[origin], planned.plan[origin].points, spilled);
        place_operation(result.graph, result.plan, OperationId(i), grid);
    }
    find_readings(result.graph, result.plan);
    if (store.valid() && !keeps_its_own(result, store)) return std::nullopt;
    return result;
}

/// Bytes above a level, over all operations.
double above(const Layout& layout, double level) {
    double sum = 0;
    for (const std::int64_t bytes : live_bytes(layout)) sum += std::max(0.0, static_cast<double>(bytes) - level);
    return sum;
}

class Fitter {
public:
    Fitter(const PlannedGraph& planned, const PredictionRequest& request, const Constraints& constraints)
        : request_(request), constraints_(constraints), now_(planned) {
        const std::size_t each = std::max<std::size_t>(1, now_.graph.operations.size());
        looks_at_ = fullest_ranks(now_.graph, now_.plan).size();
        left_ = std::max(least_layouts * each * looks_at_, most_laid_out);
    }

    Fit find() {
        fit_.before_bytes = fit_.bytes = fullest_layout(now_.graph, now_.plan, request_).host_bytes();
        fit_.laid_out = looks_at_ * now_.graph.operations.size();
        if (fits() || !may_fit()) return fit_;
        now_.plan.tight = true;
        now_.plan.moves_borders = false;
        means_.tight = true;
        look();
        while (!fits() && step(false)) {}
        if (constraints_.memory_use == MemoryUse::small) {
            while (!fits() && step(true)) {}
        }
        return fit_;
    }

private:
    bool fits() const { return constraints_.has_memory_for(fit_.bytes); }

    bool may_fit() const {
        if (constraints_.memory_use == MemoryUse::fast) return false;
        const std::vector<LaneChoice> lanes = lanes_of_ranks(now_.graph, now_.plan, request_);
        const auto compared = [](const Operation& operation) { return operation.twin_of.valid(); };
        return std::all_of(lanes.begin(), lanes.end(), [](const LaneChoice& one) { return one.gpus.empty(); }) &&
               std::none_of(now_.graph.operations.begin(), now_.graph.operations.end(), compared);
    }

    /// How much the fullest rank needs now; kept if it is the least so far.
    void look() {
        fullest_.emplace(fullest_layout(now_.graph, now_.plan, request_));
        spend(looks_at_);
        const std::int64_t peak = fullest_->host_bytes();
        if (peak >= fit_.bytes) return;
        fit_.bytes = peak;
        fit_.means = means_;
    }

    void spend(std::size_t layouts) {
        const std::size_t cost = layouts * now_.graph.operations.size();
        fit_.laid_out += cost;
        left_ = cost >= left_ ? 0 : left_ - cost;
    }

    /// Takes the candidate that saves most for its time. False: none saves anything, or looking takes too long.
    bool step(bool spills) {
        const std::vector<MemoryCandidate> all = memory_candidates(now_.graph, now_.plan, *fullest_, spills);
        const MemoryCandidate* best = nullptr;
        std::optional<PlannedGraph> best_plan;
        double best_score = 0;
        std::size_t tried = 0;
        for (const MemoryCandidate& candidate : all) {
            if (tried++ == most_tried || left_ == 0) break;
            std::optional<PlannedGraph> next = after_step(now_, candidate.step);
            if (!next) continue;
            const double score = score_of(*next) / std::max(1.0, candidate.ns);
            if (score <= best_score) continue;
            best_score = score;
            best = &candidate;
            best_plan = std::move(next);
        }
        if (best == nullptr) return false;
        now_ = std::move(*best_plan);
        means_.steps.push_back(best->step);
        look();
        return true;
    }

    /// What the fullest rank saves; 0: nothing.
    double score_of(const PlannedGraph& next) {
        spend(1);
        const LaneChoice lanes = lanes_of_ranks(next.graph, next.plan, request_)[fullest_->rank.index()];
        const Layout layout = build_layout(next.graph, next.plan, fullest_->rank, lanes);
        const std::int64_t peak = fullest_->host_bytes(), bytes = layout.host_bytes();
        if (bytes > peak) return 0;
        const double level = crest * static_cast<double>(peak);
        const double saved = above(*fullest_, level) - above(layout, level);
        const double peak_saved = static_cast<double>(peak - bytes);
        return saved <= 0 ? 0 : peak_saved * 1000 + saved;
    }

    const PredictionRequest& request_;
    const Constraints& constraints_;
    PlannedGraph now_;
    MemoryMeans means_;              ///< that have become now_
    std::optional<Layout> fullest_;  ///< of now_
    Fit fit_;
    std::size_t looks_at_ = 0;  ///< ranks, to find the fullest
    std::size_t left_ = 0;      ///< operations that may still be laid out
};

/// Of a copy's name, or a kept one's, that of the original.
std::string name_in_job(const std::string& name) { return name.substr(0, name.find(' ')); }

}  // namespace

bool fits_by_far(const Graph& graph, const Plan& plan, const Constraints& constraints) {
    // In a loop a tensor has slots of several steps, and halos that are as deep.
    const std::int64_t many_times = graph.steps > 1 ? 32 : 4, states = std::int64_t{64} << 20;
    const std::int64_t limit = constraints.memory.bytes;
    if (limit <= 0) return true;
    const std::vector<std::int64_t> touched = bytes_touched_by_ranks(graph, plan);
    return *std::max_element(touched.begin(), touched.end()) <= (limit - states) / many_times;
}

std::string serialize(const MemoryMeans& means) { return (means.tight ? "t;" : ";") + serialize(means.steps); }

MemoryMeans deserialize_means(const std::string& text) {
    const std::size_t end = text.find(';');
    return {text.starts_with('t'), deserialize_steps(text.substr(end + 1))};
}

PlannedGraph with_means(PlannedGraph planned, const MemoryMeans& means) {
    if (means.none()) return planned;
    planned.plan.tight = true;
    planned.plan.moves_borders = false;
    for (const MemoryStep& step : means.steps) planned = *after_step(planned, step);
    return planned;
}

Fit fit_memory(const PlannedGraph& planned, const PredictionRequest& request, const Constraints& constraints) {
    return Fitter(planned, request, constraints).find();
}

namespace {

/// "recomputing e1 for d2, e2 for d3 (8 times) and 5 more"; nothing of no names.
std::string list_text(const std::string& what, const std::vector<std::string>& names) {
    constexpr std::size_t shown = 4;
    std::vector<std::string> each;
    for (const std::string& name : names) {
        if (std::find(each.begin(), each.end(), name) == each.end()) each.push_back(name);
    }
    const std::size_t more = each.size() > shown ? each.size() - shown : 0;
    each.resize(each.size() - more);
    for (std::string& name : each) {
        const auto times = std::count(names.begin(), names.end(), name);
        if (times > 1) name += fmt::format(" ({} times)", times);
    }
    if (each.empty()) return "";
    return what + join(each, ", ") + (more > 0 ? fmt::format(" and {} more", more) : "");
}

}  // namespace

std::string fit_text(const PlannedGraph& planned, const Fit& fit) {
    std::vector<std::string> recomputed, loaded, spilled;
    PlannedGraph now = planned;
    for (const MemoryStep& step : fit.means.steps) {
        const bool spills = step.kind == MemoryStep::Kind::spill;
        const bool loads = now.graph[step.made.back()].kind != Tensor::Kind::computed;
        (spills  ? spilled
         : loads ? loaded
                 : recomputed)
            .push_back(fmt::format("{} {} {}", name_in_job(now.graph[step.made.back()].name), spills ? "until" : "for",
                                   name_in_job(now.graph[step.before].name)));
        now = *after_step(now, step);
    }
    std::vector<std::string> parts = {list_text("recomputing ", recomputed), list_text("loading again ", loaded),
                                      list_text("spilling ", spilled)};
    std::erase(parts, "");
    if (parts.empty()) parts.emplace_back("reusing all memory, whatever has to wait");
    std::string now_bytes = format_bytes(fit.bytes), before_bytes = format_bytes(fit.before_bytes);
    if (now_bytes == before_bytes) {
        now_bytes = fmt::format("{} bytes", fit.bytes);
        before_bytes = std::to_string(fit.before_bytes);
    }
    return fmt::format("fits by {}: {} a rank instead of {}", join(parts, "; "), now_bytes, before_bytes);
}

FittedPlan plan_to_fit(Graph graph, const PlanRequest& wanted, const PredictionRequest& request,
                       const Constraints& constraints) {
    return made_to_fit(plan_graph(std::move(graph), request.machine, wanted), request, constraints);
}

FittedPlan made_to_fit(PlannedGraph planned, const PredictionRequest& request, const Constraints& constraints) {
    if (fits_by_far(planned.graph, planned.plan, constraints)) return {std::move(planned), true};
    if (constraints.memory_use == MemoryUse::fast) return {std::move(planned)};
    const Fit fit = fit_memory(planned, request, constraints);
    const bool fits = constraints.has_memory_for(fit.bytes);
    if (fit.means.none()) return {std::move(planned), fits};
    std::string note = fit_text(planned, fit);
    planned = with_means(std::move(planned), fit.means);
    if (fits) planned.plan.notes.push_back(std::move(note));
    return {std::move(planned), fits};
}

std::vector<std::string> recomputed_names(const Graph& graph) {
    std::vector<std::string> names;
    for (const Tensor& tensor : graph.tensors) {
        if (tensor.again && tensor.kind != Tensor::Kind::computed) names.push_back(name_in_job(tensor.name));
    }
    for (const Operation& operation : graph.operations) {
        if (operation.again && operation.has_code()) names.push_back(operation.name);
    }
    return names;
}

}  // namespace maniple
