#include "program/touched.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "example.hpp"

namespace maniple {
namespace {

/// 1,000 sums of one row more each: rank r of 1,000 has r rows or so.
Graph rows_of_all_sizes(const KernelRegistry& registry, Plan& plan) {
    std::string inputs, graph, outputs;
    constexpr int operations = 1000;
    for (int k = 0; k < operations; ++k) {
        const std::string number = std::to_string(k);
        inputs += "  x" + number + ": {shape: [" + std::to_string(k % 100 + 1) + ", 8], fill: 1}\n";
        graph += "  y" + number + ": neg(x" + number + ")\n";
        outputs += "  y" + number + ": out.h5:/y" + number + "\n";
    }
    const Job job = parse_job(
        "maniple: 1\nname: rows\ninputs:\n" + inputs + "graph:\n" + graph + "outputs:\n" + outputs, "test.yaml");
    Graph made = build_graph(job, {}, registry);
    plan = make_plan(made, Machine::uniform(operations, {}), {});
    for (int k = 0; k < operations; ++k) plan.operations[static_cast<std::size_t>(k)].points = {{}, Rank(k)};
    return made;
}

TEST(Touched, BytesAreThoseOfInputsAndResults) {
    const KernelRegistry registry(standard_kernels());
    Plan plan;
    const Graph graph = rows_of_all_sizes(registry, plan);
    const std::vector<std::int64_t> bytes = bytes_touched_by_ranks(graph, plan);
    ASSERT_EQ(bytes.size(), 1000U);
    for (std::size_t rank = 0; rank < bytes.size(); ++rank)
        EXPECT_EQ(bytes[rank], static_cast<std::int64_t>(rank % 100 + 1) * 8 * 4 * 2) << rank;
}

TEST(Touched, OfVeryManyRanksThoseThatTouchMostAreLookedAt) {
    const KernelRegistry registry(standard_kernels());
    Plan plan;
    const Graph graph = rows_of_all_sizes(registry, plan);
    std::vector<Rank> most;
    for (const int rows : {99, 98}) {
        for (int rank = rows; rank < 1000; rank += 100) most.emplace_back(rank);
    }
    most.resize(16);
    std::sort(most.begin(), most.end());
    EXPECT_EQ(fullest_ranks(graph, plan), most);
}

TEST(Touched, OfMillionsOfBlocksRanksTouchAsMuchAsThoseBesideThem) {
    const KernelRegistry registry(standard_kernels());
    constexpr int operations = 2100, ranks = 1024;
    std::string graph;
    for (int k = 1; k <= operations; ++k)
        graph += "  y" + std::to_string(k) + ": relu(y" + std::to_string(k - 1) + ")\n";
    const Job job = parse_job("maniple: 1\nname: rows\ninputs: {y0: {shape: [2048, 4], fill: 1}}\ngraph:\n" + graph +
                                  "outputs: {y2100: out.h5:/y}\n",
                              "test.yaml");
    const Graph made = build_graph(job, {}, registry);
    Plan plan = make_plan(made, Machine::uniform(ranks, {}), {});
    constexpr Rank alone(501);
    plan.operations.back().points = {{}, alone};
    const std::vector<std::int64_t> bytes = bytes_touched_by_ranks(made, plan);
    // Two rows of each tensor but the last; one rank has all rows of that.
    constexpr std::int64_t row = 4 * 4, usual = 2 * row * operations;
    for (std::size_t rank = 0; rank < bytes.size(); ++rank) {
        if (Rank(rank) == alone) continue;
        EXPECT_EQ(bytes[rank], usual) << rank;
    }
    EXPECT_GE(bytes[alone.index()], usual + 2048 * row);
    EXPECT_LE(bytes[alone.index()], usual + 2 * 2048 * row);
}

TEST(Touched, OfFewRanksAllAreLookedAt) {
    const Example example(terrain, {540, 1081}, 20);
    EXPECT_EQ(fullest_ranks(example.graph, example.plan).size(), 20U);
}

}  // namespace
}  // namespace maniple
