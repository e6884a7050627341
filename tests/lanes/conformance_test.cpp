// What every lane owes the run (lanes/lane.hpp), held against each of them. On two ranks.
#include <gtest/gtest.h>
#include <mpi.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "workload.hpp"

namespace maniple::test {
namespace {

using Clock = std::chrono::steady_clock;

/// Starts chunks as their predecessors finish, as a run does, and keeps a tally.
class Tally final : public Completion {
public:
    Tally(const Program& program, LaneProgram& part) : program_(program), part_(part) {
        for (const Chunk& chunk : program.chunks) waiting_.push_back(chunk.predecessors);
        times_.resize(program.chunks.size(), 0);
    }

    void start() {
        for (std::size_t i = 0; i < program_.chunks.size(); ++i) {
            if (program_.chunks[i].predecessors == 0) submit(ChunkId(i));
        }
    }

    void finished(ChunkId chunk, std::exception_ptr error) override {
        std::vector<ChunkId> next;
        {
            const std::lock_guard lock(mutex_);
            ++times_[chunk.index()];
            if (error) ++errors_;
            if (std::this_thread::get_id() != submitter_) elsewhere_ = true;
            for (const ChunkId dependent : program_.chunks[chunk.index()].dependents) {
                if (--waiting_[dependent.index()] == 0) next.push_back(dependent);
            }
        }
        // From inside of the completion: a lane that held a lock here would wait for itself.
        if (!error) {
            for (const ChunkId dependent : next) submit(dependent);
        }
        in_flight_.fetch_sub(1);
    }

    /// False after ten seconds.
    bool wait(Lane& lane) {
        const Clock::time_point end = Clock::now() + std::chrono::seconds(10);
        while (in_flight_.load() > 0 && Clock::now() < end) {
            if (!lane.progress()) std::this_thread::yield();
        }
        return in_flight_.load() == 0;
    }

    bool each_once() const {
        const std::lock_guard lock(mutex_);
        return std::all_of(times_.begin(), times_.end(), [](int times) { return times == 1; });
    }
    int errors() const {
        const std::lock_guard lock(mutex_);
        return errors_;
    }
    bool reported_elsewhere() const { return elsewhere_; }

private:
    void submit(ChunkId chunk) {
        in_flight_.fetch_add(1);
        part_.submit(chunk, {}, *this);
    }

    const Program& program_;
    LaneProgram& part_;
    std::thread::id submitter_ = std::this_thread::get_id();
    mutable std::mutex mutex_;
    std::vector<std::int32_t> waiting_;
    std::vector<int> times_;
    int errors_ = 0;
    bool elsewhere_ = false;
    std::atomic<int> in_flight_{0};
};

class Conformance : public testing::TestWithParam<std::size_t> {
protected:
    void SetUp() override {
        world_ = std::make_unique<World>(MPI_COMM_WORLD);
        std::string reason;
        workload_ = all_workloads()[GetParam()].make(*world_, reason);
        if (!workload_) GTEST_SKIP() << reason;
    }
    void TearDown() override {
        MPI_Barrier(MPI_COMM_WORLD);
        workload_.reset();
        world_.reset();
    }

    bool can(Capability capability) const { return all_workloads()[GetParam()].capabilities.contains(capability); }

    /// One execution; its results must be right.
    void execute(LaneProgram& part, int seed) {
        workload_->set(seed);
        MPI_Barrier(MPI_COMM_WORLD);
        Tally tally(workload_->program(), part);
        tally.start();
        ASSERT_TRUE(tally.wait(*workload_->lane())) << "not done after ten seconds";
        EXPECT_TRUE(tally.each_once());
        EXPECT_EQ(tally.errors(), 0);
        EXPECT_EQ(workload_->fault(seed), "");
        if (can(Capability::asynchronous)) { EXPECT_TRUE(tally.reported_elsewhere()); }
    }

