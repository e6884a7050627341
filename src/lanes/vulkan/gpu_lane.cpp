#include "lanes/vulkan/gpu_lane.hpp"

#include "lanes/vulkan/gpu_program.hpp"
#include "lanes/vulkan/lane_device.hpp"

namespace maniple {

namespace {

std::string subject(int number) { return "gpu " + std::to_string(number); }

}  // namespace

GpuLane::GpuLane(VulkanInstance& instance, int device, int number, const Graph& graph, const Layout& layout) {
    device_ = with_translated_errors(subject(number),
                                     [&] { return std::make_unique<Device>(instance, device, number, graph, layout); });
}

GpuLane::~GpuLane() {
    // A device that hangs is waited for by nobody, and what it uses goes with the process.
    if (!device_->waiter.is_hung()) return;
    device_->instance_hung = true;
    static_cast<void>(device_.release());
}

std::byte* GpuLane::mapped(BufferId buffer) const { return device_->mapped(buffer); }

std::unique_ptr<LaneProgram> GpuLane::prepare(const Program& program) {
    return with_translated_errors(subject(device_->number),
                                  [&] { return std::make_unique<GpuProgram>(*device_, program); });
}

void GpuLane::cancel() { device_->waiter.cancel(); }

void GpuLane::audit() { device_->waiter.audit(); }

Activity GpuLane::activity() const { return device_->activity; }

std::int64_t GpuLane::allocations() const { return device_->vulkan.memory().buffers_made(); }

void GpuLane::add_work_times(WorkTimes& sum) const { add(device_->times, sum); }

void GpuLane::slow_down(double times) { device_->slowness = times; }

const DeviceDescription& GpuLane::description() const { return device_->vulkan.description(); }

int GpuLane::queues() const {
    const VulkanDevice& device = device_->vulkan;
    return 1 + (device.has(QueueUse::uploads) ? 1 : 0) + (device.has(QueueUse::downloads) ? 1 : 0);
}

GpuUsage GpuLane::usage() const {
    const MemoryPool& memory = device_->vulkan.memory();
    return {memory.used_bytes(), memory.block_bytes(), memory.block_count(),
            memory.buffers_made() + device_->pipelines.made() + device_->handles_made};
}

}  // namespace maniple
