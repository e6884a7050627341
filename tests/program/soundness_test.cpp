// Programs keep what they promise; one violation of each kind is found.
#include "program/soundness.hpp"

#include <gtest/gtest.h>

#include "example.hpp"

namespace maniple {
namespace {

std::string fault_in(const Example& example, const Program& program) {
    return fault_of(example.graph, example.layouts[0], program);
}

/// A job with halos, folds over ranks, a series and an end that values decide.
const char* const looked_at = R"yaml(maniple: 1
name: looked_at
inputs: {u: in.h5:/u}
graph: {v: "heat_step(u, alpha=0.2)", d: max(abs(v - u)), m: "matmul(v, transpose(u, axes=[1, 0]))"}
loop: {steps: 400, carry: {u: v}, until: d < 1e-9}
outputs: {v: out.h5:/v, m: out.h5:/m, d: {to: out.h5:/d, every: 40}}
)yaml";

TEST(Soundness, AllBlocksOfAllRanksAreSound) {
    for (const char* const text : {terrain, looked_at}) {
        for (const int ranks : {1, 2, 5}) {
            const Example example(text, {90, 47}, ranks);
            StepBlock block;
            set_first_block(example.graph, example.layouts[0].versions, block);
            for (int i = 0; i < 40; ++i) {
                for (int rank = 0; rank < ranks; ++rank) {
                    EXPECT_EQ(fault_of(example.graph, example.layouts[static_cast<std::size_t>(rank)],
                                       example.program(rank, block.shape)),
                              "")
                        << ranks << " ranks, block at " << block.first;
                }
                if (block.end() == example.graph.steps) break;
                set_next_block(example.graph, example.layouts[0].versions, 0, block);
            }
        }
    }
}

/// The program of one rank in the middle of the run, to be spoilt.
struct Spoilt {
    Example example{terrain, {540, 1081}, 1};
    Program program = example.program(0, block_at(example.graph, example.layouts[0].versions, 10).shape);

    InstructionId a_tile() const {
        return find_all(program,
                        [](const Instruction& i) { return i.kind == InstructionKind::compute && i.step == 1; })[1];
    }
    std::string fault() const { return fault_in(example, program); }
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Soundness, TwoWritersOfAVersionAreFound) {
    Spoilt spoilt;
    EXPECT_EQ(spoilt.fault(), "");
    Instruction again = spoilt.program.instructions[spoilt.a_tile().index()];
    again.after = {InstructionId(spoilt.program.instructions.size() - 1)};
    spoilt.program.instructions.push_back(again);
    spoilt.program.chunks = build_chunks(spoilt.program.instructions);
    EXPECT_TRUE(contains(spoilt.fault(), "has two writers")) << spoilt.fault();
}

std::size_t chunk_with(const Program& program, InstructionId id) {
    for (std::size_t i = 0; i < program.chunks.size(); ++i) {
        const auto& held = program.chunks[i].instructions;
        if (std::find(held.begin(), held.end(), id) != held.end()) return i;
    }
    throw std::out_of_range("no chunk holds it");
}

/// Whether the chunk of `later` is that of `earlier`, or waits for it all the same.
bool chunks_wait(const Program& program, InstructionId later, InstructionId earlier) {
    const std::size_t target = chunk_with(program, later);
    std::vector<bool> seen(program.chunks.size(), false);
    std::vector<std::size_t> open = {chunk_with(program, earlier)};
    while (!open.empty()) {
        const std::size_t chunk = open.back();
        open.pop_back();
        if (chunk == target) return true;
        if (seen[chunk]) continue;
        seen[chunk] = true;
        for (const ChunkId next : program.chunks[chunk].dependents) open.push_back(next.index());
    }
    return false;
}

TEST(Soundness, EveryWaitThatIsLeftOutIsFound) {
    const Spoilt good;
    int found = 0, left_out = 0;
    for (std::size_t i = 0; i < good.program.instructions.size(); i += 7) {
        const auto& after = good.program.instructions[i].after;
        for (const InstructionId before : after) {
            Spoilt spoilt;
            erase_if(spoilt.program.instructions[i].after, [&](InstructionId id) { return id == before; });
            // Others may say the same: then nothing is amiss.
            if (waits_for(spoilt.program, InstructionId(i), before)) continue;
            spoilt.program.chunks = build_chunks(spoilt.program.instructions);
            if (chunks_wait(spoilt.program, InstructionId(i), before)) continue;
            ++left_out;
            found += contains(spoilt.fault(), "does not wait for") ? 1 : 0;
            break;
        }
        if (left_out == 40) break;
    }
    EXPECT_GT(left_out, 10);
    EXPECT_EQ(found, left_out);
}

TEST(Soundness, AChunkThatNeverStartsIsFound) {
    Spoilt spoilt;
    ++spoilt.program.chunks.front().predecessors;  // a root that waits for nobody in particular
    EXPECT_TRUE(contains(spoilt.fault(), "never starts")) << spoilt.fault();
}

TEST(Soundness, AChunkThatStartsTooEarlyIsFound) {
    Spoilt spoilt;
    for (Chunk& chunk : spoilt.program.chunks) {
        if (chunk.predecessors > 1) {
            --chunk.predecessors;
            break;
        }
    }
    EXPECT_TRUE(contains(spoilt.fault(), "waits for less")) << spoilt.fault();
}

TEST(Soundness, AnInstructionInTwoChunksOrInNoneIsFound) {
    Spoilt twice;
    twice.program.chunks.back().instructions.push_back(twice.program.chunks.front().instructions.front());
    EXPECT_TRUE(contains(twice.fault(), "two chunks") || contains(twice.fault(), "another lane")) << twice.fault();
    Spoilt missing;
    missing.program.chunks.front().instructions.clear();
    EXPECT_TRUE(contains(missing.fault(), "stands in no chunk")) << missing.fault();
}

}  // namespace
}  // namespace maniple