    std::unique_ptr<World> world_;
    std::unique_ptr<Workload> workload_;
};

class ChunkConformance : public Conformance {};
class CancelConformance : public Conformance {};

TEST_P(Conformance, ResultsAreRight) {
    for (int seed = 1; seed < 4; ++seed) {
        workload_->set(seed);
        MPI_Barrier(MPI_COMM_WORLD);
        if (can(Capability::chunks)) {
            const std::unique_ptr<LaneProgram> part = workload_->lane()->prepare(workload_->program());
            execute(*part, seed);
        }
        EXPECT_EQ(workload_->fault(seed), "");
    }
}

TEST_P(ChunkConformance, EachChunkIsReportedOnceAndItsResultsAreThere) {
    ASSERT_GT(workload_->program().chunks.size(), 2u);
    const std::unique_ptr<LaneProgram> part = workload_->lane()->prepare(workload_->program());
    execute(*part, 1);
}

TEST_P(ChunkConformance, AProgramRunsAgainAndAgain) {
    const std::unique_ptr<LaneProgram> part = workload_->lane()->prepare(workload_->program());
    for (int seed = 2; seed < 52 && !HasFailure(); ++seed) execute(*part, seed);
}

TEST_P(ChunkConformance, TwoProgramsOfOneLaneDoNotMeet) {
    const std::unique_ptr<LaneProgram> first = workload_->lane()->prepare(workload_->program());
    const std::unique_ptr<LaneProgram> second = workload_->lane()->prepare(workload_->program());
    for (int seed = 1; seed < 7 && !HasFailure(); ++seed) execute(seed % 2 == 0 ? *first : *second, seed);
}

TEST_P(ChunkConformance, ProgressWithNothingInFlightIsFalseAndReturns) {
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(workload_->lane()->progress());
    EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
}

TEST_P(ChunkConformance, ActivityCountsChunksAndNeverGoesBack) {
    const std::unique_ptr<LaneProgram> part = workload_->lane()->prepare(workload_->program());
    execute(*part, 3);
    const Activity first = workload_->lane()->activity();
    EXPECT_EQ(first.chunks, static_cast<std::int64_t>(workload_->program().chunks.size()));
    EXPECT_GE(first.busy_ns, 0);
    execute(*part, 4);
    const Activity second = workload_->lane()->activity();
    EXPECT_EQ(second.chunks, 2 * first.chunks);
    EXPECT_GE(second.busy_ns, first.busy_ns);
}

TEST_P(CancelConformance, AfterCancelEveryChunkIsStillReported) {
    const std::unique_ptr<LaneProgram> part = workload_->lane()->prepare(workload_->program());
    workload_->set(5);
    MPI_Barrier(MPI_COMM_WORLD);
    Tally tally(workload_->program(), *part);
    tally.start();
    workload_->lane()->cancel();
    EXPECT_TRUE(tally.wait(*workload_->lane())) << "a chunk was never reported";
}

std::vector<std::size_t> with(std::set<Capability> wanted) {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < all_workloads().size(); ++i) {
        const std::set<Capability>& has = all_workloads()[i].capabilities;
        if (std::includes(has.begin(), has.end(), wanted.begin(), wanted.end())) result.push_back(i);
    }
    return result;
}

std::string name_of_workload(const testing::TestParamInfo<std::size_t>& suite) {
    return all_workloads()[suite.param].name;
}

INSTANTIATE_TEST_SUITE_P(Every, Conformance, testing::ValuesIn(with({})), name_of_workload);
INSTANTIATE_TEST_SUITE_P(Lanes, ChunkConformance, testing::ValuesIn(with({Capability::chunks})), name_of_workload);
INSTANTIATE_TEST_SUITE_P(Lanes, CancelConformance, testing::ValuesIn(with({Capability::chunks, Capability::cancelled})),
                         name_of_workload);

}  // namespace
}  // namespace maniple::test
