// What `plan: stealing` marks, and what becomes of it: tiles that another rank can compute knowing nothing else.
#include <gtest/gtest.h>

#include "example.hpp"

namespace maniple {
namespace {

std::string job(const std::string& entries, const std::string& output, const std::string& rest = "") {
    return "maniple: 1\nname: t\ninputs:\n  x: {shape: [4000, 300], fill: 1}\n  w: {shape: [300, 256], fill: 1}\n"
           "  p: {shape: [], fill: 1}\n  q: {shape: [1], fill: 1}\ngraph:\n" +
           entries + rest + "outputs: {" + output + ": out.h5:/y}\n";
}

const std::string image = "  a: mandelbrot(width=300, height=400, xmin=-2, xmax=1, ymin=-1, ymax=1, iterations=50)\n";

/// Under stealing.
struct Claimed {
    Claimed(const std::string& text, int ranks, int max_ranks = 0)
        : registry(standard_kernels()), graph(build_graph(parse_job(text, "test.yaml"), {}, registry)) {
        PlanRequest request;
        request.strategy = "stealing";
        request.max_ranks = max_ranks;
        plan = make_plan(graph, Machine::uniform(ranks, {}), request);
    }

    /// The names of what is marked.
    std::string marked() const {
        std::string names;
        for (std::size_t i = 0; i < graph.operations.size(); ++i) {
            if (plan.operations[i].claimable) names += graph.operations[i].kernel->name + " ";
        }
        return names;
    }

    KernelRegistry registry;
    Graph graph;
    Plan plan;
};

TEST(Claims, AreOfIrregularOperationsElseOfTheLargest) {
    EXPECT_EQ(Claimed(job(image + "  y: sum(a)\n", "y"), 2).marked(), "mandelbrot ");
    EXPECT_EQ(Claimed(job(image + "  y: sum(matmul(x, w)) + sum(a)\n", "y"), 2).marked(), "mandelbrot ");
    EXPECT_EQ(Claimed(job("  y: sum(relu(matmul(x, w)))\n", "y"), 2).marked(), "matmul ");
    EXPECT_EQ(Claimed(job("  y: sum(x)\n", "y"), 2).marked(), "sum ");
}

TEST(Claims, WithoutAnythingToCutThePlanIsDataAndSaysSo) {
    const Claimed claimed(job("  y: p + q\n", "y"), 3);
    EXPECT_EQ(claimed.plan.strategy, "data");
    EXPECT_EQ(claimed.plan.claiming_ranks, 0);
    EXPECT_EQ(claimed.marked(), "");
    ASSERT_EQ(claimed.plan.notes.size(), 1u);
    EXPECT_NE(claimed.plan.notes[0].find("planned as data"), std::string::npos);
}

TEST(Claims, RanksThatAreLeftIdleTakeNoPart) {
    EXPECT_EQ(Claimed(job(image + "  y: a + 1\n", "y"), 4, 2).plan.claiming_ranks, 2);
    EXPECT_EQ(Claimed(job(image + "  y: a + 1\n", "y"), 4).plan.claiming_ranks, 4);
}

/// Every claimable chunk is one instruction of a marked operation; returns how many there are on each rank at least.
std::size_t claimable_chunks(const Claimed& claimed, int ranks) {
    std::size_t least = 1000;
    for (int rank = 0; rank < ranks; ++rank) {
        const Layout layout = build_layout(claimed.graph, claimed.plan, Rank(std::int32_t{rank}));
        const Program program =
            build_program(claimed.graph, claimed.plan, layout, block_at(claimed.graph, layout.versions, 0).shape);
        std::size_t count = 0;
        for (const Chunk& chunk : program.chunks) {
            for (const InstructionId id : chunk.instructions) {
                const Instruction& instruction = program.instructions[id.index()];
                EXPECT_EQ(instruction.claimable, chunk.claimable);
                if (chunk.claimable) {
                    EXPECT_EQ(chunk.instructions.size(), 1u);
                    EXPECT_TRUE(claimed.plan[instruction.operation].claimable);
                    EXPECT_FALSE(instruction.chained || instruction.tail);
                }
            }
            count += chunk.claimable ? 1 : 0;
        }
        least = std::min(least, count);
    }
    return least;
}

TEST(Claims, AreManyChunksOfOneTileEach) {
    // Neither the product's tail nor the chain behind the image, nor a halo that is copied, joins a claimable tile.
    EXPECT_GE(claimable_chunks(Claimed(job("  y: relu(matmul(x, w) + 1)\n", "y"), 2), 2), 8u);
    EXPECT_GE(claimable_chunks(Claimed(job(image + "  y: sqrt(abs(a*2.0))\n", "y"), 3), 3), 64u);
    EXPECT_GE(claimable_chunks(Claimed(job("  y: heat_step(x, alpha=0.1, boundary=periodic)\n", "y",
                                           "loop: {steps: 4, carry: {x: y}}\n"),
                                       2),
                               2),
              4u * 4);
    EXPECT_GE(claimable_chunks(Claimed(job("  y: sum(x)\n", "y"), 2), 2), 4u);
}

TEST(Claims, OtherPlansHaveNone) {
    const Example example(job(image + "  y: sum(a)\n", "y"), {}, 2);
    const Program program = example.program(0, example.first_block());
    EXPECT_TRUE(std::none_of(program.chunks.begin(), program.chunks.end(), [](const Chunk& c) { return c.claimable; }));
}

}  // namespace
}  // namespace maniple
