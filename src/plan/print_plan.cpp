#include <fmt/format.h>

#include <algorithm>

#include "plan/plan.hpp"

namespace maniple {

namespace {

/// "2x2 blocks of [y, x]", "4 blocks of [y], states combined", "on rank 0".
std::string grid_text(const Operation& operation, const OperationPlacement& placement) {
    if (placement.points.cuts.empty()) return "on rank 0";
    std::vector<int> parts;
    std::vector<std::string> names;
    for (const Cut& cut : placement.points.cuts) {
        parts.push_back(cut.parts);
        names.push_back(operation.bound.indices[static_cast<std::size_t>(cut.index)].name);
    }
    std::string text = fmt::format("{} blocks of [{}]", fmt::join(parts, "x"), fmt::join(names, ", "));
    if (!placement.combines) return text;
    return text + (placement.finishers > 1 ? fmt::format(", states combined on {} ranks each", placement.finishers)
                                           : ", states combined");
}

}  // namespace

std::string print_plan(const Graph& graph, const Plan& plan) {
    constexpr int shown = 4;
    std::string text = fmt::format("plan {}: strategy {}, {} {}\n", graph.name, plan.strategy, plan.ranks,
                                   plan.ranks == 1 ? "rank" : "ranks");
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const Operation& operation = graph.operations[i];
        text += fmt::format("  {:<16} {:<20} {}\n", operation.name, operation.kernel->name,
                            grid_text(operation, plan.operations[i]));
        for (int rank = 0; rank < std::min(plan.ranks, shown); ++rank) {
            const Box points = points_of(graph, plan, OperationId(i), Rank(rank));
            text += fmt::format("    rank {}: {}\n", rank, points.empty() ? "idle" : to_string(points));
        }
        if (plan.ranks > shown) text += fmt::format("    and {} more ranks\n", plan.ranks - shown);
    }
    for (const std::string& note : plan.notes) text += "  note: " + note + "\n";
    return text;
}

}  // namespace maniple
