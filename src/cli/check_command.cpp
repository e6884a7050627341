#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/stages.hpp"
#include "lanes/cpu/topology.hpp"

namespace maniple {

namespace {

std::string good_text(const PlannedJob& planned, const Proof& proof, const MemoryLimit& limit) {
    const Graph& graph = planned.graph;
    // Those of the job, not each of them once for every microbatch.
    const auto operations = std::count_if(graph.operations.begin(), graph.operations.end(), [&](const Operation& each) {
        return !each.joins && graph[each.outputs[0]].microbatch <= 0;
    });
    const int ranks = planned.plan.ranks;
    return fmt::format(
        "{}: good: {} {}, {} {} on {} {}\n  memory: at most {} (rank {}) of {} ({})\n"
        "  messages: {} in {} different {} of steps, each with its receive; nothing waits for itself\n",
        planned.job.name, operations, operations == 1 ? "operation" : "operations", graph.steps,
        graph.steps == 1 ? "step" : "steps", ranks, ranks == 1 ? "rank" : "ranks", format_bytes(proof.most_bytes),
        proof.fullest.value, format_bytes(limit.bytes), limit.origin, proof.messages, proof.blocks,
        proof.blocks == 1 ? "block" : "blocks");
}

}  // namespace

std::string check_job(const PlanOptions& options, bool warn) {
    const KernelRegistry registry(standard_kernels());
    const PlannedJob planned = plan_job(options.job, options.overrides, registry, options.ranks);
    if (warn) print_messages(planned.graph.warnings);
    const MemoryLimit limit = memory_limit(planned.job, Topology().memory_bytes(), options.ranks);
    const Proof proof = check_planned(planned, options.overwrite, limit);
    return good_text(planned, proof, limit);
}

int check_command(const std::vector<std::string>& arguments) {
    if (wants_help(arguments)) {
        std::fputs(check_usage().c_str(), stdout);
        return 0;
    }
    const PlanOptions options = parse_check_options(arguments);
    print_messages(unknown_variables());
    std::fputs(check_job(options, true).c_str(), stdout);
    return 0;
}

}  // namespace maniple
