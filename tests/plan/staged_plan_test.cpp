#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <set>
#include <tuple>

#include "plan/outline.hpp"

namespace maniple {
namespace {

/// A job whose inputs are all generated.
struct Example {
    explicit Example(const std::string& text)
        : registry(standard_kernels()), graph(build_graph(parse_job(text, "test.yaml"), {}, registry)) {}

    Plan plan(int ranks, const PlanRequest& request) const {
        return make_plan(graph, Machine::uniform(ranks, {}), request);
    }

    KernelRegistry registry;
    Graph graph;
};

/// `layers` times a product with `width` × `width` weights and a relu.
std::string layers_job(int layers, int rows, int width) {
    std::string inputs = fmt::format("  h0: {{shape: [{}, {}], fill: normal(seed=1)}}\n", rows, width), graph;
    for (int i = 0; i < layers; ++i) {
        inputs += fmt::format("  w{}: {{shape: [{}, {}], fill: he_normal(seed={})}}\n", i, width, width, i);
        graph += fmt::format("  h{}: relu(matmul(h{}, w{}))\n", i + 1, i, i);
    }
    return fmt::format("maniple: 1\nname: layers\ninputs:\n{}graph:\n{}outputs: {{h{}: out.h5:/h}}\n", inputs, graph,
                       layers);
}

PlanRequest request_for(const std::string& strategy, const PlanRequest::Hybrid& hybrid = {}) {
    PlanRequest request;
    request.strategy = strategy;
    request.hybrid = hybrid;
    return request;
}

/// The points of all ranks cover every operation once.
void expect_complete(const Graph& graph, const Plan& plan) {
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const Box space = graph.operations[i].bound->index_space();
        Region covered;
        std::int64_t volume = 0;
        for (int rank = 0; rank < plan.ranks; ++rank) {
            const Box points = points_of(graph, plan, OperationId(i), Rank(rank));
            covered.add(points);
            volume += points.volume();
        }
        EXPECT_EQ(volume, space.volume()) << graph.operations[i].name;
        EXPECT_TRUE(covered.contains(space)) << graph.operations[i].name;
    }
}

std::set<int> ranks_used(const Plan& plan) {
    std::set<int> used;
    for (const OperationPlacement& placement : plan.operations) {
        for (int block = 0; block < placement.points.count(); ++block)
            used.insert(placement.points.first.value + block);
    }
    return used;
}

TEST(StagedPlan, EqualLayersAreSpreadEvenly) {
    const Example example(layers_job(8, 64, 256));
    const Plan plan = example.plan(4, request_for("model"));
    EXPECT_EQ(plan.strategy, "model");
    expect_complete(example.graph, plan);
    std::vector<int> products(4, 0);
    for (std::size_t i = 0; i < example.graph.operations.size(); ++i) {
        EXPECT_EQ(plan.operations[i].points.count(), 1);
        if (example.graph.operations[i].kernel->name == "matmul") ++products[plan.operations[i].points.first.index()];
    }
    EXPECT_EQ(products, (std::vector<int>{2, 2, 2, 2}));
}

TEST(StagedPlan, StagesFollowTheOrderOfTheGraph) {
    const Example example(layers_job(30, 16, 64));
    const Plan plan = example.plan(7, request_for("model"));
    Rank before(std::int32_t{0});
    for (const OperationPlacement& placement : plan.operations) {
        EXPECT_GE(placement.points.first, before);
        before = placement.points.first;
    }
}

TEST(StagedPlan, AProductTooLargeForARankIsCutAlongItsWeights) {
    const Example example(layers_job(1, 64, 1024));
    const Plan plan = example.plan(4, request_for("model"));
    expect_complete(example.graph, plan);
    const Operation& product = example.graph.operations[0];
    const BlockGrid& grid = plan.operations[0].points;
    EXPECT_EQ(grid.count(), 4);
    EXPECT_EQ(grid.parts_along(product.bound->kept().front()), 1) << "the batch is not cut";
}

TEST(StagedPlan, LittleMemoryKeepsWeightsApart) {
    const Example example(layers_job(4, 8, 256));  // 256 KiB of weights each
    PlanRequest request = request_for("model");
    request.memory_bytes = 400 << 10;
    const Plan plan = example.plan(4, request);
    EXPECT_EQ(ranks_used(plan).size(), 4u);
}

TEST(StagedPlan, HybridsAreGridsOfRanks) {
    const Example example(layers_job(8, 64, 256));
    const Plan plan = example.plan(8, request_for("hybrid", {2, 1, 4}));
    EXPECT_EQ(plan.strategy, "{data: 2, model: 4}");
    expect_complete(example.graph, plan);
    EXPECT_EQ(ranks_used(plan).size(), 8u);
    for (std::size_t i = 0; i < plan.operations.size(); ++i) {
        const BlockGrid& grid = plan.operations[i].points;
        EXPECT_EQ(grid.count(), 2);
        EXPECT_EQ(grid.first.value % 2, 0);
        EXPECT_EQ(grid.parts_along(example.graph.operations[i].bound->kept().front()), 2);
    }
}

TEST(StagedPlan, AHybridCutsLargeProductsBothWays) {
    const Example example(layers_job(1, 64, 1024));
    const Plan plan = example.plan(8, request_for("hybrid", {2, 1, 4}));
    expect_complete(example.graph, plan);
    EXPECT_EQ(plan.operations[0].points.count(), 8);
    EXPECT_EQ(plan.operations[0].points.cuts.size(), 2u);
}

TEST(StagedPlan, AProductBelowTheRanksLeavesSomeIdle) {
    const Example example(layers_job(8, 64, 256));
    const Plan plan = example.plan(7, request_for("hybrid", {2, 1, 2}));
    EXPECT_EQ(plan.ranks, 7);
    expect_complete(example.graph, plan);
    EXPECT_EQ(*ranks_used(plan).rbegin(), 3);
}

TEST(StagedPlan, AProductAboveTheRanksIsRefused) {
    const Example example(layers_job(2, 8, 8));
    try {
        example.plan(3, request_for("hybrid", {2, 1, 2}));
        FAIL();
    } catch (const UnavailableError& error) {
        EXPECT_NE(std::string(error.what()).find("{data: 2, model: 2} takes 4 ranks, there are 3"), std::string::npos)
            << error.what();
    }
}

TEST(StagedPlan, WhatCannotBeSpreadIsPlannedAsData) {
    const Example example(
        "maniple: 1\nname: one\ninputs: {x: {shape: [64], fill: iota}}\ngraph: {y: x + 1}\n"
        "outputs: {y: out.h5:/y}\n");
    const Plan plan = example.plan(2, request_for("model"));
    expect_complete(example.graph, plan);
    const bool noted = plan.strategy == "data" && plan.notes.size() == 1;
    EXPECT_TRUE(noted || plan.operations[0].points.count() == 2) << print_plan(example.graph, plan);
}

TEST(StagedPlan, KeysOfPipelinesElsewhereAreNamed) {
    const Example example(layers_job(4, 16, 16));
    PlanRequest request = request_for("model");
    request.microbatches = 4;
    request.alternates = true;
    const Plan plan = example.plan(2, request);
    ASSERT_EQ(plan.notes.size(), 1u);
    EXPECT_EQ(plan.notes[0], "not a pipeline: microbatches, schedule not used");
}

// --- Folded pipelines --------------------------------------------------------------------------------------------

/// So many layers, and as many more of which each but the first also reads what an early one made, the last first.
std::string unet_job(int layers) {
    std::string inputs = "  h0: {shape: [64, 32], fill: normal(seed=1)}\n", graph;
    for (int i = 1; i <= 2 * layers; ++i) {
        inputs += fmt::format("  w{}: {{shape: [32, 32], fill: he_normal(seed={})}}\n", i, i);
        const std::string from =
            i <= layers + 1 ? fmt::format("h{}", i - 1) : fmt::format("h{} + h{}", i - 1, 2 * layers + 1 - i);
        graph += fmt::format("  h{}: relu(matmul({}, w{}))\n", i, from, i);
    }
    return fmt::format("maniple: 1\nname: unet\ninputs:\n{}graph:\n{}outputs: {{h{}: out.h5:/h}}\n", inputs, graph,
                       2 * layers);
}

PlanOutline pipeline_of(const Example& example, int ranks, int stages = 0) {
    PlanRequest request = request_for("pipeline");
    request.stages = stages;
    return outline_plan(example.graph, Machine::uniform(ranks, {}), request);
}

std::vector<int> there_and_back(int ranks) {
    std::vector<int> columns;
    for (int column = 0; column < ranks; ++column) columns.push_back(column);
    for (int column = ranks; column-- > 0;) columns.push_back(column);
    return columns;
}

/// How much of what several layers read has its last reader elsewhere than where it was made.
int away_from_home(const Graph& graph, const PipelineOutline& pipeline) {
    const auto column = [&](OperationId id) {
        return pipeline.column_of[static_cast<std::size_t>(pipeline.stage_of[id.index()])];
    };
    int away = 0;
    for (const Tensor& tensor : graph.tensors) {
        if (tensor.kind != Tensor::Kind::computed || tensor.readers.size() < 2) continue;
        away += column(tensor.readers.back()) != column(tensor.producer) ? 1 : 0;
    }
    return away;
}

/// Neither the sum that a layer begins with nor its activation is on another stage than its product.
void expect_whole_layers(const Graph& graph, const PipelineOutline& pipeline) {
    for (std::size_t i = 1; i < graph.operations.size(); ++i) {
        if (graph.operations[i].name != graph.operations[i - 1].name) continue;
        EXPECT_EQ(pipeline.stage_of[i], pipeline.stage_of[i - 1]) << graph.operations[i].name;
    }
}

TEST(FoldedPipeline, LateLayersAreWhereTheEarlyOnesAreThatTheyRead) {
    const Example example(unet_job(4));
    for (const int ranks : {2, 3, 4}) {
        for (const int stages : {0, 2 * ranks}) {
            SCOPED_TRACE(fmt::format("{} ranks, stages: {}", ranks, stages));
            const PlanOutline outline = pipeline_of(example, ranks, stages);
            ASSERT_TRUE(outline.pipeline);
            EXPECT_EQ(outline.pipeline->column_of, there_and_back(ranks));
            EXPECT_LE(away_from_home(example.graph, *outline.pipeline), ranks == 3 ? 1 : 0)
                << "three cannot share eight layers in pairs without one of them having four";
            expect_whole_layers(example.graph, *outline.pipeline);
        }
        EXPECT_EQ(pipeline_of(example, ranks, ranks).pipeline->column_of.size(), static_cast<std::size_t>(ranks))
            << "is asked for";
    }
}

TEST(FoldedPipeline, ManyLayersOnManyRanksToo) {
    const Example example(unet_job(200));
    const PlanOutline outline = pipeline_of(example, 16);
    ASSERT_TRUE(outline.pipeline);
    EXPECT_EQ(outline.pipeline->column_of, there_and_back(16));
    EXPECT_LE(away_from_home(example.graph, *outline.pipeline), 15) << "one between two ranks at most";
    expect_whole_layers(example.graph, *outline.pipeline);
}

TEST(FoldedPipeline, ARowStaysARow) {
    for (const int ranks : {2, 3, 4}) {
        const PlanOutline outline = pipeline_of(Example(layers_job(12, 64, 32)), ranks);
        ASSERT_TRUE(outline.pipeline);
        EXPECT_EQ(outline.pipeline->column_of.size(), static_cast<std::size_t>(ranks));
    }
}

/// Nobody is faster for what only the last of many layers reads.
TEST(FoldedPipeline, OneLateReaderIsNotWorthIt) {
    std::string text = layers_job(12, 64, 32);
    const std::size_t at = text.find("relu(matmul(h11, w11))");
    ASSERT_NE(at, std::string::npos);
    text.insert(at, "h1 + ");
    const PlanOutline outline = pipeline_of(Example(text), 4);
    ASSERT_TRUE(outline.pipeline);
    EXPECT_EQ(outline.pipeline->column_of.size(), 4u);
}

TEST(StagedPlan, AsManyStagesAsAreAskedFor) {
    const Example example(layers_job(60, 24, 16));
    const auto stages_used = [](const PlanOutline& outline) {
        return std::set<int>(outline.pipeline->stage_of.begin(), outline.pipeline->stage_of.end()).size();
    };
    const PlanOutline fifty = pipeline_of(example, 4, 50);
    ASSERT_TRUE(fifty.pipeline);
    EXPECT_EQ(stages_used(fifty), 50u);
    EXPECT_TRUE(fifty.plan.notes.empty());
    const PlanOutline many = pipeline_of(example, 4, 130);
    ASSERT_TRUE(many.pipeline);
    EXPECT_EQ(stages_used(many), 120u);
    ASSERT_EQ(many.plan.notes.size(), 1u);
    EXPECT_EQ(many.plan.notes[0], "pipeline: 120 stages, as there are no more operations");
}

TEST(StagedPlan, ColumnsIdleWhileAPipelineOfEqualStagesFillsAndDrains) {
    const Example example(layers_job(12, 64, 32));
    for (const auto& [ranks, microbatches] : {std::pair(2, 8), std::pair(3, 4), std::pair(4, 32)}) {
        PlanRequest request = request_for("pipeline");
        request.microbatches = microbatches;
        const Machine machine = Machine::uniform(ranks, {});
        const std::optional<double> idle = bubble_of(example.graph, outline_plan(example.graph, machine, request));
        ASSERT_TRUE(idle);
        EXPECT_NEAR(*idle, (ranks - 1.0) / (microbatches + ranks - 1), 1e-12);
    }
    const PlanOutline data = outline_plan(example.graph, Machine::uniform(2, {}), request_for("data"));
    EXPECT_FALSE(bubble_of(example.graph, data));
}

/// Generous: a machine may be busy. Without other work 1,000 layers for 64 ranks take some 10 ms.
TEST(StagedPlan, ManyLayersForManyRanksAreSoonPlanned) {
    using Clock = std::chrono::steady_clock;
    for (const auto& [layers, ranks, most_seconds] : {std::tuple(1000, 64, 1.0), std::tuple(10000, 1024, 10.0)}) {
        const Example example(layers_job(layers, 64, 64));
        const auto begin = Clock::now();
        const Plan plan = example.plan(ranks, request_for("model"));
        const std::chrono::duration<double> seconds = Clock::now() - begin;
        EXPECT_GE(ranks_used(plan).size(), static_cast<std::size_t>(ranks / 2 + 1));
        EXPECT_LT(seconds.count(), most_seconds);
        std::printf("%d layers for %d ranks: %.3f s\n", layers, ranks, seconds.count());
    }
}

}  // namespace
}  // namespace maniple
