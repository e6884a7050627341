// tests/run/vulkan_gpus.hpp: the first Vulkan device of a machine as one gpu lane or several.
#pragma once

#include "lanes/vulkan/gpu_lane.hpp"
#include "random_run.hpp"

namespace maniple {

/// Borrows the instance.
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

}  // namespace maniple
