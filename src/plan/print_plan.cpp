#include <fmt/format.h>

#include <algorithm>

#include "plan/plan.hpp"

namespace maniple {

namespace {

/// "index y in 2 blocks", "on rank 0".
std::string split_text(const Operation& operation, const OperationPlacement& placement) {
    if (placement.points.index < 0 || placement.points.parts == 1) return "on rank 0";
    const BoundSignature::Index& index = operation.bound.indices[static_cast<std::size_t>(placement.points.index)];
    return fmt::format("index {} ({}) in {} blocks{}", index.name, index.extent, placement.points.parts,
                       placement.combines ? ", states combined" : "");
}

}  // namespace

std::string print_plan(const Graph& graph, const Plan& plan) {
    constexpr int shown = 4;
    std::string text = fmt::format("plan {}: strategy {}, {} {}\n", graph.name, plan.strategy, plan.ranks,
                                   plan.ranks == 1 ? "rank" : "ranks");
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const Operation& operation = graph.operations[i];
        text += fmt::format("  {:<16} {:<20} {}\n", operation.name, operation.kernel->name,
                            split_text(operation, plan.operations[i]));
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
