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
            expect_partition(planned.graph.operations[i].bound->index_space(), boxes);
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

std::string loop_job(const std::string& graph, int steps) {
    return "maniple: 1\nname: loop\ninputs: {u: in.h5:/u}\ngraph: {" + graph +
           "}\nloop: {steps: " + std::to_string(steps) + ", carry: {u: v}}\noutputs: {v: out.h5:/v}\n";
}

/// The parts of every index of the first operation.
std::vector<int> parts_of(const Planned& planned) {
    const Operation& first = planned.graph.operations[0];
    std::vector<int> parts;
    for (std::size_t i = 0; i < first.bound->indices.size(); ++i)
        parts.push_back(planned.plan[OperationId(std::size_t{0})].points.parts_along(static_cast<int>(i)));
    return parts;
}

TEST(MakePlan, SquareGridsAreCutBothWaysWhereThatSendsLess) {
    const std::string step = loop_job("v: 'heat_step(u, alpha=0.1)'", 1000);
    EXPECT_EQ(parts_of(Planned(step, {2048, 2048}, 4)), (std::vector<int>{2, 2}));
    EXPECT_EQ(parts_of(Planned(step, {2048, 2048}, 2)), (std::vector<int>{2, 1}));
    const std::vector<int> many = parts_of(Planned(step, {2048, 2048}, 64));
    EXPECT_EQ(many[0] * many[1], 64);
    EXPECT_GE(many[0], many[1]);  // rows are sent as they lie, columns element by element
    EXPECT_GE(many[1], 4);
    EXPECT_EQ(parts_of(Planned(step, {65536, 64}, 4)), (std::vector<int>{4, 1}));
    EXPECT_EQ(parts_of(Planned(step, {64, 65536}, 4)), (std::vector<int>{1, 4}));
    EXPECT_EQ(parts_of(Planned(step, {16, 16}, 4)), (std::vector<int>{4, 1}));  // messages count, not bytes
}

TEST(MakePlan, CubesAreCutAlongThreeAxes) {
    const std::string step = loop_job("v: 'heat_step3d(u, alpha=0.1)'", 1000);
    for (const int parts : parts_of(Planned(step, {512, 512, 512}, 64))) EXPECT_GE(parts, 2);
    EXPECT_EQ(parts_of(Planned(step, {512, 512, 512}, 2)), (std::vector<int>{2, 1, 1}));
}

TEST(MakePlan, WithoutNeighboursTheLeadingAxisIsCut) {
    EXPECT_EQ(parts_of(Planned(loop_job("v: 'u * 2 + 1'", 1000), {512, 512}, 4)), (std::vector<int>{4, 1}));
}

TEST(MakePlan, OperationsOnOneGridAreCutAlike) {
    const std::string job =
        loop_job("a: 'u * 2', v: 'heat_step(a, alpha=0.1)', w: 'a - v', x: 'exp(v * w)', y: 'sqrt(x * x)'", 1000);
    std::string text = job;
    text.replace(text.find("outputs: {"), 10, "outputs: {y: out.h5:/y, ");
    const Planned planned(text, {2048, 2048}, 16);
    EXPECT_EQ(planned.plan.operations[0].points.cuts.size(), 2u);
    for (const OperationPlacement& placement : planned.plan.operations)
        EXPECT_EQ(placement.points, planned.plan.operations[0].points);
}

TEST(MakePlan, AnIndexThatMayNotBeCutLeavesTheOther) {
    const std::string job = loop_job("v: 'softmax(u, axis=0)'", 10);
    const Planned planned(job, {64, 64}, 4);
    std::vector<Box> boxes;
    for (int rank = 0; rank < 4; ++rank) boxes.push_back(written_box(planned.graph, planned.plan, 0, Rank(rank)));
    expect_partition(Box::whole({64, 64}), boxes);
}

TEST(MakePlan, RefusesGridsThatTheSignatureForbids) {
    const Planned planned(heat, {8, 8}, 4);
    const auto with = [&](const BlockGrid& grid) {
        return make_plan(planned.graph, Machine::uniform(4, {}), {"data", 0, {grid}});
    };
    EXPECT_EQ(with({{{1, 4}}}).operations[0].points.count(), 4);
    EXPECT_DEATH(with({{{0, 5}}}), "cannot have");          // more blocks than ranks
    EXPECT_DEATH(with({{{0, 2}, {0, 2}}}), "cannot have");  // twice the same index
    EXPECT_DEATH(with({{{2, 2}}}), "cannot have");          // no such index
}

TEST(MakePlan, TakesNoLongerForManyRanks) {
    const Planned planned(loop_job("v: 'heat_step(u, alpha=0.1)'", 1000), {100000, 100000}, 65536);
    EXPECT_EQ(planned.plan[OperationId(std::size_t{0})].points.count(), 65536);
    EXPECT_NE(print_plan(planned.graph, planned.plan).find(" blocks of [y, x]"), std::string::npos);
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
