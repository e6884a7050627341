// Random graphs of all standard kernels against the reference: on the cpu, with imitated gpus, on Vulkan devices.
// MANIPLE_TEST_SEEDS: how many for the first two, 250; MANIPLE_TEST_FIRST_SEED: the first one, by default by the ranks.
#include <gtest/gtest.h>
#include <mpi.h>

#include <cstdlib>

#include "imitated_gpus.hpp"
#include "vulkan_gpus.hpp"

namespace maniple {
namespace {

/// Runs seeds until one fails; returns the operations on gpu lanes.
std::int64_t run_seeds(std::uint32_t count, std::uint32_t offset, KernelCounts& counts,
                       const std::function<std::unique_ptr<GpuSource>()>& make_gpus) {
    const World world(MPI_COMM_WORLD);
    const KernelRegistry registry(standard_kernels());
    const std::uint32_t first = first_seed(world) + offset;
    std::int64_t failures = 0, on_gpus = 0, handed_on = 0;
    for (std::uint32_t seed = first; seed < first + count && failures == 0; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const std::unique_ptr<GpuSource> gpus = make_gpus();
        const CaseCounts did = run_all_kernels_seed(seed, world, registry, gpus.get(), counts);
        on_gpus += did.on_gpus;
        handed_on += did.handed_on;
        failures = world.sum(std::int64_t{::testing::Test::HasFailure() ? 1 : 0});
    }
    EXPECT_EQ(failures, 0);
    const std::int64_t handed_on_by_all = world.sum(handed_on);
    if (count >= 250) { EXPECT_EQ(handed_on_by_all > count / 10, world.size() > 2) << handed_on_by_all; }
    return on_gpus;
}

/// Every standard kernel has a place in the generator, composite ones too.
void expect_all_drawn(const KernelCounts& counts, std::int64_t least) {
    for (const std::string& name : KernelRegistry(standard_kernels()).names()) {
        const auto found = counts.find(name);
        EXPECT_GE(found == counts.end() ? 0 : found->second, least) << "kernel " << name;
    }
}

TEST(RandomGraphsOfAllKernels, EqualTheReference) {
    const std::uint32_t seeds = setting("MANIPLE_TEST_SEEDS", 250);
    KernelCounts counts;
    run_seeds(seeds, 0, counts, [] { return nullptr; });
    if (!HasFailure() && seeds >= seeds_that_meet_everything) expect_all_drawn(counts, seeds / 125);
}

TEST(RandomGraphsOfAllKernels, EqualTheReferenceOnManyLanes) {
    const std::uint32_t seeds = setting("MANIPLE_TEST_SEEDS", 250);
    KernelCounts counts;
    const std::int64_t on_gpus = run_seeds(seeds, seeds, counts, [] { return std::make_unique<ImitatedGpus>(); });
    EXPECT_GT(on_gpus, seeds);
    if (!HasFailure() && seeds >= seeds_that_meet_everything) expect_all_drawn(counts, seeds / 125);
}

class RandomGraphsOfAllKernelsOn : public testing::TestWithParam<LaneUse> {};

TEST_P(RandomGraphsOfAllKernelsOn, Vulkan) {
    const World world(MPI_COMM_WORLD);
    if (world.size() > 2) GTEST_SKIP() << "on one and two ranks";
    InstanceOptions options = InstanceOptions::from_environment();
    options.software_threads = 1;
    VulkanInstance instance(options);
    if (instance.devices().empty()) GTEST_SKIP() << "no Vulkan device: " << instance.reason();
    KernelCounts counts;
    const std::uint32_t seeds = setting("MANIPLE_TEST_SEEDS", 250) / 5;
    const int lanes = world.size() == 1 ? 2 : 1;
    const std::int64_t on_gpus = run_seeds(seeds, GetParam() == LaneUse::gpu ? 5000 : 6000, counts,
                                           [&] { return std::make_unique<VulkanGpus>(instance, GetParam(), lanes); });
    if (world.is_root()) { EXPECT_GT(on_gpus, seeds); }
}

INSTANTIATE_TEST_SUITE_P(Lanes, RandomGraphsOfAllKernelsOn, testing::Values(LaneUse::gpu, LaneUse::both),
                         [](const auto& suite) { return suite.param == LaneUse::gpu ? "gpu" : "both"; });

}  // namespace
}  // namespace maniple
