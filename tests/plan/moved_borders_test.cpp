// Borders follow the speeds of the ranks.
#include "plan/moved_borders.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

struct Example {
    Example(const Shape& shape, int ranks, std::vector<BlockGrid> grids)
        : registry(standard_kernels()), job(parse_job(text, "test.yaml")), graph(build(shape)) {
        PlanRequest request;
        request.strategy = "data";
        request.grids = std::move(grids);
        plan = make_plan(graph, Machine::uniform(ranks, {}), request);
    }

    Graph build(const Shape& shape) {
        Catalogue catalogue;
        catalogue.inputs.push_back({"u", shape, DType::f32, {}, shape});
        return build_graph(job, catalogue, registry);
    }

    Box points(const Plan& of, int rank) const { return points_of(graph, of, OperationId(std::size_t{0}), Rank(rank)); }

    static constexpr const char* text = R"yaml(maniple: 1
name: heat
inputs: {u: in.h5:/u}
graph: {v: "heat_step(u, alpha=0.1)"}
loop: {steps: 9, carry: {u: v}}
outputs: {v: out.h5:/v}
)yaml";
    KernelRegistry registry;
    Job job;
    Graph graph;
    Plan plan;
};

TEST(MovedBorders, ASlowRankGetsLess) {
    const Example example({120, 50}, 2, {BlockGrid{{{0, 2}}}});
    const std::vector<double> busy = {1, 3};
    const auto moved = move_borders(example.graph, example.plan, busy);
    ASSERT_TRUE(moved);
    EXPECT_EQ(example.points(moved->plan, 0), Box(Extents{0, 0}, Extents{90, 50}));
    EXPECT_EQ(example.points(moved->plan, 1), Box(Extents{90, 0}, Extents{120, 50}));
    EXPECT_DOUBLE_EQ(moved->step_seconds, 1.5);
    EXPECT_DOUBLE_EQ(moved->moved_fraction, 0.25);
}

TEST(MovedBorders, WhatHasMovedMovesAgain) {
    const Example example({120, 50}, 2, {BlockGrid{{{0, 2}}}});
    const std::vector<double> before = {1, 3}, after = {3, 1};
    const Plan plan = move_borders(example.graph, example.plan, before)->plan;
    const auto moved = move_borders(example.graph, plan, after);  // 30 rows a second against 10
    ASSERT_TRUE(moved);
    EXPECT_EQ(example.points(moved->plan, 0).extent(0), 60);
}

TEST(MovedBorders, EveryRankKeepsAPartAndAllIsCovered) {
    const Example example({9, 7}, 6, {BlockGrid{{{0, 3}, {1, 2}}}});
    const std::vector<double> busy = {1, 1e6, 1, 1e-6, 1, 1};
    const auto moved = move_borders(example.graph, example.plan, busy);
    ASSERT_TRUE(moved);
    std::int64_t volume = 0;
    for (int rank = 0; rank < 6; ++rank) {
        EXPECT_FALSE(example.points(moved->plan, rank).empty()) << rank;
        volume += example.points(moved->plan, rank).volume();
    }
    EXPECT_EQ(volume, 63);
}

TEST(MovedBorders, RanksOfEqualSpeedStayWhereTheyAre) {
    const Example example({120, 50}, 4, {BlockGrid{{{0, 2}, {1, 2}}}});
    const std::vector<double> busy = {2, 2, 2, 2};
    EXPECT_FALSE(move_borders(example.graph, example.plan, busy));
}

TEST(MovedBorders, ARankThatComputedNothingSaysNothing) {
    const Example example({120, 50}, 2, {BlockGrid{{{0, 2}}}});
    const std::vector<double> busy = {1, 0};
    EXPECT_FALSE(move_borders(example.graph, example.plan, busy));
}

}  // namespace
}  // namespace maniple
