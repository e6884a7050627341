// lanes/vulkan/device.hpp: one VkDevice with its one queue.
#pragma once

#include <mutex>
#include <string>

#include "lanes/vulkan/handles.hpp"
#include "lanes/vulkan/memory.hpp"
#include "lanes/vulkan/recording.hpp"

namespace maniple {

/// Owns the device, its queue and its memory. Borrows the instance. Threads: any, but the queue by its mutex.
class VulkanDevice {
public:
    /// Errors: UnavailableError if it is not there or not usable; DeviceError.
    VulkanDevice(VulkanInstance& instance, int number);

    const DeviceDescription& description() const { return description_; }
    const vk::raii::PhysicalDevice& physical() const { return physical_; }
    const vk::raii::Device& device() const { return device_; }
    MemoryPool& memory() { return memory_; }
    const DeviceLimits& limits() const { return limits_; }
    std::uint32_t family() const { return family_; }
    std::int64_t uniform_alignment() const { return uniform_alignment_; }
    /// Nanoseconds of a tick of the queue's clock; 0: it has none.
    double tick_ns() const { return tick_ns_; }
    std::uint64_t tick_mask() const { return tick_mask_; }

    std::mutex& queue_mutex() { return queue_mutex_; }
    const vk::raii::Queue& queue() const { return queue_; }  ///< Requires: queue_mutex() is held.

private:
    const DeviceDescription& description_;
    const vk::raii::PhysicalDevice& physical_;
    std::uint32_t family_ = 0;
    vk::raii::Device device_;
    vk::raii::Queue queue_;
    std::mutex queue_mutex_;
    MemoryPool memory_;
    DeviceLimits limits_;
    std::int64_t uniform_alignment_ = 1;
    double tick_ns_ = 0;
    std::uint64_t tick_mask_ = 0;
};

/// The exception under way as one of ours: UnavailableError where memory ran out, DeviceError for what else Vulkan says.
/// Requires: called in a catch block.
std::exception_ptr translated(const std::string& what);

/// Runs `work`; what Vulkan throws becomes ours.
template <class Work>
auto with_translated_errors(const std::string& what, Work&& work) {
    try {
        return work();
    } catch (...) { std::rethrow_exception(translated(what)); }
}

}  // namespace maniple
