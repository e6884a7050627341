// From the second execution of a program on nothing is allocated and nothing locked: what this program itself asks for is
// counted, over many blocks. What MPI, a Vulkan driver and the threads' library do is theirs.
#include <gtest/gtest.h>
#include <mpi.h>

#include <mutex>
#include <new>
#include <vector>

#include "in_memory.hpp"
#include "own_calls.hpp"
#include "run/border_watch.hpp"
#include "vulkan_gpus.hpp"

namespace maniple {
namespace {

using testing::own_calls;
using testing::OwnCalls;

constexpr int least_blocks = 90;
/// So that there are enough blocks, which are of 16 steps at most.
constexpr int steps = 1600;

std::string heat(const std::string& shape, int step_count, const std::string& more = "") {
    return "maniple: 1\nname: t\ninputs: {u: {shape: " + shape + ", fill: iota, dtype: f32}}\n" +
           "graph: {v: \"heat_step(u, alpha=0.2)\", m: max(v)}\nloop: {steps: " + std::to_string(step_count) + more +
           ", carry: {u: v}}\noutputs: {v: 'o.h5:/v'}\n";
}

/// Each rank gives away a quarter of what there is, in one piece.
std::string turning(int step_count) {
    return "maniple: 1\nname: t\ninputs: {u: {shape: [512, 512], fill: iota, dtype: f32}}\ngraph: {v: transpose(u)}\n"
           "loop: {steps: " +
           std::to_string(step_count) + ", carry: {u: v}}\noutputs: {v: 'o.h5:/v'}\n";
}

/// What is counted between the third block of a run and the last but one: those around them are of other programs.
struct Counted {
    OwnCalls calls;
    std::int64_t blocks = 0;
    RunTotals totals;  ///< of the whole run
};

Counted count_second_run(InMemory& run) {
    run.run();
    std::vector<OwnCalls> after;
    after.reserve(steps);
    Counted counted;
    counted.totals = run.run([&](std::int64_t) {
        if (after.size() < after.capacity()) after.push_back(own_calls());
    });
    if (after.size() < 5) return counted;
    const OwnCalls& first = after[2];
    const OwnCalls& last = after[after.size() - 2];
    counted.calls = {last.allocations - first.allocations, last.locks - first.locks};
    counted.blocks = static_cast<std::int64_t>(after.size()) - 4;
    return counted;
}

RunTotals expect_none(InMemory& run) {
    const Counted counted = count_second_run(run);
    EXPECT_EQ(counted.calls.allocations, 0) << "in " << counted.blocks << " blocks";
    EXPECT_EQ(counted.calls.locks, 0) << "in " << counted.blocks << " blocks";
    EXPECT_GE(counted.blocks, least_blocks) << "too few to be worth counting";
    EXPECT_GT(counted.totals.chunks, counted.blocks);
    return counted.totals;
}

TEST(SteadyState, WhatIsCountedIsSeen) {
    const OwnCalls before = own_calls();
    ::operator delete(::operator new(8));
    std::mutex mutex;
    mutex.lock();
    mutex.unlock();
    const OwnCalls after = own_calls();
    EXPECT_EQ(after.allocations - before.allocations, 1);
    EXPECT_EQ(after.locks - before.locks, 1);
}

/// On several ranks with messages of a few bytes.
TEST(SteadyState, OfTheCpuAndMessages) {
    for (const char* shape : {"[64, 7]", "[64, 8192]"}) {
        for (const bool through_mpi : {false, true}) {
            SCOPED_TRACE(shape + std::string(through_mpi ? ", through MPI" : ""));
            InMemory run(heat(shape, steps), nullptr, through_mpi);
            expect_none(run);
        }
    }
}

/// Between two ranks: larger than any slot (Mailboxes), so that the receiver reads it where it is.
TEST(SteadyState, OfMessagesThatAreReadWhereTheyAre) {
    for (const bool through_mpi : {false, true}) {
        SCOPED_TRACE(through_mpi ? "through MPI" : "near");
        InMemory run(turning(steps), nullptr, through_mpi);
        const RunTotals totals = expect_none(run);
        if (run.plan().ranks != 2) continue;
        EXPECT_EQ(totals.messages, steps);  // of this rank
        EXPECT_EQ(totals.message_bytes, std::int64_t{steps} * 256 * 256 * 4);
    }
}

TEST(SteadyState, OfALoopThatEndsWhenItIsFoundOut) {
    InMemory run(heat("[64, 7]", steps, ", until: m < 0"));
    expect_none(run);
}

/// Of looks at how long ranks and operations take, which lead to nothing.
TEST(SteadyState, OfLooksBetweenBlocks) {
    InMemory run(heat("[64, 7]", 64));
    run.run();
    WorkTimes times = run.cpu().work_times();
    const std::vector<double> even(static_cast<std::size_t>(run.plan().ranks), 0.5);
    const OwnCalls before = own_calls();
    for (WorkTime& time : times) time.clear();
    run.cpu().add_work_times(times);
    EXPECT_FALSE(BorderWatch::decide(run.graph(), run.plan(), even, 1000000));
    EXPECT_EQ(own_calls(), before);
}

class SteadyStateOn : public ::testing::TestWithParam<LaneUse> {};

TEST_P(SteadyStateOn, Vulkan) {
    InstanceOptions options = InstanceOptions::from_environment();
    options.software_threads = 1;
    VulkanInstance instance(options);
    if (instance.devices().empty()) GTEST_SKIP() << "no Vulkan device: " << instance.reason();
    VulkanGpus gpus(instance, GetParam(), 1);
    InMemory run(heat("[64, 64]", steps), &gpus);
    expect_none(run);
}

INSTANTIATE_TEST_SUITE_P(Lanes, SteadyStateOn, ::testing::Values(LaneUse::gpu, LaneUse::both),
                         [](const auto& tested) { return tested.param == LaneUse::gpu ? "gpu" : "both"; });

}  // namespace
}  // namespace maniple
