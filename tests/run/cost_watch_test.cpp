#include "run/cost_watch.hpp"

#include <gtest/gtest.h>

#include "../program/example.hpp"

namespace maniple {
namespace {

const char* const step = R"yaml(maniple: 1
name: heat
inputs: {u: in.h5:/u, k: in.h5:/k}
graph: {damping: "blur(k, radius=1)", v: "heat_step(u, alpha=0.1) + damping"}
loop: {steps: 100, carry: {u: v}}
outputs: {v: out.h5:/v}
)yaml";

/// What a point takes is said instead of measured.
struct Watched {
    Watched() : example(step, {120, 60}, 1), times(example.graph.operations.size()) {
        layout = example.layouts[0];
        layout.lanes.point_ns.assign(example.graph.operations.size(), 10);
    }

    /// Sixteen steps, in each a tile of every operation.
    std::optional<std::vector<double>> block(double ns, int steps = 16) {
        for (int i = 0; i < steps; ++i) compute(ns);
        return watch.drifted(example.graph, layout, times);
    }
    void compute(double ns) {
        for (WorkTime& time : times) time.add(7200, 7200 * ns);
    }

    Example example;
    Layout layout;
    CostWatch watch;
    WorkTimes times;
};

TEST(CostWatch, FindsWhatCostsAFifthMoreOrLessThanTheTilesWereCutFor) {
    for (const double ns : {12.5, 8.0, 900.0, 0.5}) {
        Watched watched;
        const auto costs = watched.block(ns);
        ASSERT_TRUE(costs) << ns;
        for (std::size_t i = 0; i < costs->size(); ++i) {
            const bool in_loop = watched.example.graph.operations[i].in_loop;
            EXPECT_NEAR((*costs)[i], in_loop ? ns : 10, ns * 1e-6) << "what is computed once is cut once";
        }
    }
    for (const double ns : {10.0, 11.8, 8.5}) EXPECT_FALSE(Watched().block(ns)) << ns;
}

TEST(CostWatch, AFewDisturbedChunksAreNoDrift) {
    Watched watched;
    for (int i = 0; i < 10; ++i) watched.compute(10);
    for (int i = 0; i < 5; ++i) watched.compute(1e6);
    EXPECT_FALSE(watched.block(10, 1));
}

TEST(CostWatch, SaysTheSameOnce) {
    Watched watched;
    EXPECT_TRUE(watched.block(30));
    EXPECT_FALSE(watched.block(30));
    EXPECT_TRUE(watched.block(10));
}

TEST(CostWatch, FewChunksSayNothing) { EXPECT_FALSE(Watched().block(1000, 3)); }

TEST(CostWatch, LooksTakeNoMoreThanAFiftiethOfTheTime) {
    CostWatch watch;
    EXPECT_TRUE(watch.is_due(1000));
    watch.has_looked(1000, 1200);
    EXPECT_FALSE(watch.is_due(1200 + 9'999));
    EXPECT_TRUE(watch.is_due(1200 + 10'000));
}

}  // namespace
}  // namespace maniple
