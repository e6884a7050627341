// Workers that sleep until somebody wakes them: so long that one lost wake-up is seen.
#include <gtest/gtest.h>

#include <chrono>

#include "chunks.hpp"
#include "program/static_schedule.hpp"
#include "run/run.hpp"
#include "run/scheduler.hpp"
#include "run/team.hpp"

namespace maniple {
namespace {

using Clock = std::chrono::steady_clock;

/// Outside of tests a worker looks again after 160 ms at most, whoever has forgotten it.
constexpr std::chrono::seconds longest_sleep{10};
/// Executions take a ms; a machine with other things to do may need more.
constexpr std::chrono::seconds patience{5};

/// What the chunks of a graph do together, and whether a wake-up was lost.
struct Meeting {
    int expected = 1;            ///< chunks that wait for each other
    std::uint32_t delay_ns = 0;  ///< of the other chunks
    std::atomic<int> present{0};
    std::atomic<bool> lost{false};

    void arrive() {
        const Clock::time_point begin = Clock::now();
        present.fetch_add(1);
        while (present.load() % expected != 0 && !lost.load()) {
            std::this_thread::yield();
            if (Clock::now() - begin > patience) lost.store(true);
        }
    }

    void linger() const {
        const Clock::time_point end = Clock::now() + std::chrono::nanoseconds(delay_ns);
        while (Clock::now() < end) {}
    }
};

/// Chunks from `first_meeting` on meet; those before take a while.
class MeetingLane final : public InlineProgram {
public:
    MeetingLane(Meeting& meeting, std::size_t first_meeting) : meeting_(meeting), first_meeting_(first_meeting) {}
    void run(ChunkId chunk, const Execution&) override {
        if (chunk.index() >= first_meeting_) {
            meeting_.arrive();
        } else {
            meeting_.linger();
        }
    }

private:
    Meeting& meeting_;
    std::size_t first_meeting_;
};

class Sleepers {
public:
    /// The chunks of a file lane run on a thread of its own.
    Sleepers(const Chunks& chunks, std::size_t first_meeting, int workers, bool is_static = false)
        : graph_(is_static ? with_costs(chunks) : chunks.graph()), scheduler_(workers, nullptr) {
        meeting_.expected = static_cast<int>(chunks.size() - first_meeting);
        if (is_static) schedule_ = find_static_schedule(graph_, workers);
        LanePrograms lanes;
        lanes.cpu = std::make_unique<MeetingLane>(meeting_, first_meeting);
        lanes.others.push_back(std::make_unique<ThreadLane>(std::make_unique<MeetingLane>(meeting_, first_meeting)));
        for (const LaneKind lane : chunks.lanes)
            lanes.by_chunk.push_back(lane == LaneKind::file ? lanes.others.front().get() : nullptr);
        run_ = std::make_unique<Run>(graph_, std::move(lanes), scheduler_, schedule_ ? &*schedule_ : nullptr);
    }

    bool is_static() const { return run_->is_static(); }

    /// True if every worker was woken whenever there was something for it, or nothing more to come.
    bool wake_for(int teams, int executions) {
        for (int i = 0; i < teams && !meeting_.lost.load(); ++i) work_in_a_team(executions);
        return !meeting_.lost.load();
    }

private:
    void work_in_a_team(int executions) {
        scheduler_.recall();
        run_team(scheduler_.threads(), [&](int number) {
            scheduler_.adopt(number);
            Worker& worker = scheduler_.worker(number);
            if (number > 0) {
                while (!scheduler_.is_dismissed()) work_or_sleep(worker, nullptr);
                return;
            }
            for (int i = 0; i < executions && !meeting_.lost.load(); ++i) {
                meeting_.delay_ns = static_cast<std::uint32_t>(i * 20'011);  // all others may be asleep, or not yet
                run_->start({});
                while (!run_->is_done()) work_or_sleep(worker, run_.get());
            }
            scheduler_.dismiss();
        });
    }

    static ChunkGraph with_costs(const Chunks& chunks) {
        std::vector<ChunkNode> nodes;
        for (const auto& dependents : chunks.dependents) nodes.push_back({LaneKind::cpu, dependents, 100});
        return ChunkGraph(nodes);
    }

    /// As Idleness does in the end, but at once.
    void work_or_sleep(Worker& worker, const Run* awaits) {
        if (scheduler_.work(worker)) return;
        const Clock::time_point begin = Clock::now();
        scheduler_.sleep(worker, awaits, longest_sleep);
        if (Clock::now() - begin > patience) meeting_.lost.store(true);
    }

    Meeting meeting_;
    ChunkGraph graph_;
    Scheduler scheduler_;
    std::optional<StaticSchedule> schedule_;
    std::unique_ptr<Run> run_;
};

constexpr int teams = 10, executions = 20;

class WakeUps : public ::testing::TestWithParam<int> {
protected:
    std::size_t workers() const { return static_cast<std::size_t>(GetParam()); }
};

TEST_P(WakeUps, ByWhatComesFromAnotherLane) {
    Chunks chunks = make_chunks(4, {{0, 1}, {1, 2}, {2, 3}});
    chunks.lanes[0] = chunks.lanes[2] = LaneKind::file;
    EXPECT_TRUE(Sleepers(chunks, chunks.size() - 1, GetParam()).wake_for(teams, executions));
}

/// The last chunks wait for each other, so that every worker has to come.
TEST_P(WakeUps, ByWhatAnotherWorkerMakesReady) {
    std::vector<std::pair<std::size_t, std::size_t>> edges;
    for (std::size_t i = 1; i <= workers(); ++i) edges.emplace_back(0, i);
    EXPECT_TRUE(Sleepers(make_chunks(1 + workers(), edges), 1, GetParam()).wake_for(teams, executions));
}

TEST_P(WakeUps, ByTheBeginOfARun) {
    EXPECT_TRUE(Sleepers(make_chunks(workers(), {}), 0, GetParam()).wake_for(teams, executions));
}

TEST_P(WakeUps, ByTheBeginOfARegularRun) {
    // Levels of one chunk for each worker; those of the last one meet.
    std::vector<std::pair<std::size_t, std::size_t>> edges;
    for (std::size_t i = 0; i < workers(); ++i) edges.emplace_back(i, workers() + i);
    Sleepers sleepers(make_chunks(2 * workers(), edges), workers(), GetParam(), true);
    ASSERT_TRUE(sleepers.is_static());
    EXPECT_TRUE(sleepers.wake_for(teams, executions));
}

INSTANTIATE_TEST_SUITE_P(Workers, WakeUps, ::testing::Values(1, 2, 4, 8));

}  // namespace
}  // namespace maniple
