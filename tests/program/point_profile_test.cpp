// Where points of an irregular operation cost how much: measured in parts of it, kept, and found again by predictions.
#include "program/point_profile.hpp"

#include <gtest/gtest.h>

#include "example.hpp"
#include "program/predict.hpp"

namespace maniple {
namespace {

std::string image_job(int iterations, const std::string& more = "") {
    return "maniple: 1\nname: t\ninputs: {x: {shape: [640, 300], fill: 1}}\ngraph:\n  a: mandelbrot(width=300, height=640, xmin=-2, "
           "xmax=1, ymin=-1, ymax=1, iterations=" +
           std::to_string(iterations) + ")\n" + more + "outputs: {a: out.h5:/y}\n";
}

const OperationId first{std::size_t{0}};

Box rows(const Operation& operation, std::int64_t lo, std::int64_t hi) {
    Box box = operation.bound->index_space();
    box.lo[0] = lo;
    box.hi[0] = hi;
    return box;
}

/// As a run measures it whose rows cost as `point_ns` says, cut into tiles of `tile` rows.
template <class PointNs>
ThroughputHistory measured(const Graph& graph, std::int64_t tile, PointNs&& point_ns) {
    WorkTimes times(graph.operations.size());
    for (std::int64_t lo = 0; lo < 640; lo += tile) {
        const Box box = rows(graph[first], lo, std::min<std::int64_t>(640, lo + tile));
        const double ns = point_ns(lo) * static_cast<double>(box.volume());
        add_work_time({{first, box.volume(), 1, stretch_of(graph[first], box)}}, static_cast<std::int64_t>(ns), times);
    }
    ThroughputHistory history;
    add_profile(graph, graph[first], times[0], history);
    return history;
}

TEST(PointProfile, IsOfIrregularOperations) {
    const Example example(image_job(50, "  b: a + x\n"), {}, 1);
    for (const Operation& operation : example.graph.operations)
        EXPECT_EQ(is_followed(operation), operation.kernel->name == "mandelbrot");
    EXPECT_EQ(point_profiles(example.graph, {}).size(), 1u);
}

TEST(PointProfile, FindsWhatWasMeasuredInEachPart) {
    const Example example(image_job(50), {}, 1);
    const auto cost = [](std::int64_t row) { return row < 320 ? 10.0 : 500.0; };
    for (const std::int64_t tile : {1, 7, 20, 64}) {
        const ThroughputHistory history = measured(example.graph, tile, cost);
        const PointProfile profile(example.graph[first], example.graph, history);
        ASSERT_TRUE(profile.is_measured());
        EXPECT_NEAR(profile.mean(rows(example.graph[first], 0, 280)), 10, 0.1);
        EXPECT_NEAR(profile.mean(rows(example.graph[first], 360, 640)), 500, 0.1);
        EXPECT_NEAR(profile.mean(rows(example.graph[first], 17, 18)), 10, 0.1);
        EXPECT_NEAR(profile.mean(example.graph[first].bound->index_space()), 255, 5);
    }
}

TEST(PointProfile, UnknownPointsDifferAndTheirMeanIsOne) {
    const Example example(image_job(50), {}, 1);
    const PointProfile profile(example.graph[first], example.graph, {});
    EXPECT_FALSE(profile.is_measured());
    EXPECT_NEAR(profile.mean(example.graph[first].bound->index_space()), 1, 1e-12);
    EXPECT_NEAR(profile.mean(rows(example.graph[first], 320, 640)) / profile.mean(rows(example.graph[first], 0, 320)),
                1.25 / 0.75, 1e-9);
    Box right = example.graph[first].bound->index_space();
    right.lo[1] = 150;
    EXPECT_NEAR(profile.mean(right), 1.25, 1e-9);
}

/// Another picture costs something else; a part of a batch is a part of the same picture.
TEST(PointProfile, IsOfOneOperation) {
    const Example example(image_job(50), {}, 1), other(image_job(51), {}, 1);
    const ThroughputHistory history =
        measured(example.graph, 20, [](std::int64_t row) { return 10.0 + static_cast<double>(row); });
    EXPECT_TRUE(PointProfile(example.graph[first], example.graph, history).is_measured());
    EXPECT_FALSE(PointProfile(other.graph[first], other.graph, history).is_measured());
    Operation part = example.graph[first];
    part.bound.edit().indices[0].from = 320;
    const PointProfile of_part(part, example.graph, history);
    ASSERT_TRUE(of_part.is_measured());
    EXPECT_NEAR(of_part.mean(part.bound->index_space()), 490, 11);
}

TEST(PointProfile, OfLittleTimeNothingIsKept) {
    const Example example(image_job(50), {}, 1);
    EXPECT_TRUE(measured(example.graph, 20, [](std::int64_t) { return 0.01; }).empty());
}

TEST(PointProfile, OnlySoManyAreKept) {
    ThroughputHistory history;
    std::size_t known = 0;
    for (int iterations = 1; iterations <= 200; ++iterations) {
        const Example example(image_job(iterations), {}, 1);
        history.add(measured(example.graph, 64, [](std::int64_t) { return 100.0; }));
        ASSERT_TRUE(PointProfile(example.graph[first], example.graph, history).is_measured()) << "the newest stays";
    }
    for (int iterations = 1; iterations <= 200; ++iterations) {
        const Example example(image_job(iterations), {}, 1);
        known += PointProfile(example.graph[first], example.graph, history).is_measured() ? 1 : 0;
    }
    EXPECT_LE(known, most_profiles);
    EXPECT_GE(known, most_profiles / 2);
    // As text it is read again as the same.
    EXPECT_EQ(ThroughputHistory::parse(history.text())->text(), history.text());
}

/// What a chunk takes that computes a tile and goes on with it is put down to the irregular kernel for the most part.
TEST(PointProfile, HasTheTimeOfItsChunks) {
    const Example example(image_job(50, "  b: sqrt(abs(a*2.0))\n") + "", {}, 2);
    const Program program = example.program(0, example.first_block());
    double images = 0;
    for (const Chunk& chunk : program.chunks) {
        for (const ChunkWork& part : work_of(example.graph, program, chunk)) {
            if (!is_followed(example.graph[part.operation])) {
                EXPECT_TRUE(part.stretch.empty());
                continue;
            }
            EXPECT_GT(part.share, 0.9);
            images += part.stretch.end - part.stretch.begin;
        }
    }
    EXPECT_NEAR(images, 0.5, 1e-9);
}

// --- Predictions -----------------------------------------------------------------------------------------------------

struct Times {
    double data = 0, stealing = 0;
};

Times predicted(const Graph& graph, int ranks, const ThroughputHistory& history) {
    RankFacts facts;
    facts.threads = 2;
    const Machine machine = Machine::uniform(ranks, facts);
    const auto seconds = [&](const char* strategy) {
        PlanRequest request;
        request.strategy = strategy;
        return predict(graph, make_plan(graph, machine, request), {machine, history, LaneUse::automatic}).seconds;
    };
    return {seconds("data"), seconds("stealing")};
}

/// The dear half lies on the last ranks: they decide with even blocks, and nobody does with claims.
TEST(PointProfile, DecidesOnWhatClaimsGain) {
    const Example example(image_job(50), {}, 1);
    const ThroughputHistory history =
        measured(example.graph, 20, [](std::int64_t row) { return row < 320 ? 20.0 : 2000.0; });
    for (const int ranks : {2, 4}) {
        const double all = 320.0 * 300 * (2000 + 20) * 1e-9;
        const Times times = predicted(example.graph, ranks, history);
        EXPECT_NEAR(times.data, 320.0 * 300 * 2000 * 1e-9 / ranks, 0.1 * times.data);
        EXPECT_NEAR(times.stealing, all / ranks / 2, 0.1 * times.stealing);
    }
    const ThroughputHistory even = measured(example.graph, 20, [](std::int64_t) { return 1000.0; });
    const Times times = predicted(example.graph, 2, even);
    EXPECT_NEAR(times.stealing, times.data, 0.05 * times.data);
}

}  // namespace
}  // namespace maniple
