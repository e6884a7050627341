// Lanes of one rank: who computes what, and that data reaches them.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "example.hpp"
#include "program/lane_choice.hpp"

namespace maniple {
namespace {

GpuFacts gpu_with(std::uint32_t features, bool software = false, bool unified = false) {
    GpuFacts gpu;
    gpu.features = features;
    gpu.software = software;
    gpu.unified = unified;
    return gpu;
}

constexpr std::uint32_t everything = MANIPLE_GPU_F64 | MANIPLE_GPU_I64 | MANIPLE_GPU_STORAGE_8 | MANIPLE_GPU_STORAGE_16;

RankFacts rank_with(std::vector<GpuFacts> gpus) {
    RankFacts facts;
    facts.gpus = std::move(gpus);
    return facts;
}

int error_code(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) { return static_cast<int>(error.code()); }
    return 0;
}

using Lanes = std::vector<int>;

TEST(LaneChoice, FollowsWhatIsAskedFor) {
    const Example example(terrain, {20, 30}, 1);
    const RankFacts two = rank_with({gpu_with(everything), gpu_with(everything)});
    EXPECT_EQ(choose_lanes(example.graph, two, LaneUse::cpu).of(OperationId(0)), Lanes{-1});
    EXPECT_EQ(choose_lanes(example.graph, two, LaneUse::gpu).of(OperationId(0)), (Lanes{0, 1}));
    EXPECT_EQ(choose_lanes(example.graph, two, LaneUse::both).of(OperationId(0)), (Lanes{-1, 0, 1}));
    EXPECT_EQ(choose_lanes(example.graph, two, LaneUse::automatic).of(OperationId(0)), Lanes{-1}) << "too small";
    EXPECT_EQ(error_code([&] { choose_lanes(example.graph, rank_with({}), LaneUse::gpu); }), 69);
    EXPECT_EQ(error_code([&] { choose_lanes(example.graph, rank_with({}), LaneUse::both); }), 69);
}

TEST(LaneChoice, TakesRealGpusForLargeOperationsByItself) {
    const Example example(terrain, {2000, 2000}, 1);
    const auto lanes = [&](const GpuFacts& gpu) {
        return choose_lanes(example.graph, rank_with({gpu}), LaneUse::automatic).of(OperationId(0));
    };
    EXPECT_EQ(lanes(gpu_with(everything)), Lanes{0});
    EXPECT_EQ(lanes(gpu_with(everything, true)), Lanes{-1}) << "software";
}

TEST(LaneChoice, WhatADeviceLacksRunsOnTheCpuAndIsNamed) {
    const Example example(
        "maniple: 1\nname: t\ninputs: {u: {shape: [100], fill: 1, dtype: f64}}\ngraph: {v: u + u}\n"
        "outputs: {v: out.h5:/v}\n",
        {}, 1);
    const LaneChoice choice = choose_lanes(example.graph, rank_with({gpu_with(0)}), LaneUse::gpu);
    EXPECT_EQ(choice.of(OperationId(0)), Lanes{-1});
    ASSERT_EQ(choice.notes.size(), 1u);
    EXPECT_NE(choice.notes[0].find("add(f64, f64)"), std::string::npos) << choice.notes[0];
}

/// The tiles of the first operation on `lanes`.
std::vector<Tile> tiles_of(const Example& example, const Lanes& lanes) {
    LaneChoice choice;
    choice.gpus.resize(4);
    choice.lanes.assign(example.graph.operations.size(), lanes);
    return build_layout(example.graph, example.plan, Rank(0), choice).tiles[0];
}

TEST(Tiles, EveryLaneGetsABoxAndTogetherTheyAreTheWhole) {
    for (const Shape& shape : {Shape{100}, Shape{3}, Shape{2, 2}, Shape{1, 5}, Shape{4, 1, 3}, Shape{7, 9}}) {
        for (const std::string expression : {"u + u", "sum(u)", "max(u, axis=0)"}) {
            const Example example("maniple: 1\nname: t\ninputs: {u: in.h5:/u}\ngraph: {v: \"" + expression +
                                      "\"}\noutputs: {v: out.h5:/v}\n",
                                  shape, 1);
            for (const Lanes& lanes : {Lanes{-1}, Lanes{0}, Lanes{0, 1}, Lanes{-1, 0, 1}, Lanes{-1, 0, 1, 2}}) {
                Region missing(Box::whole(shape));
                std::set<int> used;
                std::int64_t volume = 0;
                for (const Tile& tile : tiles_of(example, lanes)) {
                    missing.subtract(tile.box);
                    volume += tile.box.volume();
                    used.insert(tile.lane);
                }
                const std::string where = expression + " " + to_string(shape) + " on " + std::to_string(lanes.size());
                EXPECT_TRUE(missing.empty()) << where;
                EXPECT_EQ(volume, element_count(shape)) << where << ": tiles overlap";
                if (element_count(shape) >= static_cast<std::int64_t>(lanes.size())) {
                    EXPECT_EQ(used.size(), lanes.size()) << where;
                }
            }
        }
    }
}

std::size_t count(const Program& program, InstructionKind kind) {
    return find_all(program, [&](const Instruction& instruction) { return instruction.kind == kind; }).size();
}

TEST(Memories, ALoopOnOneGpuIsOneChunkWithoutCopies) {
    Example example(terrain, {64, 64}, 1);
    LaneChoice choice;
    choice.gpus = {gpu_with(everything)};
    choice.lanes.assign(example.graph.operations.size(), {0});
    const Layout layout = build_layout(example.graph, example.plan, Rank(0), choice);
    BlockShape steady;
    steady.steps = 2;
    const Program program = build_program(example.graph, example.plan, layout, steady);
    EXPECT_EQ(count(program, InstructionKind::upload) + count(program, InstructionKind::download), 0u);
    EXPECT_EQ(program.chunks.size(), 1u);
    EXPECT_EQ(program.chunks[0].lane, LaneKind::gpu);
}

TEST(Memories, UnifiedMemoryNeedsNoCopies) {
    Example example(terrain, {64, 64}, 1);
    LaneChoice choice;
    choice.gpus = {gpu_with(everything, false, true)};
    choice.lanes.assign(example.graph.operations.size(), {-1, 0});
    const Layout layout = build_layout(example.graph, example.plan, Rank(0), choice);
    const Program program = build_program(example.graph, example.plan, layout, example.first_block());
    EXPECT_EQ(count(program, InstructionKind::upload) + count(program, InstructionKind::pack), 0u);
    EXPECT_EQ(layout.device_bytes(), 0);
}

TEST(Memories, TwoGpusExchangeTheirHalosAlone) {
    Example example(terrain, {64, 32}, 1);
    LaneChoice choice;
    choice.gpus.resize(2);
    choice.lanes.assign(example.graph.operations.size(), {0, 1});
    const Layout layout = build_layout(example.graph, example.plan, Rank(0), choice);
    BlockShape steady;
    steady.steps = 1;
    const Program program = build_program(example.graph, example.plan, layout, steady);
    std::int64_t bytes = 0;
    for (const InstructionId id :
         find_all(program, [](const Instruction& i) { return i.kind == InstructionKind::upload; }))
        bytes += program.instructions[id.index()].writes[0].box.volume() * 4;
    EXPECT_EQ(bytes, 2 * 32 * 4) << "a row each way";
}

}  // namespace
}  // namespace maniple
