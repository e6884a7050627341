#include "program/kept_choices.hpp"

#include <gtest/gtest.h>

#include "example.hpp"

namespace maniple {
namespace {

TEST(KeptChoices, AChoiceThatCameTrueIsKept) {
    KeptChoices choices;
    EXPECT_FALSE(choices.of(7));
    choices.add_weighed(7, "model", 1.0, 1.2);
    EXPECT_EQ(choices.of(7), "model");
    EXPECT_FALSE(choices.of(8));
}

TEST(KeptChoices, OneThatDidNotIsWeighedAgainOnce) {
    for (const double seconds : {1.3, 0.7}) {
        KeptChoices choices;
        choices.add_weighed(7, "model", 1.0, seconds);
        EXPECT_FALSE(choices.of(7)) << seconds;
        choices.add_weighed(7, "model", 1.0, seconds);
        EXPECT_EQ(choices.of(7), "model");
    }
    KeptChoices choices;
    choices.add_weighed(7, "model", 1.0, 9.0);
    choices.add_weighed(7, "data", 2.0, 9.0);
    EXPECT_FALSE(choices.of(7)) << "another plan is a new choice";
}

TEST(KeptChoices, OneThatTakesMuchLongerThanItDidIsGivenUp) {
    KeptChoices choices;
    choices.add_weighed(7, "model", 1.0, 1.0);
    choices.add_taken(7, 1.4);
    EXPECT_EQ(choices.of(7), "model");
    choices.add_taken(7, 1.6);
    EXPECT_FALSE(choices.of(7));
}

TEST(KeptChoices, AreTheSameAfterTheyHaveBeenText) {
    KeptChoices choices;
    choices.add_weighed(~std::uint64_t{0}, "{data: 2, model: 4}", 0.125, 0.13);
    choices.add_weighed(3, "data on 1 rank", 1.0, 5.0);
    const KeptChoices read = KeptChoices::parse(choices.text());
    EXPECT_EQ(read.text(), choices.text());
    EXPECT_EQ(read.of(~std::uint64_t{0}), "{data: 2, model: 4}");
    EXPECT_FALSE(read.of(3));
    EXPECT_EQ(KeptChoices::parse("no\n7 x\n" + choices.text() + "8 1 2").text(), choices.text());
}

TEST(KeptChoices, TheOldestOfManyAreForgotten) {
    KeptChoices choices;
    for (std::uint64_t key = 0; key < 600; ++key) choices.add_weighed(key, "data", 1, 1);
    EXPECT_FALSE(choices.of(99));
    EXPECT_TRUE(choices.of(100));
}

TEST(KeptChoices, TheKeyFollowsFromWhatIsRunAndWhere) {
    const Example small(terrain, {54, 108}, 2), large(terrain, {540, 1081}, 2);
    RankFacts facts;
    facts.threads = 4;
    const Machine two = Machine::uniform(2, facts);
    Machine apart = two;
    apart.ranks[1].host = "another";
    const std::uint64_t key = choice_key(small.graph, {}, two, LaneUse::automatic);
    EXPECT_EQ(key, choice_key(small.graph, {}, two, LaneUse::automatic));
    EXPECT_NE(key, choice_key(large.graph, {}, two, LaneUse::automatic));
    EXPECT_NE(key, choice_key(small.graph, {}, apart, LaneUse::automatic));
    EXPECT_NE(key, choice_key(small.graph, {}, two, LaneUse::cpu));
    Machine measured = two;
    measured.rates.within.latency_ns = 5;
    EXPECT_NE(key, choice_key(small.graph, {}, measured, LaneUse::automatic));
    std::string text = terrain;
    const Example other(text.replace(text.find("alpha=0.2"), 9, "alpha=0.1"), {54, 108}, 2);
    EXPECT_NE(key, choice_key(other.graph, {}, two, LaneUse::automatic));
    text = terrain;
    const Example seldom(text.replace(text.find("every: 10"), 9, "every: 20"), {54, 108}, 2);
    EXPECT_NE(key, choice_key(seldom.graph, {}, two, LaneUse::automatic));
    Example longer(terrain, {54, 108}, 2);
    longer.graph.steps += 1;
    EXPECT_NE(key, choice_key(longer.graph, {}, two, LaneUse::automatic));
    PlanRequest deep;
    deep.microbatches = 4;
    EXPECT_NE(key, choice_key(small.graph, deep, two, LaneUse::automatic));
}

}  // namespace
}  // namespace maniple
