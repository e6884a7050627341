// program/simulate.hpp: the programs of all ranks in virtual time: lanes as servers, messages over links.
#pragma once

#include <cstdint>
#include <vector>

#include "program/cost_model.hpp"
#include "program/program.hpp"

namespace maniple {

/// A chunk of one rank's program as the simulation sees it.
struct SimulatedChunk {
    LaneKind lane = LaneKind::cpu;
    InstructionKind kind = InstructionKind::compute;  ///< of its first instruction
    int gpu = -1;
    bool claimable = false;
    std::int32_t predecessors = 0;
    double ns = 0;          ///< on its lane; of a message that is sent what it costs its sender besides its bytes
    double urgency_ns = 0;  ///< of the longest way from here to the end, itself included
    Rank peer;              ///< of a message
    int tag = 0;
    std::int64_t bytes = 0;         ///< of a message; of a claimable chunk what it reads
    std::int64_t result_bytes = 0;  ///< of a claimable chunk: what it writes
};

/// One rank's program of one block without what it does to which bytes.
struct SimulatedProgram {
    std::vector<SimulatedChunk> chunks;
    std::vector<std::uint32_t> first_dependent;  ///< by chunk; one more than there are chunks
    std::vector<ChunkId> dependents;
};

/// `points` are those of each operation on the rank, by OperationId. Pure.
SimulatedProgram simulated(const Program& program, const CostModel& costs, const std::vector<std::int64_t>& points);

/// What the way that decided on the end of a block was made of, in nanoseconds.
struct CriticalWay {
    double compute = 0;  ///< kernels
    double moves = 0;    ///< copies, boundaries, states that are merged
    double messages = 0;
    double files = 0;
};

struct BlockTimes {
    double ns = 0;                    ///< until the last chunk of the last rank has ended
    std::vector<double> cpu_busy_ns;  ///< by rank: of all its threads together
    std::vector<double> gpu_busy_ns;  ///< by rank: of all its gpu lanes together
    std::int64_t messages = 0;
    std::int64_t message_bytes = 0;
    CriticalWay way;
};

/// What the ranks run on.
struct SimulatedMachine {
    std::vector<int> threads;  ///< by rank
    std::vector<int> node;     ///< by rank: number of its node
    int gpus = 0;              ///< the most gpu lanes of a rank
    int claiming_ranks = 0;    ///< as Plan
    Rates rates;
};

/// Runs one block of all ranks from a common beginning. A ready chunk of a lane starts when a server is free, the most
/// urgent first: threads, a gpu lane, the file lane; a message leaves when the sender's link is free (its node's card,
/// where it goes to another node) and is there a latency after its last byte. Claimable chunks wait in pools instead,
/// and ranks that are free take them from each other (simulated_claims.hpp). Pure; O(chunks · log chunks), with claims times the ranks. Requires:
/// each send has its receive (program/proof.hpp).
BlockTimes simulate_block(const std::vector<SimulatedProgram>& programs, const SimulatedMachine& machine);

}  // namespace maniple
