#include "program/throughput.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "example.hpp"
#include "graph/twins.hpp"
#include "program/tiles.hpp"

namespace maniple {
namespace {

const char* const step = R"yaml(maniple: 1
name: heat
inputs: {u: in.h5:/u}
graph: {v: "heat_step(u, alpha=0.1)"}
outputs: {v: out.h5:/v}
)yaml";

const OperationId first{std::size_t{0}};

/// One rank with the cpu and gpu lanes of these names.
struct Shared {
    explicit Shared(std::vector<std::string> gpus, const Shape& shape = {1000, 64}) : example(step, shape, 1) {
        facts.threads = 4;
        std::vector<int> lanes = {LaneChoice::cpu_lane};
        for (const std::string& name : gpus) {
            lanes.push_back(static_cast<int>(facts.gpus.size()));
            facts.gpus.push_back({name, 0, true, false, false, 0});
        }
        choice.lanes = {lanes};
        choice.gpus = facts.gpus;
    }

    ThroughputKey key(int lane) const {
        return throughput_key(example.graph, first, facts, lane, example.graph[first].bound->index_space().volume());
    }

    /// Rows of each lane, the cpu's first.
    std::vector<std::int64_t> rows(const ThroughputHistory& history) {
        choice.weights = lane_weights(example.graph, example.plan, Rank(std::int32_t{0}), facts, choice, history);
        std::vector<std::int64_t> rows(choice.lanes[0].size());
        const Versions versions = find_versions(example.graph);
        for (const Tile& tile : cut_tiles(example.graph, example.plan, versions, first, Rank(std::int32_t{0}), choice))
            rows[static_cast<std::size_t>(tile.lane + 1)] += tile.box.extent(0);
        return rows;
    }

