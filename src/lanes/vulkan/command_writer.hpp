// lanes/vulkan/command_writer.hpp: a recording as command buffers.
#pragma once

#include <functional>
#include <vector>

#include "lanes/vulkan/pipelines.hpp"
#include "lanes/vulkan/recording.hpp"

namespace maniple {

/// Owns what the shader calls of one recording are bound to: their uniform buffer and descriptor sets.
class CommandWriter {
public:
    using Storages = std::function<const DeviceBuffer&(StorageId)>;

    /// Makes room for all calls of `recording`. Borrows the rest.
    CommandWriter(VulkanDevice& device, PipelineStore& pipelines, const Recording& recording, Storages storages);

    /// Writes the commands of `part`, between begin() and end() of `commands`.
    void write(const RecordedPart& part, const vk::raii::CommandBuffer& commands);

    std::int64_t handles() const { return static_cast<std::int64_t>(sets_made_); }

private:
    void write(const Dispatch& dispatch, const vk::raii::CommandBuffer& commands);
    void write(const BoxCopy& copy, const vk::raii::CommandBuffer& commands);
    void write(const RunCopy& copy, const vk::raii::CommandBuffer& commands);
    void write(const RunZeros& zeros, const vk::raii::CommandBuffer& commands);
    void write(const std::vector<StorageBarrier>& barriers, std::uint8_t stages,
               const vk::raii::CommandBuffer& commands);
    vk::DescriptorSet bind(const PipelineRef& pipeline, const std::vector<Window>& windows,
                           const vk::DescriptorBufferInfo* call);
    vk::Buffer buffer(StorageId id) const { return storages_(id).buffer(); }

    VulkanDevice& device_;
    PipelineStore& pipelines_;
    Storages storages_;
    std::int64_t call_stride_ = 0;
    std::int64_t calls_written_ = 0;
    std::int64_t sets_made_ = 0;
    DeviceBuffer calls_;
    vk::raii::DescriptorPool pool_{nullptr};
};

}  // namespace maniple
