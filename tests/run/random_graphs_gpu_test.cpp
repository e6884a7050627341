// The random graphs on Vulkan devices, alone and beside the cpu, one lane and two on one device.
#include <gtest/gtest.h>
#include <mpi.h>

#include "lanes/vulkan/gpu_lane.hpp"
#include "random_run.hpp"

namespace maniple {
namespace {

class VulkanGpus final : public GpuSource {
public:
    VulkanGpus(VulkanInstance& instance, LaneUse use, int lanes) : instance_(instance), use_(use), count_(lanes) {}

    LaneChoice choose(const Graph& graph, std::uint32_t, Rank) override {
        RankFacts facts;
        for (int gpu = 0; gpu < count_; ++gpu) facts.gpus.push_back(facts_of(instance_.devices()[0]));
        return choose_lanes(graph, facts, use_);
    }

    void open(const Graph& graph, const Layout& layout) override {
        layout_ = &layout;
        for (int gpu = 0; gpu < static_cast<int>(layout.lanes.gpus.size()); ++gpu)
            lanes_.push_back(std::make_unique<GpuLane>(instance_, 0, gpu, graph, layout));
    }

    std::byte* mapped(BufferId buffer) override {
        return lanes_[static_cast<std::size_t>((*layout_)[buffer].memory.gpu)]->mapped(buffer);
    }

    std::vector<Lane*> lanes(const Graph&, Arena&, int) override {
        std::vector<Lane*> result;
        for (const auto& lane : lanes_) result.push_back(lane.get());
        return result;
    }

private:
    VulkanInstance& instance_;
    LaneUse use_;
    int count_;
    const Layout* layout_ = nullptr;
    std::vector<std::unique_ptr<GpuLane>> lanes_;
};

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
    constexpr std::uint32_t seeds = 300;
    std::int64_t failures = 0, on_gpus = 0;
    for (std::uint32_t seed = 0; seed < seeds && failures == 0; ++seed) {
        VulkanGpus gpus(instance, GetParam().use, GetParam().lanes);
        on_gpus += run_seed(seed, world, registry, &gpus);
        failures = world.sum(std::int64_t{::testing::Test::HasFailure() ? 1 : 0});
    }
    EXPECT_EQ(failures, 0);
    if (world.is_root()) { EXPECT_GT(on_gpus, seeds); }
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
