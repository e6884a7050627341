// program/program.hpp: one rank's immutable local graph: instructions on lanes, grouped in chunks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/short_vector.hpp"
#include "graph/graph.hpp"
#include "plan/plan.hpp"
#include "program/packed_uses.hpp"
#include "tensor/box.hpp"

namespace maniple {

enum class LaneKind : std::uint8_t { cpu, gpu, net, file };
inline constexpr int lane_kinds = 4;
std::string_view name_of(LaneKind lane);

/// What one instruction does. Every movement of data is one of these; nothing moves implicitly.
enum class InstructionKind : std::uint8_t {
    read,        ///< file: a box of an input into a buffer
    fill,        ///< cpu: a generated or constant value
    copy,        ///< cpu: between two buffers, or within one (a periodic boundary)
    boundary,    ///< cpu: the halo outside the tensor: repeats an edge, or zeros (no read)
    send,        ///< net
    receive,     ///< net
    compute,     ///< cpu: a kernel over a tile; of a fold one that has all elements of its results
    accumulate,  ///< cpu: a fold over a tile into its own state: init, then accumulate
    merge,       ///< cpu: init, then merges the states of tiles or ranks in their order
    finish,      ///< cpu: results from states
    write,       ///< file: a box of an output
    pack,        ///< cpu: a box of a buffer into consecutive bytes of a gpu's staging buffer
    unpack,      ///< cpu: the other way
    upload,      ///< gpu: consecutive bytes of its staging buffer into a box of a buffer in its memory
    download,    ///< gpu: the other way
    compare,     ///< cpu: fails where a box of two buffers differs by more than the kernel's tolerance
    check,       ///< cpu: fails where an element of a box is none that the operation's input may hold
    store,       ///< file: a box of a buffer into the rank's scratch file
    restore,     ///< file: the other way
    decide,      ///< cpu: if `until` holds, steps behind it are left out; what it reads is not written over before
};
std::string_view name_of(InstructionKind kind);
/// Whether its cost is that of an operation's points.
constexpr bool runs_kernel(InstructionKind kind) {
    return kind == InstructionKind::compute || kind == InstructionKind::accumulate;
}

/// A tensor argument of a kernel function. For states, `part` is the leading coordinate that is fixed.
struct Argument {
    BufferId buffer;
    std::int64_t part = -1;
};

/// Borrows nothing; ids refer to the graph, the plan and the layout that it was built from. What chunks are made by
/// stands first, in one cache line.
struct Instruction {
    InstructionKind kind = InstructionKind::compute;
    LaneKind lane = LaneKind::cpu;
    bool chained = false;    ///< goes on with the tile of the instruction before it, piece by piece (chains.hpp)
    bool tail = false;       ///< goes on with a tile of the product before it (tails.hpp)
    bool claimable = false;  ///< another rank, or another lane, may compute it; has a chunk of its own
    int gpu = -1;            ///< which gpu lane of the rank; the kinds above that name the cpu may run there too
    std::int64_t bytes = 0;  ///< read and written, for the cost of a chunk
    ShortVector<InstructionId, 4> after;  ///< predecessors, ascending, each once
    int step = 0;                         ///< of the block, from 0
    int position = -1;      ///< number of the operation that it is there for; of the loop's counted on; -1: before all
    OperationId operation;  ///< for compute, accumulate, merge, finish
    TensorId tensor;        ///< what is moved or written, for printing
    PackedBox box;          ///< loop indices for kernels, tensor coordinates for read and write
    PackedUses<12> reads;
    PackedUses<8> writes;
    ShortVector<Argument, 3> arguments;  ///< in the order of the ABI; for merge: the target, then the sources
    Rank peer;                           ///< of a message
    int tag = 0;                         ///< unique among the messages of one program between two ranks
    std::uint32_t file_number = 0;       ///< read: input in the catalogue; write: output of the graph
    std::uint32_t domain = 0;            ///< check: number in Operation::domains
    std::int64_t every = 0;              ///< write: rows of a series are (step + 1) / every - 1; 0: no series
};

/// A sequence of instructions on one lane without outside dependencies except before the first one.
struct Chunk {
    LaneKind lane = LaneKind::cpu;
    int gpu = -1;                                ///< which gpu lane of the rank
    ShortVector<InstructionId, 6> instructions;  ///< most often a tile and the edges that are copied of it
    ShortVector<ChunkId, 4> dependents;
    std::int32_t predecessors = 0;  ///< how many chunks must be done before; 0: a root
    bool claimable = false;         ///< one instruction that another rank, or another lane, may compute
};

/// Which part of a run a program carries out. Programs of equal shape are one program.
/// Where `until` may end the loop, nobody knows the last step before it is over: the blocks that may hold it compute
/// what the final outputs need, and a closing block without a step writes them.
struct BlockShape {
    int phase = 0;  ///< first step modulo Layout::period
    int steps = 1;
    bool loads = false;  ///< the first block: reads inputs and computes what does not change from step to step
    bool gathers =
        false;  ///< after borders have moved: brings what does not change to all who read it, and nothing else
    std::vector<std::size_t> observed;  ///< graph outputs written after its last step, ascending
    bool completes = false;             ///< computes in its last step what the final outputs need
    int decides =
        0;  ///< brings the value of `until` to every rank after so many steps, then every graph.check; 0: never
    bool holds = false;   ///< what is observed is not written: `until` may have ended the loop before
    bool carried = true;  ///< of a closing block: the carry after the last step was performed

    bool operator==(const BlockShape&) const = default;
};

/// Structural only: no pointers, no atomics, nothing that changes while it runs.
struct Program {
    Rank rank;
    BlockShape shape;
    std::vector<Instruction> instructions;  ///< in an order in which running them one by one is right
    std::vector<Chunk> chunks;
    double flops = 0;                ///< of one execution on this rank, from signatures
    std::int64_t message_count = 0;  ///< sent
    std::int64_t message_bytes = 0;  ///< sent
    MessageCounts messages;          ///< the same, by kind
    /// Tiles are begun in falling order, those of the next rank in rising order: so both are at the border between them at
    /// the same time, and neither waits for the other's messages until the end.
    bool sweeps_back = false;
    /// Of a block that decides: the values of `until`, one bool each, in the order of the steps, after an execution.
    std::vector<BufferId> verdicts;
};

struct Layout;

/// Derives one rank's program of one block. Pure; looks at no other rank's program. Without `copies_alike` each operation is
/// looked at by itself, which takes longer and gives the same (repeats.hpp).
Program build_program(const Graph& graph, const Plan& plan, const Layout& layout, const BlockShape& shape,
                      bool copies_alike = true);

/// Groups instructions into chunks: an instruction joins the chunk of its predecessors where that chunk holds all of
/// them, ends with the only one that needs nothing else to follow, and stays under the cost cap: of bytes, and of time where
/// `point_ns` (LaneChoice::point_ns) knows it.
std::vector<Chunk> build_chunks(const std::vector<Instruction>& instructions, std::span<const double> point_ns = {});

/// A table as in the design document: operation, lane, box, after. Tiles of one operation share a line.
std::string print_program(const Graph& graph, const Layout& layout, const Program& program);

}  // namespace maniple
