#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <set>
#include <tuple>

#include "plan/plan.hpp"

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
