// lanes/vulkan/pipelines.hpp: the pipelines of a device, each made when a program first needs it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lanes/vulkan/cache_file.hpp"
#include "lanes/vulkan/device.hpp"

namespace maniple {

/// A pipeline and how its bindings lie. Borrowed from the store.
struct PipelineRef {
    vk::Pipeline pipeline;
    vk::PipelineLayout layout;
    vk::DescriptorSetLayout set_layout;
};

/// Owns pipelines and the cache that the driver fills. Borrows the device. Not for several threads.
class PipelineStore {
public:
    explicit PipelineStore(VulkanDevice& device);

    /// The pipeline of `shader` for `tensors` tensors. The shader's address is its name: it lives for ever.
    /// Errors: KernelError for a damaged or invalid one, naming `kernel`; DeviceError if the driver refuses it.
    PipelineRef kernel(const maniple_shader& shader, std::size_t tensors, const std::string& kernel);

    /// That of box_copy.comp for units of 1, 2 or 4 bytes.
    PipelineRef box_copy(int unit_bytes);

    /// Writes the cache to disk if there are pipelines that it did not know.
    void save();
    std::int64_t made() const { return static_cast<std::int64_t>(pipelines_.size()); }

private:
    /// Binding 0: the call; 1 to `tensors`: windows.
    struct Layout {
        vk::raii::DescriptorSetLayout set{nullptr};
        vk::raii::PipelineLayout pipeline{nullptr};
    };
    const Layout& layout(std::size_t tensors);

    VulkanDevice& device_;
    CacheFile file_;
    vk::raii::PipelineCache cache_;
    std::size_t saved_bytes_ = 0;
    std::int64_t saved_made_ = 0;
    std::map<std::size_t, Layout> layouts_;
    std::map<const std::uint32_t*, vk::raii::Pipeline> pipelines_;
};

}  // namespace maniple
