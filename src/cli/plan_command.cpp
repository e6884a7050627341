#include <fmt/format.h>

#include <cstdio>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/stages.hpp"
#include "program/blocks.hpp"

namespace maniple {

namespace {

/// The first block of `rank`, cut to two steps: those between the first and the last repeat them.
std::string program_text(const Graph& graph, const Plan& plan, Rank rank) {
    constexpr int shown_steps = 2;
    const Layout layout = build_layout(graph, plan, rank);
    StepBlock block = block_at(graph, layout.versions, 0);
    std::string note;
    if (block.shape.steps > shown_steps) {
        note = fmt::format("(the first block has {} steps: the first and the last are shown)\n", block.shape.steps);
        block.shape.steps = shown_steps;
    }
    return print_program(graph, layout, build_program(graph, plan, layout, block.shape)) + note;
}

std::string memory_text(const Graph& graph, const Plan& plan) {
    std::string text;
    constexpr int shown = 8;
    for (int rank = 0; rank < std::min(plan.ranks, shown); ++rank) {
        const Layout layout = build_layout(graph, plan, Rank(rank));
        const StepBlock block = block_at(graph, layout.versions, 0);
        const Program program = build_program(graph, plan, layout, block.shape);
        text += fmt::format("  rank {}: {} in {} buffers; first block ({} {}): {} chunks, sends {} messages, {}\n",
                            rank, format_bytes(layout.host_bytes()), layout.buffers.size(), block.shape.steps,
                            block.shape.steps == 1 ? "step" : "steps", program.chunks.size(), program.message_count,
                            format_bytes(program.message_bytes));
    }
    if (plan.ranks > shown) text += fmt::format("  and {} more ranks\n", plan.ranks - shown);
    return text;
}

}  // namespace

int plan_command(const std::vector<std::string>& arguments) {
    if (wants_help(arguments)) {
        std::fputs(plan_usage().c_str(), stdout);
        return 0;
    }
    const PlanOptions options = parse_plan_options(arguments);
    print_messages(unknown_variables());
    const KernelRegistry registry(standard_kernels());
    const PlannedJob planned = plan_job(options.job, options.overrides, registry, options.ranks);
    print_messages(planned.graph.warnings);
    const Graph& graph = planned.graph;
    const Plan& plan = planned.plan;
    std::string text;
    if (options.dump == "graph") {
        text = print_graph(graph);
    } else if (options.dump == "program") {
        for (int rank = 0; rank < options.ranks; ++rank) text += program_text(graph, plan, Rank(rank));
    } else {
        text = print_plan(graph, plan);
        if (options.dump.empty()) text += memory_text(graph, plan);
    }
    std::fputs(text.c_str(), stdout);
    return 0;
}

}  // namespace maniple
