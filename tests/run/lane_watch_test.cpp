#include "run/lane_watch.hpp"

#include <gtest/gtest.h>

#include "../program/example.hpp"
#include "program/recut.hpp"

namespace maniple {
namespace {

const char* const step = R"yaml(maniple: 1
name: heat
inputs: {u: in.h5:/u}
graph: {v: "heat_step(u, alpha=0.1)"}
loop: {steps: 100, carry: {u: v}}
outputs: {v: out.h5:/v}
)yaml";

/// One rank with the cpu and two gpu lanes, whose speeds are said instead of measured.
struct Lanes {
    Lanes() : example(step, {1200, 600}, 1) {
        example.plan.sharing = LaneSharing::adaptive;
        LaneChoice choice;
        choice.lanes = {{LaneChoice::cpu_lane, 0, 1}};
        choice.gpus.resize(2);
        choice.threads = 2;
        layout = build_layout(example.graph, example.plan, Rank(std::int32_t{0}), choice);
        times.resize(3, WorkTimes(1));
    }

    /// Each lane computes its part once; `ns` per point of a lane, of the cpu of each of its threads.
    void execute(const std::vector<double>& ns) {
        const std::vector<double> shares = lane_shares(layout);
        for (std::size_t lane = 0; lane < 3; ++lane) {
            const double points = shares[lane] * 1200 * 600;
            times[lane][0].add(static_cast<std::int64_t>(points), points * ns[lane]);
        }
        watch.add(times);
        if (!watch.is_due()) return;
        const std::optional<ShareChange> change = watch.decide(example.graph, layout);
        if (!change) return;
        std::optional<Layout> next = recut(example.graph, example.plan, layout, change->weights);
        if (!next) return;
        layout = std::move(*next);
        watch.has_changed();
        ++changes;
    }

    Example example;
    Layout layout;
    LaneWatch watch;
    std::vector<WorkTimes> times;
    int changes = 0;
};

TEST(LaneWatch, SharesAreThoseOfTheSpeedsAfterFiveExecutions) {
    Lanes lanes;
    EXPECT_NEAR(lane_shares(lanes.layout)[0], 1.0 / 3, 0.01);
    for (int i = 0; i < 5; ++i) lanes.execute({12, 3, 2});  // two threads of the cpu: 6 together
    const std::vector<double> shares = lane_shares(lanes.layout);
    EXPECT_NEAR(shares[0], 1.0 / 6, 0.01);
    EXPECT_NEAR(shares[1], 2.0 / 6, 0.01);
    EXPECT_NEAR(shares[2], 3.0 / 6, 0.01);
    EXPECT_EQ(lanes.changes, 1);
}

TEST(LaneWatch, ALaneThatIsThreeTimesAsSlowFromSomeStepOnGetsAThird) {
    Lanes lanes;
    for (int i = 0; i < 5; ++i) lanes.execute({2, 1, 1});
    EXPECT_NEAR(lane_shares(lanes.layout)[1], 1.0 / 3, 0.01);
    EXPECT_EQ(lanes.changes, 0);
    for (int i = 0; i < 5; ++i) lanes.execute({2, 3, 1});
    EXPECT_NEAR(lane_shares(lanes.layout)[1], 1.0 / 7, 0.01);
}

TEST(LaneWatch, OneDisturbanceChangesNothing) {
    Lanes lanes;
    for (int i = 0; i < 4; ++i) lanes.execute({2, 1, 1});
    lanes.execute({2, 50, 1});
    lanes.execute({2, 1, 1});
    EXPECT_EQ(lanes.changes, 0);
}

TEST(LaneWatch, SpeedsThatDifferByLittleChangeNothing) {
    Lanes lanes;
    for (int i = 0; i < 20; ++i) lanes.execute({2.1, 1, 0.95});
    EXPECT_EQ(lanes.changes, 0);
}

TEST(LaneWatch, ChangesBecomeRarerWhereSpeedsWaver) {
    Lanes lanes;
    for (int i = 0; i < 600; ++i) lanes.execute({2, i / 3 % 2 == 0 ? 1.0 : 4.0, 1});
    EXPECT_GT(lanes.changes, 5);
    EXPECT_LT(lanes.changes, 40);
}

TEST(LaneWatch, WhatNoTimeWasMeasuredForStaysAsItIs) {
    Lanes lanes;
    for (int i = 0; i < 5; ++i) lanes.execute({1e-6, 1, 1});
    EXPECT_EQ(lanes.changes, 0);
}

}  // namespace
}  // namespace maniple
