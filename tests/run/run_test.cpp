// The counters of a run, on lanes that only check: order, failure, re-execution. Also built with ThreadSanitizer.
#include "run/run.hpp"

#include <gtest/gtest.h>

#include "chunks.hpp"
#include "program/static_schedule.hpp"
#include "run/idleness.hpp"
#include "run/scheduler.hpp"
#include "run/team.hpp"

namespace maniple {
namespace {

struct Fixture {
    Fixture(const Chunks& chunks, int workers, bool may_be_static = false)
        : graph(chunks.graph()), values(chunks), scheduler(workers, nullptr) {
        if (may_be_static) schedule = find_static_schedule(graph, workers);
        LanePrograms lanes;
        lanes.cpu = std::make_unique<InlineLane>(values);
        lanes.others.push_back(std::make_unique<ThreadLane>(std::make_unique<InlineLane>(values)));
        for (const LaneKind lane : chunks.lanes)
            lanes.by_chunk.push_back(lane == LaneKind::file ? lanes.others.front().get() : nullptr);
        run = std::make_unique<Run>(graph, std::move(lanes), scheduler, schedule ? &*schedule : nullptr);
        run->audit();
    }

    /// One execution after the other on the team.
    void execute(int executions) {
        scheduler.recall();
        run_team(scheduler.threads(), [&](int number) {
            scheduler.adopt(number);
            Worker& worker = scheduler.worker(number);
            Idleness idleness;
            if (number == 0) {
                for (int i = 1; i <= executions && !run->has_failed(); ++i) {
                    values.execution = i;
                    run->start({});
                    while (!run->is_done()) work(worker, idleness, run.get());
                }
                scheduler.dismiss();
                return;
            }
            while (!scheduler.is_dismissed()) work(worker, idleness, nullptr);
        });
    }

    void work(Worker& worker, Idleness& idleness, const Run* awaits) {
        if (scheduler.work(worker)) {
            idleness.reset();
        } else {
            idleness.wait(scheduler, worker, awaits);
        }
    }

    ChunkGraph graph;
    Values values;
    Scheduler scheduler;
    std::optional<StaticSchedule> schedule;
    std::unique_ptr<Run> run;
};

class RunOnWorkers : public ::testing::TestWithParam<int> {};

TEST_P(RunOnWorkers, EveryChunkRunsAfterItsPredecessorsInEveryExecution) {
    for (std::uint32_t seed = 0; seed < 30; ++seed) {
        const Chunks chunks = random_chunks(seed, true);
        Fixture fixture(chunks, GetParam());
        fixture.execute(5);
        EXPECT_EQ(fixture.values.value, fixture.values.serial()) << "seed " << seed;
        EXPECT_EQ(fixture.scheduler.finished_chunks(), static_cast<std::int64_t>(5 * chunks.size()));
    }
}

TEST_P(RunOnWorkers, AFailureStopsWhatHasNotStartedAndEndsTheRun) {
    for (std::uint32_t seed = 0; seed < 30; ++seed) {
        const Chunks chunks = random_chunks(seed, true);
        Fixture fixture(chunks, GetParam());
        fixture.values.failing = static_cast<int>(seed % chunks.size());
        fixture.execute(1);
        ASSERT_TRUE(fixture.run->has_failed()) << "seed " << seed;
        EXPECT_THROW(std::rethrow_exception(fixture.run->error()), KernelError);
        for (const ChunkId dependent : chunks.dependents[static_cast<std::size_t>(fixture.values.failing)]) {
            EXPECT_EQ(fixture.values.value[dependent.index()], -1) << "a chunk ran after its predecessor had failed";
        }
    }
}

TEST_P(RunOnWorkers, WideFanOutAndFanInAndALongChain) {
    std::vector<std::pair<std::size_t, std::size_t>> edges;
    for (std::size_t i = 1; i <= 200; ++i) {
        edges.emplace_back(0, i);
        edges.emplace_back(i, 201);
    }
    for (std::size_t i = 201; i < 600; ++i) edges.emplace_back(i, i + 1);
    Fixture fixture(make_chunks(601, edges), GetParam());
    fixture.execute(20);
    EXPECT_EQ(fixture.values.value, fixture.values.serial());
}

INSTANTIATE_TEST_SUITE_P(Workers, RunOnWorkers, ::testing::Values(1, 2, 4, 8, 64));

TEST(Run, AProgramWithoutAChunkIsDoneAtOnce) {
    Fixture fixture(Chunks{}, 1);
    fixture.run->start({});
    EXPECT_TRUE(fixture.run->is_done());
}

TEST(RunDeathTest, AProgramWithoutARootIsRefusedWhenItIsBuilt) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    const Chunks chunks = make_chunks(2, {{0, 1}, {1, 0}});
    EXPECT_DEATH(Fixture(chunks, 1), "without a chunk that could start");
    const Chunks with_root = make_chunks(3, {{0, 1}, {1, 2}, {2, 1}});
    EXPECT_DEATH(Fixture(with_root, 1), "wait for each other");
}

TEST(RunDeathTest, StartingARunInFlightIsRefused) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(
        {
            Fixture fixture(make_chunks(1, {}), 1);
            fixture.run->start({});
            fixture.run->start({});
        },
        "in flight");
}

TEST(RunDeathTest, TheAuditFindsAChunkThatRunsTwiceOrTooEarly) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    const auto run_first = [](std::size_t chunk) {
        Fixture fixture(make_chunks(3, {{0, 1}, {1, 2}}), 1);
        fixture.run->start({});
        fixture.run->run_from(ChunkId(chunk), fixture.scheduler.worker(0));
        fixture.run->run_from(ChunkId(chunk), fixture.scheduler.worker(0));
    };
    EXPECT_DEATH(run_first(0), "chunk 0 runs twice");
    EXPECT_DEATH(run_first(1), "chunk 1 runs before one that it waits for");
}

TEST(RunDeathTest, TheAuditFindsAChunkThatNobodyStarts) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    const auto lose_root = [] {
        Fixture fixture(make_chunks(4, {{0, 2}, {1, 2}, {2, 3}}), 1);
        fixture.run->start({});
        fixture.run->take_root(0);  // by somebody who forgets about it
        Idleness idleness;
        while (!fixture.run->is_done()) {
            fixture.work(fixture.scheduler.worker(0), idleness, fixture.run.get());
            fixture.run->look_for_missed();
        }
    };
    EXPECT_DEATH(lose_root(), "chunk 0 was never started");
}

TEST(Run, AnErrorFromOutsideEndsIt) {
    Fixture fixture(make_chunks(3, {{0, 1}, {1, 2}}), 1);
    fixture.run->start({});
    fixture.run->fail(std::make_exception_ptr(LinkError("rank 1 has failed")));
    EXPECT_FALSE(fixture.run->is_done());
    Idleness idleness;
    while (!fixture.run->is_done()) fixture.work(fixture.scheduler.worker(0), idleness, fixture.run.get());
    EXPECT_EQ(fixture.values.value, std::vector<int>({-1, -1, -1}));
}

}  // namespace
}  // namespace maniple
