#include "program/recut.hpp"

#include <gtest/gtest.h>

#include "example.hpp"
#include "program/soundness.hpp"

namespace maniple {
namespace {

/// What is carried, what does not change, a fold that is written out, and one over contracted indices alone.
const char* const job = R"yaml(maniple: 1
name: shares
inputs: {u: in.h5:/u, k: in.h5:/k}
graph:
  damping: blur(k, radius=2)
  v: heat_step(u, alpha=0.2) + damping * 0.1
  rows: sum(v, axis=1)
  total: sum(v)
loop: {steps: 40, carry: {u: v}}
outputs: {v: out.h5:/v, rows: {to: out.h5:/rows, every: 10}, total: {to: out.h5:/total, every: 10}}
)yaml";

/// Two ranks, each with the cpu and gpu lanes that have memories of their own.
struct Shared {
    Shared() : example(job, {400, 300}, 2) {
        example.plan.sharing = LaneSharing::adaptive;
        choice.gpus.resize(2);
        for (const Operation& operation : example.graph.operations)
            choice.lanes.push_back(operation.joins ? std::vector<int>{-1} : std::vector<int>{-1, 0, 1});
        layout = build_layout(example.graph, example.plan, Rank(std::int32_t{0}), choice);
    }

    std::vector<std::vector<double>> weights(double cpu, double first, double second) const {
        return std::vector<std::vector<double>>(example.graph.operations.size(), {cpu, first, second});
    }

    Example example;
    LaneChoice choice;
    Layout layout;
};

TEST(Recut, LeavesTheBuffersAsTheyAre) {
    const Shared shared;
    const auto next = recut(shared.example.graph, shared.example.plan, shared.layout, shared.weights(9, 1, 4));
    ASSERT_TRUE(next);
    ASSERT_EQ(next->buffers.size(), shared.layout.buffers.size());
    for (std::size_t i = 0; i < next->buffers.size(); ++i)
        EXPECT_EQ(next->buffers[i].box, shared.layout.buffers[i].box) << next->buffers[i].name;
    bool differs = false;
    for (std::size_t i = 0; i < next->tiles.size(); ++i) {
        const bool in_loop = shared.example.graph.operations[i].in_loop;
        const bool same = next->tiles[i].size() == shared.layout.tiles[i].size() &&
                          std::equal(next->tiles[i].begin(), next->tiles[i].end(), shared.layout.tiles[i].begin(),
                                     [](const Tile& a, const Tile& b) { return a.box == b.box; });
        EXPECT_TRUE(in_loop || same) << "what does not change stays where it was made";
        differs = differs || !same;
    }
    EXPECT_TRUE(differs);
}

TEST(Recut, OfTheSameWeightsIsNone) {
    const Shared shared;
    EXPECT_FALSE(recut(shared.example.graph, shared.example.plan, shared.layout, shared.weights(1, 1, 1)));
}

TEST(Recut, OnlyWhatMayChangeIsCutAnew) {
    Shared shared;
    shared.example.plan.sharing = LaneSharing::weighted;
    const Layout layout = build_layout(shared.example.graph, shared.example.plan, Rank(std::int32_t{0}), shared.choice);
    EXPECT_FALSE(recut(shared.example.graph, shared.example.plan, layout, shared.weights(9, 1, 4)));
}

TEST(Recut, ProgramsAreSoundAndTheMoveConcernsThisRankAlone) {
    const Shared shared;
    const Graph& graph = shared.example.graph;
    for (const auto& weights : {shared.weights(9, 1, 4), shared.weights(1, 30, 1), shared.weights(1, 1, 30)}) {
        const auto next = recut(graph, shared.example.plan, shared.layout, weights);
        ASSERT_TRUE(next);
        const BlockShape shape = block_at(graph, next->versions, 1).shape;
        const Program move = build_lane_move(graph, shared.example.plan, shared.layout, *next, shape);
        EXPECT_EQ(fault_of(graph, shared.layout, move), "");
        EXPECT_FALSE(move.instructions.empty());
        for (const Instruction& instruction : move.instructions)
            EXPECT_TRUE(instruction.lane == LaneKind::cpu || instruction.lane == LaneKind::gpu);
        const Program block = build_program(graph, shared.example.plan, *next, shape);
        EXPECT_EQ(fault_of(graph, *next, block), "");
        const Program before = build_program(graph, shared.example.plan, shared.layout, shape);
        EXPECT_EQ(block.message_count, before.message_count);
        EXPECT_EQ(block.message_bytes, before.message_bytes);
    }
}

TEST(Recut, ALoopBeginsWithBlocksOfOneStep) {
    const Shared shared;
    for (int first = 0; first < first_single_steps; ++first)
        EXPECT_EQ(block_at(shared.example.graph, shared.layout.versions, first).shape.steps, 1);
    EXPECT_GT(block_at(shared.example.graph, shared.layout.versions, first_single_steps).shape.steps, 1);
}

/// One rank of two threads, whose points cost what is said.
struct Costed {
    explicit Costed(const std::string& text, double point_ns = 1, const Shape& shape = {400, 300})
        : example(text, shape, 2) {
        LaneChoice choice;
        choice.threads = 2;
        choice.point_ns.assign(example.graph.operations.size(), point_ns);
        layout = build_layout(example.graph, example.plan, Rank(std::int32_t{0}), choice);
    }
    std::optional<CostRecut> recut(double point_ns) const {
        const std::vector<double> costs(example.graph.operations.size(), point_ns);
        return recut_by_costs(example.graph, example.plan, layout, costs);
    }

