// lanes/vulkan/device.hpp: one VkDevice with its queues.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "lanes/vulkan/handles.hpp"
#include "lanes/vulkan/memory.hpp"
#include "lanes/vulkan/queues.hpp"
#include "lanes/vulkan/recording.hpp"

namespace maniple {

/// Whether a device has queues for copies.
enum class CopyQueues { none, where_there_are };

/// Owns the device, its queues and its memory. Borrows the instance. Threads: any, but for the queues.
class VulkanDevice {
public:
    /// Errors: UnavailableError if it is not there or not usable; DeviceError.
    VulkanDevice(VulkanInstance& instance, int number, CopyQueues copies = CopyQueues::none);

    const DeviceDescription& description() const { return description_; }
    const vk::raii::PhysicalDevice& physical() const { return physical_; }
    const vk::raii::Device& device() const { return device_; }
    MemoryPool& memory() { return memory_; }
    const DeviceLimits& limits() const { return limits_; }
    std::int64_t uniform_alignment() const { return uniform_alignment_; }

    bool has(QueueUse use) const { return *at(use).queue != vk::Queue(); }
    std::uint32_t family(QueueUse use = QueueUse::kernels) const { return at(use).place.family; }
    bool computes(QueueUse use) const { return at(use).place.computes; }
    /// Whether the queue has a clock, and queries can be reset for it: by the host, where it runs no shaders.
    bool is_timed(QueueUse use) const {
        return tick_ns_ > 0 && at(use).tick_mask != 0 && (computes(use) || resets_queries_);
    }
    double ns_between(std::uint64_t first, std::uint64_t last, QueueUse use) const {
        return static_cast<double>((last - first) & at(use).tick_mask) * tick_ns_;
    }

    /// For one thread at a time, over all of them: two uses may share a queue.
    const vk::raii::Queue& queue(QueueUse use = QueueUse::kernels) const { return at(use).queue; }

private:
    struct Queue {
        QueuePlace place;
        vk::raii::Queue queue{nullptr};
        std::uint64_t tick_mask = 0;  ///< 0: it has no clock
    };
    const Queue& at(QueueUse use) const { return queues_[static_cast<std::size_t>(use)]; }
    void open_queues();
    void set_limits();

    const DeviceDescription& description_;
    const vk::raii::PhysicalDevice& physical_;
    QueueChoice choice_;
    bool resets_queries_;
    vk::raii::Device device_;
    std::array<Queue, queue_uses> queues_;
    MemoryPool memory_;
    DeviceLimits limits_;
    std::int64_t uniform_alignment_ = 1;
    double tick_ns_ = 0;
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
