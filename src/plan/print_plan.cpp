#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "plan/plan_file.hpp"

namespace maniple {

namespace {

/// "2x2 blocks of [y, x]", "4 blocks of [y] from rank 4 on, states combined", "on rank 0".
std::string grid_text(const Operation& operation, const OperationPlacement& placement) {
    const Rank first = placement.points.first;
    if (placement.points.cuts.empty()) return fmt::format("on rank {}", first.value);
    std::vector<int> parts;
    std::vector<std::string> names;
    for (const Cut& cut : placement.points.cuts) {
        parts.push_back(cut.parts);
        names.push_back(operation.bound->indices[static_cast<std::size_t>(cut.index)].name);
    }
    std::string text = fmt::format("{} blocks of [{}]", fmt::join(parts, "x"), fmt::join(names, ", "));
    if (first.value > 0) text += fmt::format(" from rank {} on", first.value);
    if (!placement.combines) return text;
    return text + (placement.finishers > 1 ? fmt::format(", states combined on {} ranks each", placement.finishers)
                                           : ", states combined");
}

/// What the first ranks compute; where they are a group of the ranks, of that group.
std::string boxes_text(const Graph& graph, const Plan& plan, OperationId id) {
    constexpr int shown = 4;
    const BlockGrid& grid = plan[id].points;
    const bool of_all = plan.strategy == "data" || plan.strategy == "stealing";
    const int first = of_all ? 0 : grid.first.value;
    const int count = of_all ? plan.ranks : grid.count();
    std::string text;
    for (int rank = first; rank < first + std::min(count, shown); ++rank) {
        const Box points = points_of(graph, plan, id, Rank(rank));
        text += fmt::format("    rank {}: {}\n", rank, points.empty() ? "idle" : to_string(points));
    }
    if (count > shown) text += fmt::format("    and {} more ranks\n", count - shown);
    return text;
}

/// What print_plan() says of one operation.
struct PlacementLines {
    std::string name;
    std::string placement;
};

/// Operations that are placed as those before them.
struct Repetition {
    std::size_t lines = 0;   ///< 0: none worth leaving out
    std::size_t period = 0;  ///< after so many the placements come again
};

/// Of the operations from `begin` on: the layers of a deep network are alike.
Repetition repetition_at(const std::vector<PlacementLines>& all, std::size_t begin) {
    constexpr std::size_t longest_period = 12, least_lines = 24;
    for (std::size_t period = 1; period <= std::min(begin, longest_period); ++period) {
        std::size_t end = begin;
        while (end < all.size() && all[end].placement == all[end - period].placement) ++end;
        const std::size_t lines = (end - begin) / period * period;
        if (lines >= least_lines) return {lines, period};
    }
    return {};
}

}  // namespace

std::string plan_identity(const Graph& graph, const Plan& plan) {
    std::string bytes = fmt::format("{} {} {} {} {} {} {}", plan.strategy, plan.ranks, graph.steps, plan.tight,
                                    static_cast<int>(plan.sharing), plan.moves_borders, plan.claiming_ranks);
    bytes += fmt::format(" comm {} {} {} {} {} {} {}", name_of(plan.comm.mode), plan.comm.within.latency_ns,
                         plan.comm.within.bytes, plan.comm.between.latency_ns, plan.comm.between.bytes,
                         plan.comm.message_ns, fmt::join(plan.comm.nodes, ","));
    const auto add = [&](const char* before, std::int64_t number) {
        bytes += before;
        fmt::format_to(std::back_inserter(bytes), "{}", number);
    };
    const auto add_grid = [&](const BlockGrid& grid) {
        add(";", grid.first.value);
        for (const Cut& cut : grid.cuts) {
            add(" ", cut.index);
            add("x", cut.parts);
        }
    };
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const Operation& operation = graph.operations[i];
        const OperationPlacement& placement = plan.operations[i];
        bytes += '\n';
        bytes += operation.name;
        bytes += ' ';
        bytes += operation.kernel->name;
        for (const BoundSignature::Index& index : operation.bound->indices) {
            add(" ", index.from);
            add(":", index.end());
        }
        for (const TensorId input : operation.inputs) add(" i", input.value);
        for (const TensorId output : operation.outputs) {
            add(" o", output.value);
            add(" ", graph[output].alive);
            add(" ", graph[output].follows.value);
        }
        for (const OperationId before : operation.after) add(" a", before.value);
        add_grid(placement.points);
        for (const int number : {int{placement.combines}, placement.finishers, int{placement.claimable},
                                 static_cast<int>(operation.keeping), int{operation.again}})
            add(" ", number);
    }
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        if (is_placed_output(graph, graph.outputs[i]))
            add_grid(plan.outputs[i]);  // others are written by who computes them
    }
    return bytes;
}

std::string print_plan(const Graph& graph, const Plan& plan) {
    std::string text = fmt::format("plan {}: strategy {}, {} {}\n", graph.name, plan.strategy, plan.ranks,
                                   plan.ranks == 1 ? "rank" : "ranks");
    std::vector<PlacementLines> all;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const Operation& operation = graph.operations[i];
        if (graph[operation.outputs[0]].microbatch > 0) continue;  // as the first one
        all.push_back({operation.name,
                       fmt::format("{:<20} {}{}\n", operation.kernel->name, grid_text(operation, plan.operations[i]),
                                   plan.operations[i].claimable ? ", tiles claimed by ranks that are free" : "") +
                           boxes_text(graph, plan, OperationId(i))});
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (const Repetition again = repetition_at(all, i); again.lines > 0) {
            text += fmt::format("  and so on to {}: {} more operations, placed as the last {}\n",
                                all[i + again.lines - 1].name, again.lines, again.period);
            i += again.lines - 1;
        } else {
            text += fmt::format("  {:<16} {}", all[i].name, all[i].placement);
        }
    }
    for (const std::string& line : plan.timeline) text += "  " + line + "\n";
    for (const std::string& note : plan.notes) text += "  note: " + note + "\n";
    return text;
}

}  // namespace maniple
