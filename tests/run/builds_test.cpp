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

// --- What changes while a run is there ---------------------------------------------------------------------------

/// Before the second half of its steps.
constexpr std::int64_t change_at = 80;

std::string changing_job() { return job("loop: {steps: 160, carry: {u: v}}\n", "v: o.h5:/v"); }

/// What is said before each block from `change_at` on: costs of points, or shares of lanes; none: nothing.
template <class Value>
using Said = std::optional<std::vector<Value>>;

/// Executes again and again; from some execution on `change` is said before every block of the second half. Each different
/// block is then built once anew when it is next met, and once what moves data in between, of which there are `moves`.
template <class Value>
void expect_builds_for_changes_alone(InMemory& run, Said<Value>& said, const std::vector<Value>& change,
                                     std::int64_t RunTotals::*changes, std::int64_t moves) {
    const auto builds_of_a_run = [&](std::int64_t want_changes) {
        const std::int64_t before = run.builds();
        EXPECT_EQ(run.run().*changes, want_changes);
        return run.builds() - before;
    };
    const std::int64_t blocks = builds_of_a_run(0);
    EXPECT_EQ(builds_of_a_run(0), 0);
    said = change;
    const std::int64_t behind_it = builds_of_a_run(1);
    const std::int64_t before_it = builds_of_a_run(0);  // met again in the execution after
    EXPECT_GT(behind_it, moves);
    EXPECT_GT(before_it, 0);
    EXPECT_EQ(before_it + behind_it, blocks + moves);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(builds_of_a_run(0), 0) << "the same was said again";
    said = std::nullopt;
    for (int i = 0; i < 2; ++i) EXPECT_EQ(builds_of_a_run(0), 0) << "nothing was said";
}

TEST(Builds, OtherCostsOfPointsBuildWhatFollowsOnce) {
    InMemory run(changing_job());
    Said<double> said;
    run.executor().follow_costs([&](std::int64_t first) { return first < change_at ? std::nullopt : said; });
    const std::vector<double> costs(run.graph().operations.size(), 1e6);
    expect_builds_for_changes_alone(run, said, costs, &RunTotals::recuts, 0);
}

/// Every operation on the cpu and on one gpu.
class TwoLanes final : public ImitatedGpus {
public:
    LaneChoice choose(const Graph& graph, std::uint32_t, Rank) override {
        LaneChoice choice;
        choice.gpus.resize(1);
        choice.lanes.assign(graph.operations.size(), {LaneChoice::cpu_lane, 0});
        return choice;
    }
};

TEST(Builds, OtherSharesOfLanesBuildWhatFollowsOnce) {
    TwoLanes lanes;
    PlanRequest request;
    request.sharing = LaneSharing::adaptive;
    InMemory run(changing_job(), &lanes, /*through_mpi=*/false, request);
    Said<std::vector<double>> said;
    run.executor().impose_shares([&](std::int64_t first) { return first < change_at ? std::nullopt : said; });
    const std::vector<std::vector<double>> weights(run.graph().operations.size(), {3, 1});
    expect_builds_for_changes_alone(run, said, weights, &RunTotals::share_changes, 1);
}

/// Of one run, where the borders of its ranks move once or never.
std::int64_t builds_with_moves(int moves) {
    InMemory run(changing_job());
    Exchange exchange(run.world());
    int moved = 0;
    const auto elsewhere = [&](const Plan& plan, std::int64_t first) -> std::optional<Plan> {
        if (first < change_at || moved == moves) return std::nullopt;
        ++moved;
        std::vector<double> busy(static_cast<std::size_t>(plan.ranks), 1);
        busy[0] = 3;
        return move_borders(run.graph(), plan, busy)->plan;
    };
    run.executor().move_borders({&exchange, 0, elsewhere});
    EXPECT_EQ(run.run().border_moves, moves);
    return run.builds();
}

TEST(BuildsOnSeveralRanks, MovedBordersBuildWhatFollowsOnce) {
    // What moves data, what ranks gather anew, and one more of the block in the middle; the last block is built once.
    EXPECT_EQ(builds_with_moves(1), builds_with_moves(0) + 3);
}

}  // namespace
}  // namespace maniple
