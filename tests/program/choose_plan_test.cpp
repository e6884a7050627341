#include "program/choose_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "example.hpp"

namespace maniple {
namespace {

Machine nodes(int ranks, const Rates& rates) {
    RankFacts facts;
    facts.threads = 4;
    Machine machine = Machine::uniform(ranks, facts);
    for (int rank = 0; rank < ranks; ++rank) machine.ranks[static_cast<std::size_t>(rank)].host = std::to_string(rank);
    machine.rates = rates;
    return machine;
}

std::vector<PlanCandidate> weighed(const Example& example, int ranks, const Rates& rates = {},
                                   std::int64_t memory = 0) {
    const Machine machine = nodes(ranks, rates);
    const ThroughputHistory nothing;
    return weigh_plans(example.graph, {}, {machine, nothing, LaneUse::automatic}, {{memory, "so many bytes"}});
}

const PlanCandidate& taken(const std::vector<PlanCandidate>& all) {
    return *std::find_if(all.begin(), all.end(), [](const PlanCandidate& one) { return one.taken(); });
}

TEST(ChoosePlan, TakesOneAndSaysWhyNotTheOthers) {
    const std::vector<PlanCandidate> all = weighed(Example(terrain, {540, 1081}, 4), 4);
    EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const PlanCandidate& one) { return one.taken(); }), 1);
    std::vector<std::string> names;
    for (const PlanCandidate& one : all) names.push_back(name_of(one.request));
    for (const char* name : {"data", "stealing", "model", "{data: 2, model: 2}", "data on 2 ranks", "data on 1 rank"})
        EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
}

TEST(ChoosePlan, LargeGridsAreCutOverAllRanks) {
    EXPECT_EQ(name_of(taken(weighed(Example(terrain, {4096, 4096}, 4), 4)).request), "data");
}

TEST(ChoosePlan, OverASlowLinkOneRankDoesItAlone) {
    Rates slow;
    slow.between = {1e7, 0.001};
    EXPECT_EQ(taken(weighed(Example(terrain, {540, 1081}, 4), 4, slow)).ranks(), 1);
}

TEST(ChoosePlan, WhatDoesNotFitIsNotTaken) {
    const Example example(terrain, {540, 1081}, 4);
    Rates slow;
    slow.between = {1e7, 0.001};
    const std::int64_t quarter = example.layouts[0].host_bytes() + (1 << 20);
    const std::vector<PlanCandidate> all = weighed(example, 4, slow, quarter);
    EXPECT_LE(taken(all).prediction.peak_bytes, quarter);
    const auto alone =
        std::find_if(all.begin(), all.end(), [](const PlanCandidate& one) { return one.request.max_ranks == 1; });
    EXPECT_EQ(alone->why_not, "does not fit so many bytes");
}

TEST(ChoosePlan, WhatIsAskedForIsTaken) {
    const Example example(terrain, {540, 1081}, 4);
    const Machine machine = nodes(4, {});
    const ThroughputHistory nothing;
    PlanRequest asked;
    asked.strategy = "model";
    const auto all = weigh_plans(example.graph, asked, {machine, nothing, LaneUse::automatic}, {});
    EXPECT_EQ(taken(all).request.strategy, "model");
    EXPECT_EQ(choose_plan(example.graph, asked, {machine, nothing, LaneUse::automatic}, {}).strategy, "model");
}

/// A prediction takes longer than it could save where a few large steps are cut for many ranks, and all are told the same.
TEST(ChoosePlan, WeighsNoLongerThanItCanSave) {
    const char* const short_run = R"yaml(maniple: 1
name: heat
inputs: {u: {shape: [4096, 4096], fill: 1}}
graph: {v: "heat_step(u, alpha=0.2)"}
loop: {steps: 20, carry: {u: v}}
outputs: {v: out.h5:/v}
)yaml";
    for (const int ranks : {4, 16}) {
        const std::vector<PlanCandidate> all = weighed(Example(short_run, {}, ranks), ranks);
        EXPECT_EQ(name_of(taken(all).request), "data");
        for (std::size_t i = 1; i < all.size(); ++i) EXPECT_TRUE(all[i].why_not.ends_with(", not weighed in a run"));
    }
}

TEST(ChoosePlan, ATableTakesWhatARunTakes) {
    Rates slow;
    slow.between = {1e7, 0.001};
    for (const Rates& rates : {Rates{}, slow}) {
        for (const int rows : {16, 540, 4096}) {
            const Example example(terrain, {rows, 1081}, 4);
            const Machine machine = nodes(4, rates);
            const ThroughputHistory nothing;
            const PlanRequest chosen = choose_plan(example.graph, {}, {machine, nothing, LaneUse::automatic}, {});
            EXPECT_EQ(name_of(chosen), name_of(taken(weighed(example, 4, rates)).request)) << rows;
        }
    }
}