    Example example;
    RankFacts facts;
    LaneChoice choice;
};

TEST(LaneWeights, SharesFollowWhatWasMeasured) {
    Shared shared({"a", "b"});
    ThroughputHistory history;
    history.add(shared.key(-1), 1);
    history.add(shared.key(0), 2);
    history.add(shared.key(1), 4);
    const std::vector<std::int64_t> rows = shared.rows(history);
    EXPECT_NEAR(static_cast<double>(rows[0]), 571, 1);
    EXPECT_NEAR(static_cast<double>(rows[1]), 286, 1);
    EXPECT_NEAR(static_cast<double>(rows[2]), 143, 1);
}

TEST(LaneWeights, TheSlowestLaneKeepsSomething) {
    Shared shared({"a", "b"}, {5, 3});
    ThroughputHistory history;
    history.add(shared.key(-1), 1e6);
    history.add(shared.key(0), 1e-6);
    history.add(shared.key(1), 1e9);
    const std::vector<std::int64_t> rows = shared.rows(history);
    EXPECT_EQ(rows, (std::vector<std::int64_t>{1, 3, 1}));
}

TEST(LaneWeights, GuessesAreNotComparedWithMeasurements) {
    Shared shared({"a"});
    const std::vector<std::int64_t> guessed = shared.rows({});
    EXPECT_GT(guessed[0], guessed[1]);  // a device that a processor imitates
    EXPECT_GT(guessed[1], 0);
    ThroughputHistory history;
    history.add(shared.key(0), 1e-9);
    EXPECT_EQ(shared.rows(history), guessed);
}

TEST(LaneWeights, TwinsAreComputedByOtherLanesWhateverTheShares) {
    for (const std::vector<std::string>& gpus : {std::vector<std::string>{"a"}, {"a", "b"}}) {
        Shared shared(gpus);
        shared.example.graph = with_twins(shared.example.graph);
        const Graph& graph = shared.example.graph;
        ASSERT_EQ(graph.operations.size(), 2U);
        shared.choice = choose_lanes(graph, shared.facts, LaneUse::both);
        ThroughputHistory history;
        for (int lane = -1; lane < static_cast<int>(gpus.size()); ++lane)
            history.add(shared.key(lane), 1 << (3 * lane + 3));
        const Rank rank(std::int32_t{0});
        const Plan plan = make_plan(graph, Machine::uniform(1, {}), {});
        shared.choice.weights = lane_weights(graph, plan, rank, shared.facts, shared.choice, history);
        const Versions versions = find_versions(graph);
        const auto originals = cut_tiles(graph, plan, versions, first, rank, shared.choice);
        const auto twins = cut_tiles(graph, plan, versions, OperationId(std::size_t{1}), rank, shared.choice);
        for (const Tile& original : originals) {
            for (const Tile& twin : twins)
                EXPECT_TRUE(original.lane != twin.lane || intersect(original.box, twin.box).empty());
        }
    }
}

TEST(LaneWeights, EvenSharesDoNotFollowWhatWasMeasured) {
    Shared shared({"a"});
    ThroughputHistory history;
    history.add(shared.key(-1), 8);
    history.add(shared.key(0), 1);
    const std::vector<std::int64_t> weighted = shared.rows(history);
    EXPECT_GT(weighted[1], 4 * weighted[0]);
    shared.example.plan.sharing = LaneSharing::even;
    const std::vector<std::int64_t> even = shared.rows(history);
    EXPECT_LE(std::abs(even[0] - even[1]), 1);
}

TEST(ThroughputHistory, ARunIsOneSampleOfEachKey) {
    ThroughputHistory history, run;
    const ThroughputKey key{"k f32", "cpu x2", 20};
    for (int i = 0; i < 3; ++i) history.add(key, 2);
    for (int i = 0; i < 9; ++i) run.add(key, i < 4 ? 1 : 8);
    history.add_run(run);
    EXPECT_EQ(history.ns_per_point(key), 2);
    EXPECT_EQ(history.text(), "maniple throughput 1\nk f32\tcpu x2\t20\t2 2 2 8\n");
}

TEST(ThroughputHistory, KeepsNoSampleThatItWouldNotRead) {
    ThroughputHistory history;
    for (const double sample : {0.0, 1e-300, 1e300}) history.add({"k f32", "cpu x2", 20}, sample);
    EXPECT_TRUE(ThroughputHistory::parse(history.text()));
}

TEST(ThroughputHistory, TakesTheMedianOfTheLastRuns) {
    ThroughputHistory history;
    const ThroughputKey key{"k f32", "cpu x2", 20};
    EXPECT_FALSE(history.ns_per_point(key));
    for (int i = 0; i < 40; ++i) history.add(key, 100);
    for (std::size_t i = 0; i < ThroughputHistory::most_samples; ++i) history.add(key, i == 7 ? 1e9 : 3);
    EXPECT_EQ(history.ns_per_point(key), 3);
}

TEST(ThroughputHistory, LooksAtSizesOfTheSameKernelOnTheSameLane) {
    ThroughputHistory history;
    history.add({"k f32", "cpu x2", 10}, 1);
    EXPECT_EQ(history.ns_per_point({"k f32", "cpu x2", 13}), 1);
    history.add({"k f32", "cpu x2", 20}, 4);
    history.add({"k f64", "cpu x2", 14}, 300);
    history.add({"k f32", "cpu x4", 14}, 400);
    EXPECT_EQ(history.ns_per_point({"k f32", "cpu x2", 10}), 1);
    EXPECT_EQ(history.ns_per_point({"k f32", "cpu x2", 15}), 2);
    EXPECT_EQ(history.ns_per_point({"k f32", "cpu x2", 20}), 4);
    EXPECT_EQ(history.ns_per_point({"k f64", "cpu x2", 15}), 300);
    EXPECT_FALSE(history.ns_per_point({"k i64", "cpu x2", 10}));
    EXPECT_FALSE(history.ns_per_point({"k f32", "cpu x8", 10}));
}

TEST(ThroughputHistory, SizesThatAreFarAwayDoNotCountWhereThatIsSaid) {
    ThroughputHistory history;
    history.add({"bytes read", "file x1", 10}, 8);
    history.add({"bytes read", "file x1", 20}, 2);
    EXPECT_FALSE(history.ns_per_point({"bytes read", "file x1", 15}, 2));
    EXPECT_NEAR(history.ns_per_point({"bytes read", "file x1", 18}, 2).value(), std::exp2(1.4), 1e-6);
    EXPECT_TRUE(history.ns_per_point({"bytes read", "file x1", 22}, 2));
    EXPECT_FALSE(history.ns_per_point({"bytes read", "file x1", 23}, 2));
}

/// Whatever a history is made of, all ways of making it say the same of all sizes.
TEST(ThroughputHistory, SaysTheSameHoweverItCameTogether) {
    ThroughputHistory run, sum, whole;
    for (const auto& [size_class, ns] :
         {std::pair(4, 80.0), std::pair(9, 7.0), std::pair(12, 2.0), std::pair(20, 1.0)}) {
        run.add({"k f32", "cpu x2", size_class}, ns);
        run.add({"j f32", "cpu x2", size_class}, 2 * ns);
        whole.add({"k f32", "cpu x2", size_class}, ns);
        whole.add({"j f32", "cpu x2", size_class}, 2 * ns);
    }
    sum.add_run(run);
    ThroughputHistory merged;
    merged.add(sum);
    for (int size_class = 0; size_class <= 64; ++size_class) {
        const ThroughputKey key{"k f32", "cpu x2", size_class};
        const double expected = whole.ns_per_point(key).value();
        EXPECT_EQ(sum.ns_per_point(key), expected);
        EXPECT_EQ(merged.ns_per_point(key), expected);
        EXPECT_EQ(ThroughputHistory::parse(whole.text())->ns_per_point(key), expected);
    }
}

/// They are costs along an index, not by size: a part that is alone in what it costs is right.
TEST(ThroughputHistory, PartsOfAProfileAreNoSizes) {
    const std::string kernel = "parts of operation 17 26d89b1697e70c31";
    ASSERT_FALSE(place_of_profile(kernel).empty());
    ThroughputHistory history;
    for (int part = 0; part < 32; ++part) {
        if (part != 20) history.add({kernel, "cpu", part}, part == 7 ? 1e6 : 1);
    }
    EXPECT_EQ(history.ns_per_point({kernel, "cpu", 7}), 1e6);
    EXPECT_EQ(history.ns_per_point({kernel, "cpu", 20}), 1);
}

/// With 100 us for what takes 100 us, and one run of 100 ms, at a size that had no other run.
TEST(ThroughputHistory, AnOutlierOfASizeThatRanOnceMovesNoShare) {
    Shared shared({"a"});
    const int size_class = shared.key(0).size_class;
    ThroughputHistory history;
    for (int other = size_class - 8; other < size_class; ++other) {
        for (const int lane : {-1, 0}) {
            ThroughputKey key = shared.key(lane);
            key.size_class = other;
            history.add(key, 1.5);
        }
    }
    const std::vector<std::int64_t> before = shared.rows(history);
    history.add(shared.key(-1), 1.5);
    history.add(shared.key(0), 1500);
    EXPECT_EQ(shared.rows(history), before);
    // But what three runs say is so.
    history.add(shared.key(0), 1500);
    history.add(shared.key(0), 1500);
    EXPECT_LT(shared.rows(history)[1], before[1] / 10);
}

TEST(ThroughputHistory, IsTheSameAfterItHasBeenText) {
    ThroughputHistory history;
    history.add({"heat_step f32", "gpu A B (C), 7", 20}, 0.125);
    history.add({"heat_step f32", "gpu A B (C), 7", 20}, 1e-7);
    history.add({"sum f64", "cpu x16", 3}, 12345678);
    const auto again = ThroughputHistory::parse(history.text());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->text(), history.text());
    EXPECT_TRUE(ThroughputHistory::parse(ThroughputHistory().text())->empty());
}

