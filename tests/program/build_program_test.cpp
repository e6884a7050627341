#include <gtest/gtest.h>

#include <map>
#include <tuple>

#include "example.hpp"
#include "program/proof.hpp"

namespace maniple {
namespace {

/// Every message of one rank's program, by (source, target, tag), with its bytes.
using Messages = std::map<std::tuple<int, int, int>, std::int64_t>;

void collect(const Example& example, int rank, const Program& program, Messages& sends, Messages& receives) {
    for (const Instruction& instruction : program.instructions) {
        if (instruction.lane != LaneKind::net) continue;
        const bool send = instruction.kind == InstructionKind::send;
        const Use& use = send ? instruction.reads[0] : instruction.writes[0];
        const std::int64_t bytes =
            use.box.volume() * example.layouts[static_cast<std::size_t>(rank)][use.buffer].element_bytes;
        const int peer = instruction.peer.value;
        const bool fresh = send ? sends.emplace(std::tuple(rank, peer, instruction.tag), bytes).second
                                : receives.emplace(std::tuple(peer, rank, instruction.tag), bytes).second;
        EXPECT_TRUE(fresh) << "a tag is used twice";
    }
}

TEST(BuildProgram, EverySendHasItsReceive) {
    for (int ranks = 1; ranks <= 5; ++ranks) {
        const Example example(terrain, {17, 9}, ranks);
        for (std::int64_t first = 0; first < example.graph.steps;) {
            const StepBlock block = block_at(example.graph, example.layouts[0].versions, first);
            Messages sends, receives;
            for (int rank = 0; rank < ranks; ++rank)
                collect(example, rank, example.program(rank, block.shape), sends, receives);
            EXPECT_EQ(sends, receives) << ranks << " ranks, block at " << first;
            EXPECT_EQ(sends.empty(), ranks == 1);
            first = block.end();
        }
    }
}

TEST(BuildProgram, AMessageOfABorderWaitsForTheBorderAlone) {
    const Example example(terrain, {540, 1081}, 2);
    const Program program = example.program(0, example.first_block());
    const auto sends =
        find_all(program, [](const Instruction& i) { return i.kind == InstructionKind::send && i.step == 2; });
    ASSERT_EQ(sends.size(), 1u);
    const auto tiles =
        find_all(program, [](const Instruction& i) { return i.kind == InstructionKind::compute && i.step == 1; });
    ASSERT_GT(tiles.size(), 5u);
    for (const InstructionId tile : tiles) {
        const bool border = program.instructions[tile.index()].box.get().hi[0] == 270;
        const auto& after = program.instructions[sends[0].index()].after;
        EXPECT_EQ(std::find(after.begin(), after.end(), tile) != after.end(), border)
            << to_string(program.instructions[tile.index()].box);
    }
}

TEST(BuildProgram, ATileWaitsForItsNeighboursOfTheStepBeforeAlone) {
    const Example example(terrain, {540, 1081}, 1);
    const Program program = example.program(0, example.first_block());
    const auto tiles =
        find_all(program, [](const Instruction& i) { return i.kind == InstructionKind::compute && i.step == 3; });
    for (const InstructionId tile : tiles) {
        const Box& box = program.instructions[tile.index()].box;
        for (const InstructionId before : program.instructions[tile.index()].after) {
            const Box other = program.instructions[before.index()].box;
            EXPECT_LE(other.lo[0], box.hi[0]);
            EXPECT_GE(other.hi[0], box.lo[0]);
        }
    }
}

TEST(BuildProgram, OnlyWhatIsObservedIsComputedOnTop) {
    const Example example(terrain, {54, 108}, 1);
    const Program program = example.program(0, example.first_block());
    const auto of_kernel = [&](const char* name) {
        return find_all(program, [&](const Instruction& i) {
            return i.operation.valid() && example.graph[i.operation].kernel->name == name;
        });
    };
    EXPECT_TRUE(of_kernel("gradient_magnitude").empty());  // needed after the last step only
    for (const InstructionId sum : of_kernel("sum")) EXPECT_EQ(program.instructions[sum.index()].step, 9);
    EXPECT_FALSE(of_kernel("sum").empty());
}

TEST(BuildProgram, ChunksAreAcyclicAndHoldEachInstructionOnce) {
    const Example example(terrain, {540, 1081}, 3);
    const Program program = example.program(1, example.first_block());
    std::vector<int> seen(program.instructions.size(), 0);
    std::vector<std::int32_t> counted(program.chunks.size(), 0);
    for (const Chunk& chunk : program.chunks) {
        for (const InstructionId id : chunk.instructions) {
            ++seen[id.index()];
            EXPECT_EQ(program.instructions[id.index()].lane, chunk.lane);
        }
        for (const ChunkId dependent : chunk.dependents) ++counted[dependent.index()];
    }
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));
    std::vector<ChunkId> ready;
    std::vector<std::int32_t> remaining;
    for (std::size_t i = 0; i < program.chunks.size(); ++i) {
        EXPECT_EQ(counted[i], program.chunks[i].predecessors);
        remaining.push_back(program.chunks[i].predecessors);
        if (remaining[i] == 0) ready.push_back(ChunkId(i));
    }
    std::size_t done = 0;
    while (!ready.empty()) {
        const ChunkId chunk = ready.back();
        ready.pop_back();
        ++done;
        for (const ChunkId dependent : program.chunks[chunk.index()].dependents) {
            if (--remaining[dependent.index()] == 0) ready.push_back(dependent);
        }
    }
    EXPECT_EQ(done, program.chunks.size());
}

