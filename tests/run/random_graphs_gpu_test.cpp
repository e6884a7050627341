// The random graphs on Vulkan devices, alone and beside the cpu, one lane and two on one device.
#include <gtest/gtest.h>
#include <mpi.h>

#include "vulkan_gpus.hpp"

namespace maniple {
namespace {

struct Way {
    LaneUse use;
    int lanes;
};

class RandomGraphsOn : public testing::TestWithParam<Way> {};

TEST_P(RandomGraphsOn, Vulkan) {
    const World world(MPI_COMM_WORLD);
    InstanceOptions options = InstanceOptions::from_environment();
    options.software_threads = 1;
    VulkanInstance instance(options);
    if (instance.devices().empty()) GTEST_SKIP() << "no Vulkan device: " << instance.reason();
    const KernelRegistry registry(standard_kernels());
    const std::uint32_t seeds = setting("MANIPLE_TEST_SEEDS", 300);
    const std::uint32_t first = first_seed(world);
    std::int64_t failures = 0, on_gpus = 0, changes = 0, claimed = 0;
    for (std::uint32_t seed = first; seed < first + seeds && failures == 0; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        VulkanGpus gpus(instance, GetParam().use, GetParam().lanes);
        const CaseCounts counts = run_seed(seed, world, registry, &gpus);
        on_gpus += counts.on_gpus;
        changes += counts.share_changes;
        claimed += counts.claimed_by_gpus;
        failures = world.sum(std::int64_t{::testing::Test::HasFailure() ? 1 : 0});
    }
    EXPECT_EQ(failures, 0);
    const bool several = GetParam().lanes + (GetParam().use == LaneUse::both ? 1 : 0) > 1;
    if (world.is_root() && seeds >= seeds_that_meet_everything) {
        EXPECT_GT(on_gpus, seeds);
        EXPECT_EQ(changes > 20, several) << changes;
        EXPECT_EQ(claimed > 20, several) << claimed;
    }
}

INSTANTIATE_TEST_SUITE_P(Lanes, RandomGraphsOn,
                         testing::Values(Way{LaneUse::gpu, 1}, Way{LaneUse::gpu, 2}, Way{LaneUse::both, 1},
                                         Way{LaneUse::both, 2}),
                         [](const auto& suite) {
                             return (suite.param.use == LaneUse::gpu ? "gpu" : "both") +
                                    std::to_string(suite.param.lanes);
                         });

}  // namespace
}  // namespace maniple