TEST(ThroughputHistory, RefusesAnyOtherText) {
    const std::string head = "maniple throughput 1\n";
    for (const std::string& text :
         {std::string(), std::string("maniple throughput 2\n"), head + "a\tb\t3", head + "a\tb\t3\n",
          head + "a\tb\t3\t\n", head + "a\tb\tx\t1\n", head + "a\tb\t3\t1 -1\n", head + "a\tb\t3\tnan\n",
          head + "a\tb\t3\t0\n", head + "a\tb\t3\t1\tc\n", head + "a\tb\t3\tinf\n", head + "a\tb\t3\t1e300\n",
          head + "a\tb\t-1\t1\n", head + "a\tb\t2147483647\t1\n", std::string("{\"a\": 1}\n"), std::string(1000, '\0')})
        EXPECT_FALSE(ThroughputHistory::parse(text)) << text;
}

TEST(WorkOf, PutsTheTimeOfAChunkDownToItsOperations) {
    const Example example(terrain, {540, 1081}, 2);
    const Program program = example.program(0, example.first_block());
    std::vector<std::int64_t> points(example.graph.operations.size());
    for (const Chunk& chunk : program.chunks) {
        const std::vector<ChunkWork> work = work_of(example.graph, program, chunk);
        double shares = 0;
        for (const ChunkWork& part : work) {
            shares += part.share;
            points[part.operation.index()] += part.points;
        }
        EXPECT_NEAR(shares, work.empty() ? 0 : 1, 1e-12);
    }
    EXPECT_EQ(points[0], 270 * 1081 * example.first_block().steps);  // heat_step in each of them
    WorkTimes times;
    add_work_time({{OperationId(std::size_t{2}), 10, 0.25}, {OperationId(std::size_t{0}), 30, 0.75}}, 100, times);
    EXPECT_EQ(times[2].points, 10);
    EXPECT_DOUBLE_EQ(times[2].ns, 25);
    EXPECT_DOUBLE_EQ(times[0].ns, 75);
}

/// Each of many short operations alone takes too little time to be measured, but for those that something disturbed.
TEST(AddMeasured, ManyShortOperationsAreMeasuredTogether) {
    std::string graph = "  y0: relu(x)\n";
    for (int i = 1; i < 30; ++i) graph += "  y" + std::to_string(i) + ": relu(y" + std::to_string(i - 1) + ")\n";
    const Example example("maniple: 1\nname: t\ninputs: {x: {shape: [64, 64], fill: 1}}\ngraph:\n" + graph +
                              "outputs: {y29: out.h5:/y}\n",
                          {}, 1);
    RankFacts facts;
    facts.threads = 2;
    const auto measured = [&](std::size_t operations) {
        WorkTimes times(example.graph.operations.size());
        for (std::size_t i = 0; i < operations; ++i) times[i].add(4096, i % 10 == 3 ? 500'000 : 4096);
        ThroughputHistory history;
        add_measured(example.graph, example.plan, Rank(std::int32_t{0}), facts, times, {}, history);
        return history;
    };
    EXPECT_TRUE(measured(2).empty());
    const ThroughputKey key = throughput_key(example.graph, first, facts, LaneChoice::cpu_lane, 4096);
    EXPECT_DOUBLE_EQ(measured(30).ns_per_point(key).value(), 0.5);  // of two threads
    EXPECT_EQ(measured(30).runs(key), 1u);
}

}  // namespace
}  // namespace maniple
