// lanes/vulkan/lane_device.hpp: what a gpu lane owns.
#pragma once

#include <atomic>
#include <vector>

#include "lanes/vulkan/device.hpp"
#include "lanes/vulkan/gpu_lane.hpp"
#include "lanes/vulkan/pipelines.hpp"
#include "lanes/vulkan/waiter.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// Owns the device and all that lives on it but the programs. Borrows the instance, the graph and the layout.
class GpuLane::Device {
public:
    Device(VulkanInstance& instance, int device, int lane_number, const Graph& lane_graph, const Layout& lane_layout);
    ~Device();

    /// Before the device reads, and after it has written, what the host sees through mapped().
    void flush(const std::vector<StagingRange>& ranges);
    void invalidate(const std::vector<StagingRange>& ranges);
    std::byte* mapped(BufferId buffer);

    const Graph& graph;
    const Layout& layout;
    const int number;  ///< of the lane
    const bool pretends_not_coherent;
    VulkanDevice vulkan;
    PipelineStore pipelines;
    std::vector<DeviceBuffer> storages;         ///< by BufferId; empty for those of others
    std::vector<HostBytes> shadows;             ///< by BufferId: what the host sees instead, where that is pretended
    std::atomic<std::int64_t> handles_made{0};  ///< by programs
    Activity activity;                          ///< the waiter's
    WorkTimes times;                            ///< likewise
    double slowness = 1;                        ///< GpuLane::slow_down
    Waiter waiter;
    std::atomic<bool>& instance_hung;  ///< of the instance, which must not be destroyed either

private:
    void allocate();
    void zero();
};

}  // namespace maniple