TEST(BuildProgram, APieceOfAHaloStandsInItsTilesChunk) {
    const Example example(terrain, {540, 1081}, 2);
    BlockShape one_step;
    const Program program = example.program(0, one_step);
    std::vector<std::pair<std::size_t, std::size_t>> place(program.instructions.size());  // chunk, and where in it
    for (std::size_t i = 0; i < program.chunks.size(); ++i) {
        const auto& held = program.chunks[i].instructions;
        for (std::size_t at = 0; at < held.size(); ++at) place[held[at].index()] = {i, at};
    }
    const auto pieces = find_all(program, [](const Instruction& i) {
        const bool copies = i.kind == InstructionKind::boundary || i.kind == InstructionKind::copy;
        return copies && i.after.empty() && i.writes[0].box.extent(1) == 1;
    });
    EXPECT_GT(pieces.size(), 10u);
    for (const InstructionId piece : pieces) {
        const auto dependents = find_all(program, [&](const Instruction& i) {
            return std::find(i.after.begin(), i.after.end(), piece) != i.after.end();
        });
        ASSERT_EQ(dependents.size(), 1u);
        EXPECT_EQ(place[dependents[0].index()].first, place[piece.index()].first);
        EXPECT_GT(place[dependents[0].index()].second, place[piece.index()].second);
    }
}

TEST(BuildProgram, IsTheSameEveryTime) {
    const Example a(terrain, {540, 1081}, 2), b(terrain, {540, 1081}, 2);
    EXPECT_EQ(print_program(a.graph, a.layouts[1], a.program(1, a.first_block())),
              print_program(b.graph, b.layouts[1], b.program(1, b.first_block())));
}

/// A chain that begins where a chunk ends goes on in that chunk, unless what comes later in it waits for what waits for the
/// chunk.
TEST(BuildProgram, AChainThatReadsAStencilAndItsInputCanBegin) {
    const char* const job = R"yaml(maniple: 1
name: both
inputs: {u: in.h5:/u}
graph:
  d: heat_step(u, alpha=0.1)
  e: heat_step(d, alpha=0.1)
  v: relu(d) + relu(e)
outputs: {v: out.h5:/v}
)yaml";
    for (const Shape& shape : {Shape{23, 31}, Shape{100, 64}, Shape{400, 400}}) {
        for (int ranks = 1; ranks <= 2; ++ranks) {
            const Example example(job, shape, ranks);
            EXPECT_NO_THROW(prove(example.graph, example.plan, {})) << to_string(shape) << " on " << ranks;
        }
    }
}

TEST(PrintProgram, ShowsTheWholePath) {
    const char* const one_step = R"yaml(maniple: 1
name: one
inputs: {u: in.h5:/u}
graph: {v: "heat_step(u, alpha=0.2, boundary=[clamp, periodic])"}
outputs: {v: out.h5:/v}
)yaml";
    const Example example(one_step, {6, 5}, 2);
    const std::string text =
        print_program(example.graph, example.layouts[0], example.program(0, example.first_block()));
    EXPECT_EQ(text, R"text(program of rank 0: 1 steps, loads inputs, 6 instructions in 6 chunks
     operation                                      lane  step box                                  after
0    read     u from input u                        file  0    [0:4, 0:5]                           -
1    boundary u, clamp                              cpu   0    [-1, 0:5]                            0
2    copy     u to u                                cpu   0    [0:3, 4] to [0:3, -1]                0
3    copy     u to u                                cpu   0    [0:3, 0] to [0:3, 5]                 0
4    compute  heat_step u -> v                      cpu   0    [0:3, 0:5]                           0 1 2 3
5    write    v                                     file  0    [0:3, 0:5]                           4
)text");
}

}  // namespace
}  // namespace maniple
