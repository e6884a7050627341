// The counters of a run, on lanes that only check: order, failure, re-execution. Also built with ThreadSanitizer.
#include "run/run.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <random>
#include <thread>

#include "run/team.hpp"

namespace maniple {
namespace {

/// A program of chunks alone, with `edges` from earlier to later ones.
Program make_program(std::size_t chunks, const std::vector<std::pair<std::size_t, std::size_t>>& edges) {
    Program program;
    program.chunks.resize(chunks);
    program.instructions.resize(chunks);
    for (std::size_t i = 0; i < chunks; ++i) program.chunks[i].instructions = {InstructionId(i)};
    for (const auto& [from, to] : edges) {
        program.chunks[from].dependents.push_back(ChunkId(to));
        ++program.chunks[to].predecessors;
    }
    return program;
}

Program random_program(std::uint32_t seed, bool file_lane) {
    std::mt19937 random(seed);
    const std::size_t chunks = 1 + random() % 60;
    std::vector<std::pair<std::size_t, std::size_t>> edges;
    for (std::size_t to = 1; to < chunks; ++to) {
        for (std::size_t from = 0; from < to; ++from) {
            if (random() % 8 == 0) edges.emplace_back(from, to);
        }
    }
    Program program = make_program(chunks, edges);
    for (Chunk& chunk : program.chunks) {
        if (file_lane && random() % 4 == 0) chunk.lane = LaneKind::file;
    }
    return program;
}

/// What chunks write: plain integers, so that a missing edge of visibility is a data race. A chunk's value is one more
/// than the largest of its predecessors'.
struct Values {
    explicit Values(const Program& the_program)
        : program(the_program), before(program.chunks.size()), value(program.chunks.size(), -1) {
        for (std::size_t i = 0; i < program.chunks.size(); ++i) {
            for (const ChunkId dependent : program.chunks[i].dependents) before[dependent.index()].push_back(i);
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
        std::vector<int> result(program.chunks.size());
        for (std::size_t i = 0; i < result.size(); ++i) {
            int largest = 0;
            for (const std::size_t predecessor : before[i]) largest = std::max(largest, result[predecessor] % 1000);
            result[i] = 1000 * execution + largest + 1;
        }
        return result;
    }

    const Program& program;
    std::vector<std::vector<std::size_t>> before;
    std::vector<int> value;
    int execution = 1;
    int failing = -1;
};

/// Runs a chunk on the calling thread, as the cpu lane does.
class InlineLane final : public LaneProgram {
public:
    explicit InlineLane(Values& values) : values_(values) {}
    void submit(ChunkId chunk, const Execution&, Completion& done) override {
        std::exception_ptr error;
        try {
            values_.compute(chunk);
        } catch (...) { error = std::current_exception(); }
        done.finished(chunk, error);
    }

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
    explicit Fixture(const Program& program) : values(program) {
        LanePrograms lanes;
        lanes.cpu = std::make_unique<InlineLane>(values);
        lanes.file = std::make_unique<ThreadLane>(values);
        run = std::make_unique<Run>(program, std::move(lanes), queue, progress);
    }

    /// One execution after the other on a team of `workers`.
    void execute(int workers, int executions) {
        std::atomic<bool> over{false};
        run_team(workers, [&](int worker) {
            if (worker == 0) {
                for (int i = 1; i <= executions && !run->has_failed(); ++i) {
                    values.execution = i;
                    run->start({});
                    while (!run->is_done()) work();
                }
                over.store(true);
                queue.wake_all();
                return;
            }
            while (!over.load()) work();
        });
    }

    void work() {
        if (const auto item = queue.try_pop()) {
            item->run->run_chunk(item->chunk);
        } else {
            queue.wait(std::chrono::microseconds(200));
        }
    }

    Values values;
    ReadyQueue queue;
    std::atomic<std::int64_t> progress{0};
    std::unique_ptr<Run> run;
};

class RunOnWorkers : public ::testing::TestWithParam<int> {};

TEST_P(RunOnWorkers, EveryChunkRunsAfterItsPredecessorsInEveryExecution) {
    for (std::uint32_t seed = 0; seed < 30; ++seed) {
        const Program program = random_program(seed, true);
        Fixture fixture(program);
        fixture.execute(GetParam(), 5);
        EXPECT_EQ(fixture.values.value, fixture.values.serial()) << "seed " << seed;
        EXPECT_EQ(fixture.progress.load(), static_cast<std::int64_t>(5 * program.chunks.size()));
    }
}

TEST_P(RunOnWorkers, AFailureStopsWhatHasNotStartedAndEndsTheRun) {
    for (std::uint32_t seed = 0; seed < 30; ++seed) {
        const Program program = random_program(seed, true);
        Fixture fixture(program);
        fixture.values.failing = static_cast<int>(seed % program.chunks.size());
        fixture.execute(GetParam(), 1);
        ASSERT_TRUE(fixture.run->has_failed()) << "seed " << seed;
        EXPECT_THROW(std::rethrow_exception(fixture.run->error()), KernelError);
        for (const ChunkId dependent : program.chunks[static_cast<std::size_t>(fixture.values.failing)].dependents) {
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
    const Program program = make_program(601, edges);
    Fixture fixture(program);
    fixture.execute(GetParam(), 20);
    EXPECT_EQ(fixture.values.value, fixture.values.serial());
}

INSTANTIATE_TEST_SUITE_P(Workers, RunOnWorkers, ::testing::Values(1, 2, 4, 8, 64));

TEST(Run, AProgramWithoutAChunkIsDoneAtOnce) {
    const Program program;
    Fixture fixture(program);
    fixture.run->start({});
    EXPECT_TRUE(fixture.run->is_done());
}

TEST(RunDeathTest, AProgramWithoutARootIsRefusedWhenItIsBuilt) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    const Program program = make_program(2, {{0, 1}, {1, 0}});
    EXPECT_DEATH(Fixture{program}, "without a chunk that could start");
}

TEST(RunDeathTest, StartingARunInFlightIsRefused) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    const Program program = make_program(1, {});
    EXPECT_DEATH(
        {
            Fixture fixture(program);
            fixture.run->start({});
            fixture.run->start({});
        },
        "in flight");
}

TEST(Run, AnErrorFromOutsideEndsIt) {
    const Program program = make_program(3, {{0, 1}, {1, 2}});
    Fixture fixture(program);
    fixture.run->start({});
    fixture.run->fail(std::make_exception_ptr(LinkError("rank 1 has failed")));
    EXPECT_NE(fixture.run->in_flight_text(4), "nothing in flight");
    while (!fixture.run->is_done()) fixture.work();
    EXPECT_EQ(fixture.values.value, std::vector<int>({-1, -1, -1}));
}

}  // namespace
}  // namespace maniple
