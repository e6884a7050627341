// program/proof.hpp: that a plan fits its memory and that its ranks cannot wait for each other for ever.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/plan.hpp"
#include "program/constraints.hpp"
#include "program/layout.hpp"

namespace maniple {

/// What a proof looked at.
struct Proof {
    Rank fullest;                          ///< the rank with the most bytes
    std::vector<std::int64_t> bytes;       ///< of the host's buffers, by rank
    std::int64_t most_bytes = 0;           ///< those of the fullest
    std::vector<std::string> memory_plan;  ///< of the fullest: memory_plan_lines()
    int threads = 1;                       ///< of the fullest rank, whose chains take memory of each
    int blocks = 0;                        ///< different blocks of steps
    std::int64_t programs = 0;             ///< of all ranks
    std::int64_t instructions = 0;         ///< in them
    std::int64_t chunks = 0;               ///< likewise
    std::int64_t edges = 0;                ///< between chunks of a rank: data, buffers that are used again, tables
    std::int64_t messages = 0;             ///< of one execution of each program
    std::int64_t message_bytes = 0;        ///< likewise
    std::int64_t written_elements = 0;     ///< of outputs, likewise
    int most_neighbours = 0;               ///< of a rank: those it exchanges messages with
};

/// Errors: UnavailableError naming the rank, its bytes and its largest buffer, where they pass `limit`.
void require_memory(const Layout& layout, const MemoryLimit& limit);

/// What is wrong with the programs of all ranks for one block, in one line that names the rank, the tensor and the bytes;
/// empty: nothing. Does not ask how they were made. Held to be true:
/// - every buffer lies in the memory that the layout counts, every instruction's boxes lie in their buffers;
/// - every send has its receive, of the same tensor, bytes and number; what waits for a message waits for both its ends;
/// - every instruction stands in one chunk of its lane; over all ranks no chunk waits for itself, through data, through
///   buffers that are used again (slots of versions, pieces of a batch, staging), or through messages that wait for their
///   receivers;
/// - of two instructions of a rank that touch the same bytes, one of which writes, the later one waits for the earlier;
/// - in the block that a run begins with nobody reads bytes that nobody has written;
/// - every element of every output of the block is written once, by one rank.
/// There are no collective operations in programs: files are opened and closed before and after them, in the job's order.
/// Pure; near-linear in the instructions.
std::string fault_of_block(const Graph& graph, const std::vector<Layout>& layouts,
                           const std::vector<Program>& programs);

/// Builds the programs of all ranks for every different block of steps and holds them to fault_of_block() and `limit`.
/// Blocks follow each other in one order on all ranks, and a rank begins one when it has done all of the one before: what
/// holds for each block holds for a run. `lanes` are by rank; empty: cpus of one thread. Pure.
/// Errors: UnavailableError for the memory; KernelError for all else, which would be an error of this program.
Proof prove(const Graph& graph, const Plan& plan, const MemoryLimit& limit, const std::vector<LaneChoice>& lanes = {});

}  // namespace maniple
