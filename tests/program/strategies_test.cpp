// The programs of all ranks under plans other than `data`: they find each other's messages, and hold no more than they say.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "plan/outline.hpp"
#include "program/blocks.hpp"
#include "program/proof.hpp"

namespace maniple {
namespace {

struct Example {
    explicit Example(const std::string& text)
        : registry(standard_kernels()), graph(build_graph(parse_job(text, "test.yaml"), {}, registry)) {}

    PlannedGraph plan(int ranks, const PlanRequest& request) const {
        return plan_graph(graph, Machine::uniform(ranks, {}), request);
    }

    KernelRegistry registry;
    Graph graph;
};

/// Equal layers; with `skips` those of the second half read what those of the first half made, too.
std::string layers_job(int layers, int rows, int width, bool skips = false, const std::string& rest = "") {
    std::string inputs = fmt::format("  h0: {{shape: [{}, {}], fill: normal(seed=1)}}\n", rows, width), graph;
    for (int i = 0; i < layers; ++i) {
        inputs += fmt::format("  w{}: {{shape: [{}, {}], fill: he_normal(seed={})}}\n", i, width, width, i);
        const bool late = skips && i > layers / 2;
        graph += fmt::format("  h{}: relu(matmul({}, w{}))\n", i + 1,
                             late ? fmt::format("h{} + h{}", i, layers - i) : fmt::format("h{}", i), i);
    }
    return fmt::format("maniple: 1\nname: layers\ninputs:\n{}graph:\n{}{}outputs: {{h{}: out.h5:/h}}\n", inputs, graph,
                       rest, layers);
}

PlanRequest pipeline(int microbatches, bool alternates, int depth = 0, int stages = 0) {
    PlanRequest request;
    request.strategy = "pipeline";
    request.microbatches = microbatches;
    request.alternates = alternates;
    request.buffer_depth = depth;
    request.stages = stages;
    return request;
}

PlanRequest hybrid(int data, int stages, int model) {
    PlanRequest request;
    request.strategy = "hybrid";
    request.hybrid = {data, stages, model};
    request.microbatches = 3;
    return request;
}

void prove_all(const Example& example) {
    for (const int ranks : {1, 2, 3, 4, 6}) {
        std::vector<PlanRequest> requests = {pipeline(1, false), pipeline(4, false), pipeline(4, true),
                                             pipeline(5, true, 1), pipeline(5, false, 2, 2 * ranks + 1)};
        PlanRequest model;
        model.strategy = "model";
        requests.push_back(model);
        if (ranks >= 4) requests.insert(requests.end(), {hybrid(2, 2, 1), hybrid(2, 1, 2), hybrid(1, 2, 2)});
        for (const PlanRequest& request : requests) {
            const PlannedGraph planned = example.plan(ranks, request);
            const Proof proof = prove(planned.graph, planned.plan, {});
            EXPECT_GT(proof.most_bytes, 0);
        }
    }
}

TEST(Strategies, LayersWaitForNoneForEver) { prove_all(Example(layers_job(7, 11, 24))); }
TEST(Strategies, LayersWithSkipsWaitForNoneForEver) { prove_all(Example(layers_job(8, 12, 16, true))); }

TEST(Strategies, LoopsHandBackWhatIsCarried) {
    prove_all(
        Example(layers_job(4, 10, 8, false, "  top: max(h4)\nloop: {steps: 5, until: top > 1e9, carry: {h0: h4}}\n")));
}

TEST(Strategies, RanksWithoutAPartNeedNothingAndDoNothing) {
    constexpr int ranks = 9;
    std::vector<PlanRequest> requests = {pipeline(3, true), hybrid(2, 2, 1), hybrid(2, 1, 2), hybrid(1, 2, 2)};
    for (const char* strategy : {"data", "model", "stealing"}) {
        for (const int most : {1, 2, 0}) {
            requests.emplace_back();
            requests.back().strategy = strategy;
            requests.back().max_ranks = most;
        }
    }
    int idle = 0, working = 0;
    const std::string loop = "loop: {steps: 5, carry: {h0: h4}}\n";
    for (const std::string& job : {layers_job(4, 5, 8), layers_job(6, 3, 24, true), layers_job(4, 5, 8, false, loop)}) {
        const Example example(job);
        for (const PlanRequest& request : requests) {
            const auto [graph, plan] = example.plan(ranks, request);
            for (int rank = 0; rank < ranks; ++rank) {
                const Layout layout = build_layout(graph, plan, Rank(rank));
                const std::size_t chunks =
                    build_program(graph, plan, layout, block_at(graph, layout.versions, 0).shape).chunks.size();
                ++(has_part(graph, plan, Rank(rank)) ? working : idle);
                if (has_part(graph, plan, Rank(rank))) continue;
                EXPECT_EQ(layout.host_bytes(), 0) << request.strategy << " rank " << rank;
                EXPECT_EQ(chunks, 0U) << request.strategy << " rank " << rank;
            }
        }
    }
    EXPECT_GT(idle, 100);
    EXPECT_GT(working, 100);
}

/// The bytes of the rank that holds most.
std::int64_t fullest(const Example& example, int ranks, const PlanRequest& request) {
    const PlannedGraph planned = example.plan(ranks, request);
    return prove(planned.graph, planned.plan, {}).most_bytes;
}

TEST(Strategies, FewerBuffersBetweenStagesTakeLessMemory) {
    const Example example(layers_job(8, 1024, 32));  // rows count, weights do not
    const std::int64_t piece = 1024 / 16 * 32 * 4;
    std::int64_t before = 0;
    for (const int depth : {1, 2, 4, 8, 16}) {
        const std::int64_t bytes = fullest(example, 4, pipeline(16, false, depth, 4));
        EXPECT_GE(bytes, before + (depth > 1 ? piece : 0)) << "depth " << depth;
        before = bytes;
    }
}

TEST(Strategies, WhatStaysInAStageNeedsOneMicrobatch) {
    // In the middle of a pipeline: what comes in, what goes out, and two buffers for the layers between, not one for each.
    const Example example(layers_job(24, 1024, 32));
    const PlannedGraph planned = example.plan(3, pipeline(16, false, 2, 3));
    const std::int64_t piece = 1024 / 16 * 32 * 4, weights = 8 * 32 * 32 * 4;
    EXPECT_LE(build_layout(planned.graph, planned.plan, Rank(1)).host_bytes(), weights + 7 * piece);
}

TEST(Strategies, ResultsAreMadeWhereTheyAreJoined) {
    const Example example(layers_job(6, 1024, 32));
    const PlannedGraph planned = example.plan(2, pipeline(8, false, 2, 2));
    const Layout last = build_layout(planned.graph, planned.plan, Rank(1));
    BlockShape whole_run;
    whole_run.loads = true;
    whole_run.observed = {0};
    const Program program = build_program(planned.graph, planned.plan, last, whole_run);
    for (const Instruction& instruction : program.instructions)
        EXPECT_NE(instruction.kind, InstructionKind::copy) << planned.graph[instruction.tensor].name;
    const std::int64_t whole = 1024 * 32 * 4, weights = 3 * 32 * 32 * 4;
    EXPECT_LE(last.host_bytes(), whole + weights + 5 * whole / 8);
}

TEST(Strategies, RanksThatShareRowsLoadTheirs) {
    const Example example(layers_job(4, 1024, 32));
    PlanRequest request = hybrid(2, 2, 1);
    request.microbatches = 8;
    request.buffer_depth = 2;
    const PlannedGraph planned = example.plan(4, request);
    const std::int64_t half = 1024 * 32 * 4 / 2, weights = 2 * 32 * 32 * 4;
    EXPECT_LE(build_layout(planned.graph, planned.plan, Rank(0)).host_bytes(), half + weights + 5 * half / 8);
}

TEST(Strategies, LateLayersThatReadEarlyOnesShareTheirRanks) {
    const Example example(layers_job(8, 64, 64, true));
    const PlannedGraph planned = example.plan(2, pipeline(4, true));
    std::vector<int> columns;
    for (std::size_t i = 0; i < planned.graph.operations.size(); ++i) {
        const Operation& operation = planned.graph.operations[i];
        if (operation.kernel->name == "matmul" && planned.graph[operation.outputs[0]].microbatch == 0)
            columns.push_back(planned.plan.operations[i].points.first.value);
    }
    EXPECT_EQ(columns, (std::vector<int>{0, 0, 1, 1, 1, 1, 0, 0}));
    const PlannedGraph apart = example.plan(2, pipeline(4, true, 0, 2));
    const auto messages = [](const PlannedGraph& of) { return prove(of.graph, of.plan, {}).messages; };
    EXPECT_LT(messages(planned), messages(apart));
}

TEST(Strategies, PlainLayersStayInARow) {
    const Example example(layers_job(8, 64, 64));
    const PlannedGraph planned = example.plan(2, pipeline(4, true));
    int before = 0;
    for (std::size_t i = 0; i < planned.graph.operations.size(); ++i) {
        if (planned.graph[planned.graph.operations[i].outputs[0]].microbatch != 0) continue;
        EXPECT_GE(planned.plan.operations[i].points.first.value, before);
        before = planned.plan.operations[i].points.first.value;
    }
    EXPECT_EQ(before, 1);
}

TEST(Strategies, MicrobatchesAreFewerWherePlansWouldBeLarge) {
    const Example example(layers_job(600, 512, 4));
    const Machine machine = Machine::uniform(32, {});
    PlanOutline outline = outline_plan(example.graph, machine, pipeline(0, false));
    EXPECT_EQ(outline.pipeline->microbatches, 100'000 / 1200);
    ASSERT_EQ(outline.plan.notes.size(), 1u);
    EXPECT_NE(outline.plan.notes[0].find("microbatches: 128 asks for it"), std::string::npos) << outline.plan.notes[0];
    outline = outline_plan(example.graph, machine, pipeline(128, false));
    EXPECT_EQ(outline.pipeline->microbatches, 128);
    EXPECT_TRUE(outline.plan.notes.empty());
    outline = outline_plan(example.graph, Machine::uniform(4, {}), pipeline(0, false));
    EXPECT_EQ(outline.pipeline->microbatches, 16);
    EXPECT_TRUE(outline.plan.notes.empty());
}

TEST(Strategies, WithoutRowsThereIsOneMicrobatch) {
    const Example example(
        "maniple: 1\nname: heat\ninputs: {u: {shape: [32, 32], fill: normal(seed=1)}}\n"
        "graph: {a: 'heat_step(u, alpha=0.1)', b: 'heat_step(a, alpha=0.1)'}\n"
        "outputs: {b: out.h5:/b}\n");
    const PlannedGraph planned = example.plan(1, pipeline(4, false));
    EXPECT_EQ(planned.graph.operations.size(), example.graph.operations.size());
    ASSERT_EQ(planned.plan.notes.size(), 1u);
    EXPECT_NE(planned.plan.notes[0].find("one microbatch"), std::string::npos);
}

}  // namespace
}  // namespace maniple
