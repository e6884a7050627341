#include <gtest/gtest.h>

#include "plan/plan.hpp"

namespace maniple {
namespace {

struct Planned {
    Planned(const std::string& text, const Shape& shape, int ranks)
        : registry(standard_kernels()), job(parse_job(text, "test.yaml")), graph(build(shape)),
          plan(make_plan(graph, Machine::uniform(ranks, {}), {})) {}

    Graph build(const Shape& shape) {
        Catalogue catalogue;
        catalogue.inputs.push_back({"u", shape, DType::f32, {}, shape});
        return build_graph(job, catalogue, registry);
    }

    KernelRegistry registry;
    Job job;
    Graph graph;
    Plan plan;
};

const char* const heat = R"yaml(maniple: 1
name: heat
inputs: {u: in.h5:/u}
graph: {v: "heat_step(u, alpha=0.1)", s: sum(v)}
outputs: {v: out.h5:/v, s: out.h5:/s}
)yaml";

/// The boxes of all ranks cover the space once.
void expect_partition(const Box& space, const std::vector<Box>& boxes) {
    Region covered;
    std::int64_t volume = 0;
    for (const Box& box : boxes) {
        covered.add(box);
        volume += box.volume();
    }
    EXPECT_EQ(volume, space.volume());
    EXPECT_TRUE(covered.contains(space));
}

TEST(MakePlan, BlocksCoverEveryOperationOnce) {
    for (int ranks = 1; ranks <= 9; ++ranks) {
        const Planned planned(heat, {7, 5}, ranks);
        for (std::size_t i = 0; i < planned.graph.operations.size(); ++i) {
            std::vector<Box> boxes;
            for (int rank = 0; rank < ranks; ++rank)
                boxes.push_back(points_of(planned.graph, planned.plan, OperationId(i), Rank(rank)));
            expect_partition(planned.graph.operations[i].bound.index_space(), boxes);
        }
        for (std::size_t output = 0; output < planned.graph.outputs.size(); ++output) {
            std::vector<Box> boxes;
            for (int rank = 0; rank < ranks; ++rank)
                boxes.push_back(written_box(planned.graph, planned.plan, output, Rank(rank)));
            expect_partition(Box::whole(planned.graph[planned.graph.outputs[output].tensor].shape), boxes);
        }
    }
}

TEST(MakePlan, UnevenBlocksDifferByOne) {
    const Planned planned(heat, {540, 1081}, 4);
    for (int rank = 0; rank < 4; ++rank)
        EXPECT_EQ(points_of(planned.graph, planned.plan, OperationId(std::size_t{0}), Rank(rank)).extent(0), 135);
    const BlockGrid split{{{0, 4}}};
    EXPECT_EQ(split.block(Box::whole({542, 3}), Rank(0)), Box({0, 0}, {136, 3}));
    EXPECT_EQ(split.block(Box::whole({542, 3}), Rank(3)), Box({407, 0}, {542, 3}));
}

TEST(MakePlan, MoreRanksThanRowsCutTheOtherAxisToo) {
    for (const auto& [ranks, busy] : {std::pair(8, 8), std::pair(7, 6), std::pair(13, 12), std::pair(40, 12)}) {
        const Planned planned(heat, {3, 4}, ranks);
        EXPECT_EQ(planned.plan[OperationId(std::size_t{0})].points.count(), busy) << ranks << " ranks";
    }
}

TEST(MakePlan, TheSumOverEverythingIsCombinedOnRankZero) {
    const Planned planned(heat, {540, 1081}, 2);
    const OperationId sum(std::size_t{1});
    EXPECT_TRUE(planned.plan[sum].combines);
    EXPECT_FALSE(results_of(planned.graph, planned.plan, sum, Rank(0)).empty());
    EXPECT_TRUE(results_of(planned.graph, planned.plan, sum, Rank(1)).empty());
}

TEST(MakePlan, MaxRanksLeavesTheOthersIdle) {
    const Planned all(heat, {540, 1081}, 4);
    const Plan two = make_plan(all.graph, Machine::uniform(4, {}), {"data", 2});
    EXPECT_EQ(two.ranks, 4);
    EXPECT_FALSE(points_of(all.graph, two, OperationId(std::size_t{0}), Rank(1)).empty());
    EXPECT_TRUE(points_of(all.graph, two, OperationId(std::size_t{0}), Rank(2)).empty());
}

}  // namespace
}  // namespace maniple