/// A picture, and what earlier runs measured in its upper and in its lower half.
struct Picture {
    explicit Picture(double upper_ns = 0, double lower_ns = 0)
        : example(
              "maniple: 1\nname: t\ngraph: {a: \"mandelbrot(width=1000, height=640, xmin=-2, xmax=1, ymin=-1, ymax=1, "
              "iterations=50)\"}\noutputs: {a: out.h5:/y}\n",
              {}, 1),
          machine(nodes(2, {})) {
        for (RankFacts& facts : machine.ranks) facts.host = "one";
        if (upper_ns == 0) return;
        WorkTime time;
        time.ns = 1e9;
        time.parts.assign(WorkTime::most_parts, {1, upper_ns});
        std::fill_n(time.parts.begin(), WorkTime::most_parts / 2, WorkTime::Part{1, lower_ns});
        add_profile(example.graph, example.graph.operations[0], time, history);
    }
    std::string chosen() const {
        return name_of(choose_plan(example.graph, {}, {machine, history, LaneUse::automatic}, {}));
    }

    Example example;
    Machine machine;
    ThroughputHistory history;
};

/// Who calls a kernel irregular expects blocks to differ, until it is known that they do not.
TEST(ChoosePlan, IrregularWorkIsClaimedIfThatGains) {
    EXPECT_EQ(Picture().chosen(), "stealing");
    EXPECT_EQ(Picture(3000, 30).chosen(), "stealing");
    EXPECT_EQ(Picture(1000, 1000).chosen(), "data");
    EXPECT_EQ(Picture(1000, 950).chosen(), "data");
}

