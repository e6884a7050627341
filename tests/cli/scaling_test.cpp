#include "cli/scaling.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

/// Ten seconds of computing on one rank of one thread, that never waits.
ScalingRow alone() {
    ScalingRow row;
    row.prediction.seconds = row.prediction.way.compute = 10;
    row.prediction.busiest_seconds = row.prediction.cpu_busy_seconds = 10;
    return row;
}

/// The same spread over `ranks`, of which the one with most work computes `busiest_seconds`.
ScalingRow spread(int ranks, double busiest_seconds, const CriticalWay& way) {
    ScalingRow row;
    row.ranks = ranks;
    Prediction& found = row.prediction;
    found.way = way;
    found.seconds = way.compute + way.moves + way.messages + way.files;
    found.busiest_seconds = busiest_seconds;
    found.cpu_busy_seconds = 10;
    found.idle_share = 1 - 10 / (ranks * found.seconds);
    row.efficiency = 10 / (ranks * found.seconds);
    return row;
}

void expect_grown(const ScalingRow& row, const std::string& what) {
    const std::string grown = growth_text(alone(), row);
    EXPECT_EQ(grown.find(what), 0U) << grown;
}

TEST(Scaling, WhatGrewMostIsNamed) {
    expect_grown(spread(4, 2.5, {.compute = 2.5, .messages = 4}), "messages (100 % of what is lost)");
    expect_grown(spread(4, 2.5, {.compute = 2.5, .messages = 1, .files = 3}), "files (75 %");
    expect_grown(spread(4, 2.5, {.compute = 2.5, .moves = 3, .messages = 1}), "copies (75 %");
    // One rank has most of the work, and the way through it is what decides.
    expect_grown(spread(4, 7, {.compute = 7}), "uneven work");
    // All have as much, and yet it takes longer: what they do waits for what others do.
    expect_grown(spread(4, 2.5, {.compute = 7}), "too little to do side by side");
    ScalingRow slower = spread(4, 5, {.compute = 5});
    slower.prediction.idle_share = 0;
    expect_grown(slower, "computing");
}

TEST(Scaling, TheLargestPartIsNotWhatGrew) {
    // Most of the time is computing, as before; what is lost are messages.
    expect_grown(spread(4, 2.5, {.compute = 2.5, .messages = 2}), "messages (100 % of what is lost)");
}

TEST(Scaling, WhatScalesPerfectlyHasLostNothing) {
    EXPECT_EQ(growth_text(alone(), spread(4, 2.5, {.compute = 2.5})), "");
    EXPECT_EQ(scaling_text({alone(), spread(4, 2.5, {.compute = 2.5})}), "scales to 4 ranks and perhaps beyond");
}

TEST(Scaling, ItEndsBeforeTheFirstThatIsNotWorthIt) {
    const ScalingRow two = spread(2, 5, {.compute = 5, .messages = 1});
    const ScalingRow four = spread(4, 2.5, {.compute = 2.5, .messages = 4});
    EXPECT_EQ(scaling_text({alone(), two, four}),
              "scales to 2 ranks: with 4 the efficiency is 38 %, what grew most is messages (100 % of what is lost)");
}

TEST(Scaling, RowsThatMayNotRunAreNoneToScaleTo) {
    ScalingRow first = alone(), two = spread(2, 5, {.compute = 5});
    first.may_run = false;
    EXPECT_EQ(scaling_text({first, two}).find("with 2 ranks most of the time goes to computing"), 0U);
    two.may_run = false;
    EXPECT_EQ(scaling_text({first, two}), "with none of these numbers of ranks it could be run");
}

}  // namespace
}  // namespace maniple
