// How often programs are built, and storage is taken: once for each different block, and never again.
#include <gtest/gtest.h>
#include <mpi.h>

#include "imitated_gpus.hpp"
#include "in_memory.hpp"

namespace maniple {
namespace {

std::string job(const std::string& loop, const std::string& outputs, int rows = 24) {
    return "maniple: 1\nname: t\ninputs: {u: {shape: [" + std::to_string(rows) +
           ", 7], fill: iota, dtype: f32}}\ngraph: {v: \"heat_step(u, alpha=0.2)\", m: max(v)}\n" + loop +
           "outputs: {" + outputs + "}\n";
}

struct BuildCase {
    std::string name;
    std::string text;
    std::int64_t builds;
};

std::vector<BuildCase> build_cases() {
    const std::string v = "v: o.h5:/v";
    return {
        {"no loop", job("", v), 1},
        // The one that loads, those between, and the last, which writes.
        {"a loop", job("loop: {steps: 48, carry: {u: v}}\n", v), 3},
        {"two blocks", job("loop: {steps: 32, carry: {u: v}}\n", v), 2},
        // Blocks of 5 steps begin in either slot.
        {"every", job("loop: {steps: 40, carry: {u: v}}\n", v + ", m: {to: 'o.h5:/m', every: 5}"), 4},
        {"every, evenly", job("loop: {steps: 40, carry: {u: v}}\n", v + ", m: {to: 'o.h5:/m', every: 4}"), 3},
        // A block a step: the one that loads, either slot, the last one, and the one that writes what is final.
        {"until", job("loop: {steps: 20, until: m < 0, carry: {u: v}}\n", "u: o.h5:/u"), 4},
        // Sixteen steps and four, and the one that writes.
        {"until, looked at behind", job("loop: {steps: 20, until: m < 0, carry: {u: v}}\n", v), 3},
        {"until at once", job("loop: {steps: 20, until: m > 0, carry: {u: v}}\n", v), 2},
    };
}

class Builds : public ::testing::TestWithParam<BuildCase> {};

TEST_P(Builds, OneForEachDifferentBlockAndNoneLater) {
    InMemory run(GetParam().text);
    EXPECT_EQ(run.builds(), 0);
    const RunTotals first = run.run();
    EXPECT_EQ(run.builds(), GetParam().builds);
    for (int i = 0; i < 3; ++i) {
        const std::int64_t before = HostBytes::allocations();
        const RunTotals again = run.run();
        EXPECT_EQ(run.builds(), GetParam().builds);
        EXPECT_EQ(HostBytes::allocations(), before);
        EXPECT_EQ(again.steps, first.steps);
        // All of its programs are executed again.
        EXPECT_GT(again.reused_buffers, first.reused_buffers);
        EXPECT_EQ(again.buffers_found, again.reused_buffers);
    }
}

INSTANTIATE_TEST_SUITE_P(Jobs, Builds, ::testing::ValuesIn(build_cases()), [](const auto& tested) {
    std::string name = tested.param.name;
    std::erase_if(name, [](char c) { return c == ' ' || c == ','; });
    return name;
});

TEST(Builds, WhatIsAheadIsBuiltOnceToo) {
    const auto looked_at = [](const std::string& until, const std::string& output) {
        return job("loop: {steps: 400, carry: {u: v}, until: \"" + until + "\"}\n",
                   output + ": o.h5:/r, m: {to: 'o.h5:/m', every: 30}");
    };
    for (const char* until : {"m < 0", "m < 135"}) {
        for (const char* output : {"u", "v"}) {
            InMemory run(looked_at(until, output));
            const RunTotals first = run.run();
            const std::int64_t builds = run.builds();
            EXPECT_LT(builds, 30) << "few different blocks";
            EXPECT_EQ(run.run().steps, first.steps);
            EXPECT_EQ(run.builds(), builds) << until << ", " << output;
        }
    }
}

TEST(Builds, ADifferentRunIsBuiltOnceAndLeavesTheOthersAlone) {
    const std::string loop = "loop: {steps: 48, carry: {u: v}}\n";
    InMemory run(job(loop, "v: o.h5:/v"));
    run.run();
    ImitatedGpus gpus;
    const std::vector<std::string> different = {
        job(loop, "v: o.h5:/v", 25),          // sizes
        job(loop, "v: o.h5:/v, m: o.h5:/m"),  // what is asked for
        job("loop: {steps: 49, carry: {u: v}}\n", "v: o.h5:/v"),
    };
    for (const std::string& text : different) {
        InMemory other(text);
        for (int i = 0; i < 3; ++i) {
            other.run();
            EXPECT_EQ(other.builds(), 3);
        }
        EXPECT_EQ(run.builds(), 3);
    }
    InMemory on_gpus(job(loop, "v: o.h5:/v"), &gpus);
    for (int i = 0; i < 3; ++i) {
        const RunTotals totals = on_gpus.run();
        EXPECT_EQ(on_gpus.builds(), 3);
        if (World(MPI_COMM_WORLD).is_root()) { EXPECT_GT(totals.gpu_operations[0], 0); }
        EXPECT_EQ(totals.buffers_found, totals.reused_buffers);
    }
    run.run();
    EXPECT_EQ(run.builds(), 3);
}

}  // namespace
}  // namespace maniple