/// Of other work there is nothing to be gained: it is listed, and not weighed; not even that where it would take long.
TEST(ChoosePlan, ClaimsOfRegularWorkAreNotWeighed) {
    const auto stealing = [](const std::vector<PlanCandidate>& all) {
        return std::find_if(all.begin(), all.end(),
                            [](const PlanCandidate& one) { return one.request.strategy == "stealing"; });
    };
    Rates slow;
    slow.between = {1e7, 0.001};
    const Example example(terrain, {540, 1081}, 4);
    for (const std::int64_t memory : {0, 1}) {  // also where nothing meets the constraints
        const std::vector<PlanCandidate> all = weighed(example, 4, slow, memory);
        const auto found = stealing(all);
        ASSERT_NE(found, all.end());
        EXPECT_FALSE(found->weighed);
        EXPECT_TRUE(found->predicted);
    }
    const std::vector<PlanRequest> many = plan_candidates(example.graph, {}, 100'000);
    EXPECT_TRUE(
        std::none_of(many.begin(), many.end(), [](const PlanRequest& one) { return one.strategy == "stealing"; }));
    const Picture picture;
    const std::vector<PlanRequest> irregular = plan_candidates(picture.example.graph, {}, 100'000);
    EXPECT_TRUE(std::any_of(irregular.begin(), irregular.end(),
                            [](const PlanRequest& one) { return one.strategy == "stealing"; }));
    EXPECT_EQ(plan_candidates(picture.example.graph, {}, 1).size(), 1u);
}

/// What takes no time is not weighed: it stays with all ranks.
TEST(ChoosePlan, LittleWorkStaysData) {
    const Example example(terrain, {16, 16}, 4);
    Rates rates;
    const Machine machine = nodes(4, rates);
    const ThroughputHistory nothing;
    const PlanRequest chosen = choose_plan(example.graph, {}, {machine, nothing, LaneUse::automatic}, {});
    EXPECT_EQ(name_of(chosen), "data");
}

/// Neither predicted nor made to fit: that alone would take long.
TEST(ChoosePlan, TooManyOperationsAreNamedAlone) {
    std::string layers, weights, last = "x";
    for (int k = 0; k < 48; ++k) {
        const std::string number = std::to_string(k);
        weights += "  w" + number + ": {shape: [8, 8], fill: 1}\n";
        layers += "  d" + number + ": dense(" + last + ", w" + number + ", b)\n";
        last = "d" + number;
    }
    const std::string text = "maniple: 1\nname: layers\ninputs:\n  x: {shape: [512, 8], fill: 1}\n" +
                             ("  b: {shape: [8], fill: 0}\n" + weights) + "graph:\n" + layers + "outputs: {" + last +
                             ": out.h5:/y}\n";
    const std::vector<PlanCandidate> all = weighed(Example(text, {}, 64), 64, {}, 40'000);
    const auto pipeline = std::find_if(all.begin(), all.end(),
                                       [](const PlanCandidate& one) { return one.request.strategy == "pipeline"; });
    ASSERT_NE(pipeline, all.end());
    EXPECT_FALSE(pipeline->predicted);
    EXPECT_EQ(pipeline->why_not, "not predicted: too many operations on too many ranks");
    EXPECT_FALSE(pipeline->plan.tight);
    EXPECT_TRUE(pipeline->plan.operations.empty()) << "its microbatches need not be written out to see that";
    EXPECT_TRUE(all.front().predicted);
}

const char* const four_layers = R"yaml(maniple: 1
name: layers
inputs: {x: {shape: [64, 32], fill: 1}, w: {shape: [32, 32], fill: 1}}
graph: {a: "relu(matmul(x, w))", b: "relu(matmul(a, w))", c: "relu(matmul(b, w))", d: "relu(matmul(c, w))"}
outputs: {d: out.h5:/d}
)yaml";

std::vector<std::string> names_of_candidates(const Graph& graph, const PlanRequest& asked, int ranks) {
    std::vector<std::string> names;
    for (const PlanRequest& one : plan_candidates(graph, asked, ranks)) names.push_back(name_of(one));
    return names;
}

TEST(ChoosePlan, HybridsOfDataWithModelAndWithPipeline) {
    const Example example(four_layers, {}, 1);
    const auto hybrids = [&](const PlanRequest& asked, int ranks) {
        std::vector<std::string> names = names_of_candidates(example.graph, asked, ranks);
        std::erase_if(names, [](const std::string& name) { return !name.starts_with("{"); });
        return names;
    };
    using Names = std::vector<std::string>;
    EXPECT_EQ(hybrids({}, 3), Names());
    EXPECT_EQ(hybrids({}, 4), Names({"{data: 2, model: 2}", "{data: 2, pipeline: 2}"}));
    EXPECT_EQ(hybrids({}, 6), Names({"{data: 2, model: 3}", "{data: 3, model: 2}", "{data: 2, pipeline: 3}",
                                     "{data: 3, pipeline: 2}"}));
    PlanRequest bounded;
    bounded.max_ranks = 4;
    EXPECT_EQ(hybrids(bounded, 7), Names({"{data: 2, model: 2} on 4 ranks", "{data: 2, pipeline: 2} on 4 ranks"}));
    PlanRequest asked;
    asked.strategy = "hybrid";
    asked.hybrid = {2, 2, 1};
    EXPECT_EQ(hybrids(asked, 4), Names({"{data: 2, pipeline: 2}", "{data: 2, model: 2}"})) << "what is asked for first";
    // Nothing goes through a grid whose steps read their neighbours row by row.
    EXPECT_EQ(names_of_candidates(Example(terrain, {540, 1081}, 1).graph, {}, 4).back(), "{data: 2, model: 2}");
}

TEST(ChoosePlan, HybridsOnFewerRanksThanThereAreArePlanned) {
    const Example example(four_layers, {}, 1);
    const Machine machine = nodes(6, {});
    const ThroughputHistory nothing;
    PlanRequest bounded;
    bounded.max_ranks = 4;
    int seen = 0;
    for (const PlanCandidate& one : weigh_plans(example.graph, bounded, {machine, nothing, LaneUse::automatic}, {})) {
        if (one.request.strategy != "hybrid") continue;
        ++seen;
        EXPECT_TRUE(one.predicted);
        EXPECT_EQ(one.ranks(), 4);
        EXPECT_GT(one.prediction.seconds, 0);
        EXPECT_EQ(one.plan.ranks, 6);
        for (const OperationPlacement& placement : one.plan.operations)
            EXPECT_LE(placement.points.first.value + placement.points.count(), 4);
    }
    EXPECT_EQ(seen, 2);
}

/// Layers whose weights are too many for a rank that has all of them, and few enough for one that has half: of two columns that
/// share the rows each idles less than of four.
TEST(ChoosePlan, AHybridWithAPipelineIsTakenWhereItIsBest) {
    std::string inputs = "  h0: {shape: [256, 1024], fill: 1}\n", graph;
    for (int i = 0; i < 16; ++i) {
        const std::string number = std::to_string(i);
        inputs += "  w" + number + ": {shape: [1024, 1024], fill: 1}\n";
        graph += "  h" + std::to_string(i + 1) + ": relu(matmul(h" + number + ", w" + number + "))\n";
    }
    const Example example(
        "maniple: 1\nname: t\ninputs:\n" + inputs + "graph:\n" + graph + "outputs: {h16: out.h5:/h}\n", {}, 1);
    const Machine machine = nodes(4, {});
    const ThroughputHistory nothing;
    const PredictionRequest request{machine, nothing, LaneUse::automatic};
    const Constraints half{{std::int64_t{48} << 20, "so many bytes"}, MemoryUse::fast};
    PlanRequest asked;
    asked.microbatches = 4;
    const std::vector<PlanCandidate> all = weigh_plans(example.graph, asked, request, half);
    std::string table;
    for (const PlanCandidate& one : all)
        table += name_of(one.request) + ": " + duration_text(one.prediction.seconds) + ", " + one.why_not + "\n";
    EXPECT_EQ(all.front().why_not, "does not fit so many bytes") << table;
    EXPECT_EQ(name_of(taken(all).request), "{data: 2, pipeline: 2}") << table;
    EXPECT_EQ(name_of(choose_plan(example.graph, asked, request, half)), "{data: 2, pipeline: 2}") << table;
}

}  // namespace
}  // namespace maniple