    Example example;
    Layout layout;
};

TEST(RecutByCosts, MoreTilesOfTheSameBuffersAndMessages) {
    const Costed costed(job);
    const auto next = costed.recut(500);
    ASSERT_TRUE(next);
    EXPECT_GT(next->gain_ns, 0);
    const Graph& graph = costed.example.graph;
    const Plan& plan = costed.example.plan;
    ASSERT_EQ(next->layout.buffers.size(), costed.layout.buffers.size());
    for (std::size_t i = 0; i < next->layout.buffers.size(); ++i)
        EXPECT_EQ(next->layout.buffers[i].box, costed.layout.buffers[i].box);
    EXPECT_LE(next->layout.piece_bytes, costed.layout.piece_bytes);
    std::size_t more = 0;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const std::size_t before = costed.layout.tiles[i].size(), after = next->layout.tiles[i].size();
        const bool may = graph.operations[i].in_loop && graph.operations[i].name != "total";
        EXPECT_TRUE(may || before == after) << "a sum over all, and what is computed once, stay: " << i;
        more += after > before ? 1 : 0;
    }
    EXPECT_GE(more, 2U);
    const BlockShape shape = block_at(graph, costed.layout.versions, 16).shape;
    EXPECT_TRUE(build_lane_move(graph, plan, costed.layout, next->layout, shape).instructions.empty());
    const Program block = build_program(graph, plan, next->layout, shape);
    EXPECT_EQ(fault_of(graph, next->layout, block), "");
    const Program before = build_program(graph, plan, costed.layout, shape);
    EXPECT_EQ(block.message_count, before.message_count);
    EXPECT_EQ(block.message_bytes, before.message_bytes);
    EXPECT_GT(block.chunks.size(), before.chunks.size());
}

TEST(RecutByCosts, BackToWhatItWasCutBy) {
    const Costed dear(job, 500);
    const auto cheap = dear.recut(1);
    ASSERT_TRUE(cheap);
    const Costed wanted(job, 1);
    for (std::size_t i = 0; i < wanted.layout.tiles.size(); ++i) {
        if (!wanted.example.graph.operations[i].in_loop) continue;
        EXPECT_EQ(cheap->layout.tiles[i].size(), wanted.layout.tiles[i].size()) << i;
    }
    EXPECT_FALSE(dear.recut(500)) << "the same costs";
    EXPECT_FALSE(dear.recut(600)) << "no cut gains a twentieth";
}

TEST(RecutByCosts, WhatFollowsAProductIsCutWithIt) {
    const char* const bodies = R"yaml(maniple: 1
name: bodies
inputs: {r: {shape: [600, 3], fill: normal(seed=1)}, v: {shape: [600, 3], fill: 0}, m: {shape: [600], fill: 1}}
graph:
  a: nbody_forces(r, m, softening=0.1)
  v_next: axpy(a, v, a=0.1)
  r_next: axpy(v_next, r, a=0.1)
loop: {steps: 40, carry: {r: r_next, v: v_next}}
outputs: {r_next: out.h5:/r}
)yaml";
    const Costed costed(bodies, 0.001);
    ASSERT_EQ(costed.layout.tiles[0].size(), 1U);
    const auto next = costed.recut(50);
    ASSERT_TRUE(next);
    EXPECT_GT(next->layout.tiles[0].size(), 1U);
    for (std::size_t i = 0; i < costed.layout.tails.size(); ++i) {
        if (costed.layout.tails[i]) { EXPECT_EQ(next->layout.tiles[i].size(), next->layout.tiles[0].size()); }
    }
    EXPECT_TRUE(costed.layout.tails[1]);
    const Program block = build_program(costed.example.graph, costed.example.plan, next->layout,
                                        block_at(costed.example.graph, costed.layout.versions, 16).shape);
    EXPECT_EQ(fault_of(costed.example.graph, next->layout, block), "");
}

}  // namespace
}  // namespace maniple
