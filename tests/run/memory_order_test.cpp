// In which order a worker takes chunks whose ways to the end are equally long: what frees memory goes first.
#include <gtest/gtest.h>

#include <set>

#include "program/layout.hpp"
#include "run/idleness.hpp"
#include "run/run.hpp"
#include "run/scheduler.hpp"

namespace maniple {
namespace {

constexpr std::int64_t large = 1 << 20, small = 1 << 10;

/// Instructions over buffers that are written once.
struct Memory {
    BufferId buffer(std::int64_t bytes) {
        BufferSpec spec;
        spec.box = Box(Extents{0}, Extents{bytes});
        spec.element_bytes = 1;
        layout.buffers.push_back(spec);
        return BufferId(layout.buffers.size() - 1);
    }
    /// Of equal cost, so that each is a chunk and only what they read and write tells them apart.
    BufferId make(std::int64_t bytes, const std::vector<BufferId>& from) {
        const BufferId made = buffer(bytes);
        Instruction instruction;
        instruction.kind = InstructionKind::boundary;
        instruction.writes.push_back({made, layout[made].box});
        instruction.bytes = 4 << 20;
        std::set<InstructionId> after;
        for (const BufferId read : from) {
            instruction.reads.push_back({read, layout[read].box});
            after.insert(maker[read.index()]);
        }
        for (const InstructionId before : after) instruction.after.push_back(before);
        maker.push_back(InstructionId(program.instructions.size()));
        program.instructions.push_back(instruction);
        return made;
    }

    Layout layout;
    Program program;
    std::vector<InstructionId> maker;  ///< by buffer
};

/// Keeps the order.
class Recorder final : public InlineProgram {
public:
    explicit Recorder(std::vector<ChunkId>& order) : order_(order) {}
    void run(ChunkId chunk, const Execution&) override { order_.push_back(chunk); }

private:
    std::vector<ChunkId>& order_;
};

std::vector<ChunkId> order_of(const ChunkGraph& graph) {
    std::vector<ChunkId> order;
    Scheduler scheduler(1, nullptr);
    LanePrograms lanes;
    lanes.cpu = std::make_unique<Recorder>(order);
    lanes.by_chunk.resize(graph.size(), nullptr);
    Run run(graph, std::move(lanes), scheduler);
    scheduler.adopt(0);
    run.start({});
    while (!run.is_done()) scheduler.work(scheduler.worker(0));
    return order;
}

/// Bytes that hold something that is still to be read, at most.
std::int64_t peak_of(const Memory& memory, const std::vector<ChunkId>& order) {
    std::vector<int> readers(memory.layout.buffers.size(), 0);
    for (const Instruction& instruction : memory.program.instructions) {
        for (const Use& use : instruction.reads) ++readers[use.buffer.index()];
    }
    std::int64_t live = 0, peak = 0;
    for (const ChunkId chunk : order) {
        for (const InstructionId id : memory.program.chunks[chunk.index()].instructions) {
            const Instruction& instruction = memory.program.instructions[id.index()];
            for (const Use& use : instruction.writes) live += memory.layout[use.buffer].bytes();
            peak = std::max(peak, live);
            for (const Use& use : instruction.reads)
                live -= --readers[use.buffer.index()] == 0 ? memory.layout[use.buffer].bytes() : 0;
        }
    }
    return peak;
}

TEST(MemoryOrder, WhatFreesGoesBeforeWhatNeedsMoreMemory) {
    constexpr int stages = 8;
    Memory memory;
    std::vector<BufferId> waiting;
    for (int i = 0; i < stages; ++i) waiting.push_back(memory.make(large, {}));
    BufferId stage = memory.make(small, waiting);  // looks at all of them, so that they are there first
    for (int i = 0; i < stages; ++i) {
        const BufferId grown = memory.make(large, {stage});
        const BufferId freed = memory.make(small, {stage, waiting[static_cast<std::size_t>(i)]});
        stage = memory.make(small, {grown, freed});
    }
    memory.program.chunks = build_chunks(memory.program.instructions);
    ASSERT_EQ(memory.program.chunks.size(), memory.program.instructions.size());

    const ChunkGraph graph = chunk_graph_of(memory.program, memory.layout);
    const std::vector<ChunkId> order = order_of(graph);
    ASSERT_EQ(order.size(), memory.program.chunks.size());
    EXPECT_LT(peak_of(memory, order), stages * large + large) << "never one of them more";

    // The order in which they stand, by which equal ones went before.
    std::vector<ChunkId> as_made;
    for (std::size_t i = 0; i < order.size(); ++i) as_made.emplace_back(i);
    EXPECT_GE(peak_of(memory, as_made), stages * large + large) << "else there is nothing to win here";
}

TEST(MemoryOrder, LongerWaysStillGoFirst) {
    Memory memory;
    const BufferId held = memory.make(large, {});
    const BufferId start = memory.make(small, {held});
    const BufferId freed = memory.make(small, {start, held});
    const BufferId grown = memory.make(large, {start});
    const BufferId more = memory.make(large, {grown});
    memory.make(small, {more, freed});
    memory.program.chunks = build_chunks(memory.program.instructions);
    const ChunkGraph graph = chunk_graph_of(memory.program, memory.layout);
    const std::vector<ChunkId> order = order_of(graph);
    const auto place = [&](BufferId buffer) {
        const InstructionId maker = memory.maker[buffer.index()];
        return std::find_if(order.begin(), order.end(), [&](ChunkId chunk) {
            const auto& held_by = memory.program.chunks[chunk.index()].instructions;
            return std::find(held_by.begin(), held_by.end(), maker) != held_by.end();
        });
    };
    EXPECT_LT(place(grown), place(freed));
}

}  // namespace
}  // namespace maniple
