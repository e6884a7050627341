// lanes/vulkan/gpu_lane.hpp: chunks on one Vulkan device: command buffers recorded once, submitted again and again.
#pragma once

#include <cstddef>
#include <memory>

#include "lanes/lane.hpp"
#include "lanes/vulkan/instance.hpp"
#include "program/layout.hpp"

namespace maniple {

/// What a lane holds on its device. Constant from one execution of a prepared program to the next.
struct GpuUsage {
    std::int64_t bytes = 0;        ///< of buffers, scratch included
    std::int64_t block_bytes = 0;  ///< asked from the driver
    std::int64_t blocks = 0;
    std::int64_t handles = 0;  ///< buffers, pipelines, command buffers, descriptor sets, queries; made so far
};

/// Owns a VkDevice of its own, so that one physical device can carry several lanes, the memory of every buffer of the
/// layout whose Memory::gpu is its number, and one thread that waits for the device. Borrows the rest.
class GpuLane final : public Lane {
public:
    /// The gpu lane `number` of the rank, on device `device` of the instance. Allocates and zeroes its buffers.
    /// Errors: UnavailableError for a device that is not usable, or too little of its memory; DeviceError.
    GpuLane(VulkanInstance& instance, int device, int number, const Graph& graph, const Layout& layout);
    ~GpuLane() override;

    /// Where the host sees a buffer: those of kind staging and host, for as long as the lane lives; null for others.
    std::byte* mapped(BufferId buffer) const;

    /// Creates the pipelines that are new and records the chunks of this lane. Allocates; submit() never does.
    /// Errors: KernelError for a shader that is missing, damaged or not valid; UnavailableError; DeviceError.
    std::unique_ptr<LaneProgram> prepare(const Program& program) override;

    /// What the device has begun it ends: its chunks are reported by the waiter as they complete, or with an error once
    /// ten seconds are over. Chunks submitted from now on are reported at once, with an error.
    void cancel() override;
    void audit() override;
    Activity activity() const override;
    std::int64_t allocations() const override;
    void add_work_times(WorkTimes& sum) const override;

    /// Every chunk takes so many times as long as it would: for tests of what a slow lane does. Before submit().
    void slow_down(double times);

    const DeviceDescription& description() const;
    GpuUsage usage() const;
    int queues() const;  ///< that it has on its device: one, or further ones for copies

    class Device;  ///< see lane_device.hpp: for this folder alone

private:
    std::unique_ptr<Device> device_;
};

}  // namespace maniple
