#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/planning_machine.hpp"
#include "cli/stages.hpp"

namespace maniple {

namespace {

/// Of one data set of an input and of an output that is stored in chunks (lanes/file/input_dataset.cpp, output_files.cpp).
constexpr std::int64_t input_chunk_cache_bytes = std::int64_t{32} << 20;
constexpr std::int64_t output_chunk_cache_bytes = std::int64_t{16} << 20;
/// As Open MPI 4 takes within a node: free lists and the segment that ranks share; fast boxes and eager messages of each
/// neighbour.
constexpr std::int64_t mpi_base_bytes = std::int64_t{16} << 20;
constexpr std::int64_t mpi_neighbour_bytes = std::int64_t{64} << 10;

/// Of the first ranks.
std::string bytes_text(const std::vector<std::int64_t>& bytes) {
    constexpr std::size_t shown = 8;
    std::string text;
    for (std::size_t rank = 0; rank < std::min(bytes.size(), shown); ++rank)
        text += (rank > 0 ? ", " : "") + fmt::format("{} {}", rank, format_bytes(bytes[rank]));
    return bytes.size() > shown ? text + fmt::format(" and {} more", bytes.size() - shown) : text;
}

/// The certificate.
std::string good_text(const PlannedJob& planned, const Proof& proof, const MemoryLimit& limit) {
    const Graph& graph = planned.graph;
    // Those of the job, not each of them once for every microbatch.
    const auto operations = std::count_if(graph.operations.begin(), graph.operations.end(), [&](const Operation& each) {
        return !each.joins && graph[each.outputs[0]].microbatch <= 0;
    });
    const int ranks = planned.plan.ranks;
    std::string text =
        fmt::format("{}: good: {} {}, {} {} on {} {}, plan {}\n", planned.job.name, operations,
                    operations == 1 ? "operation" : "operations", graph.steps, graph.steps == 1 ? "step" : "steps",
                    ranks, ranks == 1 ? "rank" : "ranks", planned.plan.strategy);
    text += fmt::format("  memory: at most {} (rank {}, {} B, with {} {} each) of {} ({})\n",
                        format_bytes(proof.most_bytes), proof.fullest.value, proof.most_bytes, proof.threads,
                        proof.threads == 1 ? "thread" : "threads", format_bytes(limit.bytes), limit.origin);
    text += fmt::format("  memory by rank: {}\n", bytes_text(proof.bytes));
    text += fmt::format("  memory plan of rank {}:\n", proof.fullest.value);
    for (const std::string& line : proof.memory_plan) text += "    " + line + "\n";
    for (const std::string& note : planned.plan.notes) text += "  note: " + note + "\n";
    text += fmt::format(
        "  messages: {} of {} in {} different {} of steps, each with its receive of the same bytes\n"
        "  order: {} programs of {} instructions in {} chunks; with {} edges of data, buffers and tables between them, and "
        "messages that wait for their receivers, nothing waits for itself, and whatever touches the same bytes is ordered\n",
        proof.messages, format_bytes(proof.message_bytes), proof.blocks, proof.blocks == 1 ? "block" : "blocks",
        proof.programs, proof.instructions, proof.chunks, proof.edges);
    text +=
        fmt::format("  files: {} elements of {} {}, each written once; opened and closed in one order on every rank\n",
                    proof.written_elements, graph.outputs.size(), graph.outputs.size() == 1 ? "output" : "outputs");
    const std::int64_t opened = static_cast<std::int64_t>(planned.catalogue.inputs.size());
    text += fmt::format("  beside that, estimated: HDF5's chunk cache up to {} a rank, MPI's buffers about {}\n",
                        format_bytes(opened * input_chunk_cache_bytes +
                                     static_cast<std::int64_t>(graph.outputs.size()) * output_chunk_cache_bytes),
                        format_bytes(mpi_base_bytes + proof.most_neighbours * mpi_neighbour_bytes));
    return text;
}

}  // namespace

std::string check_job(const PlanOptions& options, bool warn) {
    const KernelRegistry registry(standard_kernels());
    const PlanningMachine machine(options.cluster, !options.no_history, options.threads);
    const PlannedJob planned = plan_job(options.job, options.overrides, registry, machine, options.ranks);
    if (warn) print_messages(planned.graph.warnings);
    require_constraints(planned, machine);
    const MemoryLimit limit = machine.memory_limit_of(planned.job, options.ranks);
    const Proof proof = check_planned(planned, options.overwrite, machine);
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
