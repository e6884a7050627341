// Random graphs on several ranks against the sequential reference.
#include <gtest/gtest.h>
#include <mpi.h>

#include "imitated_gpus.hpp"

namespace maniple {
namespace {

void run_seeds(bool with_gpus) {
    const World world(MPI_COMM_WORLD);
    const KernelRegistry registry(standard_kernels());
    const std::uint32_t seeds = setting("MANIPLE_TEST_SEEDS", 1000);
    // Each number of ranks has graphs and plans of its own, and so have runs with gpus.
    const std::uint32_t first = first_seed(world) + (with_gpus ? seeds : 0);
    std::int64_t failures = 0, on_gpus = 0, moves = 0, changes = 0, claimed = 0, recuts = 0, ended = 0, behind = 0;
    for (std::uint32_t seed = first; seed < first + seeds && failures == 0; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        ImitatedGpus gpus;
        const CaseCounts counts = run_seed(seed, world, registry, with_gpus ? &gpus : nullptr);
        on_gpus += counts.on_gpus;
        moves += counts.border_moves;
        changes += counts.share_changes;
        recuts += counts.recuts;
        claimed += counts.claimed_by_gpus;
        ended += counts.ended;
        behind += counts.ended_behind;
        failures = world.sum(std::int64_t{::testing::Test::HasFailure() ? 1 : 0});
    }
    EXPECT_EQ(failures, 0);
    const std::int64_t claims = claims_so_far(world);
    if (world.is_root()) { std::printf("%lld boxes were computed by other ranks\n", static_cast<long long>(claims)); }
    if (seeds < seeds_that_meet_everything) return;
    EXPECT_EQ(moves > 20, !with_gpus && world.size() > 1) << moves;
    if (world.size() > 1) { EXPECT_GT(claims, 0); }
    if (!world.is_root()) return;
    EXPECT_EQ(on_gpus > seeds, with_gpus) << on_gpus;
    EXPECT_EQ(changes > 20, with_gpus) << changes;
    EXPECT_GT(recuts, with_gpus ? 5 : 20);
    EXPECT_GT(ended, 5);
    EXPECT_EQ(behind > 2, !with_gpus) << behind;
    EXPECT_EQ(claimed > 20, with_gpus) << claimed;
}

TEST(RandomGraphs, EqualTheReference) { run_seeds(false); }
TEST(RandomGraphs, EqualTheReferenceOnManyLanes) { run_seeds(true); }

TEST(RandomGraphs, LargeOnesEqualTheReference) {
    const World world(MPI_COMM_WORLD);
    const KernelRegistry registry(standard_kernels());
    // Entries become fewer operations: of two shapes that do not fit nothing is made, and what no output needs is left out.
    constexpr int entries_of_the_largest = 17000;
    std::uint32_t seed = 0;
    for (const int entries : {300, 1000, 1000, 3000, entries_of_the_largest}) {
        const CaseCounts counts = run_seed(seed++, world, registry, nullptr, {entries, 0});
        if (entries == entries_of_the_largest) { EXPECT_GE(counts.operations, 10000); }
        if (world.sum(std::int64_t{HasFailure() ? 1 : 0}) > 0) break;
    }
}

}  // namespace
}  // namespace maniple
