// Executions in a given order: kept by a run, followed by a replay. Also built with ThreadSanitizer.
#include "run/replay.hpp"

#include <gtest/gtest.h>

#include "chunks.hpp"
#include "run/idleness.hpp"
#include "run/team.hpp"

namespace maniple {
namespace {

LanePrograms lanes_of(const Chunks& chunks, Values& values) {
    LanePrograms lanes;
    lanes.cpu = std::make_unique<InlineLane>(values);
    lanes.others.push_back(std::make_unique<ThreadLane>(std::make_unique<InlineLane>(values)));
    for (const LaneKind lane : chunks.lanes)
        lanes.by_chunk.push_back(lane == LaneKind::file ? lanes.others.front().get() : nullptr);
    return lanes;
}

/// The team works until worker 0 finds that the execution is over.
template <class Start, class Work, class Over>
void on_team(Scheduler& scheduler, const Start& start, const Work& work, const Over& is_over) {
    std::atomic<bool> over{false};
    run_team(scheduler.threads(), [&](int number) {
        scheduler.adopt(number);
        Worker& worker = scheduler.worker(number);
        if (number == 0) start();
        Idleness idleness;
        while (number == 0 ? !is_over() : !over.load()) {
            if (work(worker)) {
                idleness.reset();
            } else {
                idleness.wait(scheduler, worker, nullptr);
            }
        }
        if (number == 0) over.store(true);
        scheduler.wake_all();
    });
}

std::vector<ChunkStart> recorded(const Chunks& chunks, int workers) {
    const ChunkGraph graph = chunks.graph();
    Values values(chunks);
    Scheduler scheduler(workers, nullptr);
    StartLog log;
    LanePrograms lanes = lanes_of(chunks, values);
    lanes.cpu = std::make_unique<LoggedProgram>(std::move(lanes.cpu), scheduler, log);
    Run run(graph, std::move(lanes), scheduler);
    log.begin(graph.size());
    on_team(
        scheduler, [&] { run.start({}); }, [&](Worker& worker) { return scheduler.work(worker); },
        [&] { return run.is_done(); });
    return {log.starts().begin(), log.starts().end()};
}

struct Replayed {
    std::vector<ChunkStart> starts;
    std::vector<int> values;
    bool failed = false;
};

Replayed replayed(const Chunks& chunks, int workers, const std::vector<ChunkStart>& order, int failing = -1) {
    const ChunkGraph graph = chunks.graph();
    Values values(chunks);
    values.failing = failing;
    Scheduler scheduler(workers, nullptr);
    StartLog log;
    Replay replay(graph, lanes_of(chunks, values), scheduler, &log);
    log.begin(graph.size());
    on_team(
        scheduler, [&] { replay.start({}, order); }, [&](Worker& worker) { return replay.work(worker); },
        [&] { return replay.is_done(); });
    return {{log.starts().begin(), log.starts().end()}, values.value, replay.has_failed()};
}

class ReplayOnWorkers : public ::testing::TestWithParam<int> {};

TEST_P(ReplayOnWorkers, ChunksStartInTheOrderAndOnTheWorkersThatWereKept) {
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
        const Chunks chunks = random_chunks(seed, true);
        const std::vector<ChunkStart> order = recorded(chunks, GetParam());
        EXPECT_EQ(Replay::fault_of(chunks.graph(), order, GetParam()), "") << "seed " << seed;
        const Replayed again = replayed(chunks, GetParam(), order);
        EXPECT_EQ(again.starts, order) << "seed " << seed;
        EXPECT_EQ(again.values, Values(chunks).serial()) << "seed " << seed;
        EXPECT_FALSE(again.failed);
    }
}

TEST_P(ReplayOnWorkers, AFailureEndsIt) {
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
        const Chunks chunks = random_chunks(seed, true);
        const int failing = static_cast<int>(seed % chunks.size());
        const Replayed broken = replayed(chunks, GetParam(), recorded(chunks, GetParam()), failing);
        EXPECT_TRUE(broken.failed) << "seed " << seed;
        for (const ChunkId dependent : chunks.dependents[static_cast<std::size_t>(failing)])
            EXPECT_EQ(broken.values[dependent.index()], -1) << "a chunk ran after its predecessor had failed";
    }
}

INSTANTIATE_TEST_SUITE_P(Workers, ReplayOnWorkers, ::testing::Values(1, 2, 4, 8));

ChunkStart start(int worker, int chunk) { return {worker, ChunkId(std::int32_t{chunk})}; }

TEST(ReplayDeathTest, TheAuditFindsAChunkThatEndsTwice) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    const auto end_twice = [](bool audited) {
        const Chunks chunks = make_chunks(3, {{0, 1}, {1, 2}});
        const ChunkGraph graph = chunks.graph();
        Values values(chunks);
        Scheduler scheduler(1, nullptr);
        Replay replay(graph, lanes_of(chunks, values), scheduler, nullptr);
        if (audited) replay.audit();
        replay.start({}, {{0, ChunkId(0)}, {0, ChunkId(1)}, {0, ChunkId(2)}});
        replay.work(scheduler.worker(0));
        replay.finished(ChunkId(0), nullptr);
    };
    EXPECT_DEATH(end_twice(true), "chunk 0 ends twice");
    end_twice(false);
}

TEST(Replay, AnOrderThatIsNoneOfTheGraphIsFound) {
    Chunks chunks = make_chunks(4, {{0, 1}, {1, 2}, {0, 3}});
    chunks.lanes[1] = LaneKind::file;
    const ChunkGraph graph = chunks.graph();
    const auto fault = [&](std::vector<ChunkStart> order) { return Replay::fault_of(graph, order, 2); };
    EXPECT_EQ(fault({start(0, 0), start(1, 2), start(0, 3)}), "");
    EXPECT_EQ(fault({start(1, 0), start(0, 3), start(0, 2)}), "");
    EXPECT_EQ(fault({start(0, 2), start(1, 0), start(0, 3)}), "chunk 2 starts before one that it waits for");
    EXPECT_EQ(fault({start(0, 0), start(0, 0), start(0, 3)}), "chunk 0 starts twice");
    EXPECT_EQ(fault({start(0, 0), start(1, 2)}), "chunk 3 does not start");
    EXPECT_EQ(fault({start(0, 0), start(2, 2), start(0, 3)}), "chunk 2 is on worker 2");
    EXPECT_EQ(fault({start(0, 0), start(0, 1), start(0, 2), start(0, 3)}), "chunk 1 is none of the cpu's");
    EXPECT_EQ(fault({start(0, 0), start(0, 9)}), "chunk 9 is none of the cpu's");
}

}  // namespace
}  // namespace maniple
