// The counters of a run, on lanes that only check: order, failure, re-execution. Also built with ThreadSanitizer.
#include "run/run.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <random>
#include <thread>

#include "program/static_schedule.hpp"
#include "run/idleness.hpp"
#include "run/scheduler.hpp"
#include "run/team.hpp"

namespace maniple {
namespace {

/// Chunks alone, with edges from earlier to later ones.
struct Chunks {
    std::vector<std::vector<ChunkId>> dependents;
    std::vector<LaneKind> lanes;

    std::size_t size() const { return dependents.size(); }
    ChunkGraph graph() const {
        std::vector<ChunkNode> nodes;
        for (std::size_t i = 0; i < size(); ++i) nodes.push_back({lanes[i], dependents[i], 0});
        return ChunkGraph(nodes);
    }
};

Chunks make_chunks(std::size_t count, const std::vector<std::pair<std::size_t, std::size_t>>& edges) {
    Chunks chunks;
    chunks.dependents.resize(count);
    chunks.lanes.resize(count, LaneKind::cpu);
    for (const auto& [from, to] : edges) chunks.dependents[from].push_back(ChunkId(to));
    return chunks;
}

Chunks random_chunks(std::uint32_t seed, bool file_lane) {
    std::mt19937 random(seed);
    const std::size_t count = 1 + random() % 60;
    std::vector<std::pair<std::size_t, std::size_t>> edges;
    for (std::size_t to = 1; to < count; ++to) {
        for (std::size_t from = 0; from < to; ++from) {
            if (random() % 8 == 0) edges.emplace_back(from, to);
        }
    }
    Chunks chunks = make_chunks(count, edges);
    for (LaneKind& lane : chunks.lanes) {
        if (file_lane && random() % 4 == 0) lane = LaneKind::file;
    }
    return chunks;
}

/// What chunks write: plain integers, so that a missing edge of visibility is a data race. A chunk's value is one more
/// than the largest of its predecessors'.
struct Values {
    explicit Values(const Chunks& chunks) : before(chunks.size()), value(chunks.size(), -1) {
        for (std::size_t i = 0; i < chunks.size(); ++i) {
            for (const ChunkId dependent : chunks.dependents[i]) before[dependent.index()].push_back(i);
        }
    }

    void compute(ChunkId chunk) {
        if (static_cast<int>(chunk.index()) == failing)
            throw KernelError("chunk " + std::to_string(failing) + " fails");
        int largest = 0;
        for (const std::size_t predecessor : before[chunk.index()]) largest = std::max(largest, value[predecessor]);
        EXPECT_EQ(largest / 1000, before[chunk.index()].empty() ? 0 : execution)
            << "a predecessor has not run in this execution";
        value[chunk.index()] = 1000 * execution + largest % 1000 + 1;
    }

    std::vector<int> serial() const {
        std::vector<int> result(value.size());
        for (std::size_t i = 0; i < result.size(); ++i) {
            int largest = 0;
            for (const std::size_t predecessor : before[i]) largest = std::max(largest, result[predecessor] % 1000);
            result[i] = 1000 * execution + largest + 1;
        }
        return result;
    }

    std::vector<std::vector<std::size_t>> before;
    std::vector<int> value;
    int execution = 1;
    int failing = -1;
};

/// Runs a chunk on the calling thread, as the cpu lane does.
class InlineLane final : public InlineProgram {
public:
    explicit InlineLane(Values& values) : values_(values) {}
    void run(ChunkId chunk, const Execution&) override { values_.compute(chunk); }

private:
    Values& values_;
};

/// Runs chunks on a thread of its own, as the file lane does.
class ThreadLane final : public LaneProgram {
public:
    explicit ThreadLane(Values& values) : inline_(values), thread_([this] { serve(); }) {}
    ~ThreadLane() override {
        {
            const std::lock_guard lock(mutex_);
            closing_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }
    void submit(ChunkId chunk, const Execution&, Completion& done) override {
        {
            const std::lock_guard lock(mutex_);
            requests_.emplace_back(chunk, &done);
        }
        changed_.notify_one();
    }

private:
    void serve() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [&] { return closing_ || !requests_.empty(); });
            if (requests_.empty()) return;
            const auto [chunk, done] = requests_.front();
            requests_.pop_front();
            lock.unlock();
            inline_.submit(chunk, {}, *done);
            lock.lock();
        }
    }

    InlineLane inline_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::pair<ChunkId, Completion*>> requests_;
    bool closing_ = false;
    std::thread thread_;
};

struct Fixture {
    Fixture(const Chunks& chunks, int workers, bool may_be_static = false)
        : graph(chunks.graph()), values(chunks), scheduler(workers, nullptr) {
        if (may_be_static) schedule = find_static_schedule(graph, workers);
        LanePrograms lanes;
        lanes.cpu = std::make_unique<InlineLane>(values);
        lanes.others.push_back(std::make_unique<ThreadLane>(values));
        for (const LaneKind lane : chunks.lanes)
            lanes.by_chunk.push_back(lane == LaneKind::file ? lanes.others.front().get() : nullptr);
        run = std::make_unique<Run>(graph, std::move(lanes), scheduler, schedule ? &*schedule : nullptr);
        run->audit();
    }

    /// One execution after the other on the team.
    void execute(int executions) {
        std::atomic<bool> over{false};
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
                over.store(true);
                scheduler.wake_all();
                return;
            }
            while (!over.load()) work(worker, idleness, nullptr);
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

TEST(Run, AnErrorFromOutsideEndsIt) {
    Fixture fixture(make_chunks(3, {{0, 1}, {1, 2}}), 1);
    fixture.run->start({});
    fixture.run->fail(std::make_exception_ptr(LinkError("rank 1 has failed")));
    EXPECT_FALSE(fixture.run->is_done());
    Idleness idleness;
    while (!fixture.run->is_done()) fixture.work(fixture.scheduler.worker(0), idleness, fixture.run.get());
    EXPECT_EQ(fixture.values.value, std::vector<int>({-1, -1, -1}));
}

TEST(Run, AWorkerThatSleepsIsWokenByWhatComesFromAnotherLane) {
    // One chunk of the cpu between two of a thread that takes its time: the workers sleep long before.
    Chunks chunks = make_chunks(3, {{0, 1}, {1, 2}});
    chunks.lanes[0] = chunks.lanes[2] = LaneKind::file;
    Fixture fixture(chunks, 2);
    for (int i = 0; i < 3; ++i) fixture.execute(100);
    EXPECT_EQ(fixture.values.value, fixture.values.serial());
}

}  // namespace
}  // namespace maniple
