#include "lanes/vulkan/lane_device.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace maniple {

namespace {

BufferUse use_of(Memory::Kind kind) {
    switch (kind) {
        case Memory::Kind::host: return BufferUse::shared;
        case Memory::Kind::staging: return BufferUse::staging;
        default: return BufferUse::device;
    }
}

/// Copies between host and device are there where there is staging memory.
CopyQueues copies_of(const Layout& layout, int gpu) {
    const bool copies = std::any_of(layout.buffers.begin(), layout.buffers.end(), [&](const BufferSpec& buffer) {
        return buffer.memory.gpu == gpu && buffer.memory.kind == Memory::Kind::staging;
    });
    return copies ? CopyQueues::where_there_are : CopyQueues::none;
}

}  // namespace

GpuLane::Device::Device(VulkanInstance& instance, int device, int lane_number, const Graph& lane_graph,
                        const Layout& lane_layout)
    : graph(lane_graph), layout(lane_layout), number(lane_number),
      pretends_not_coherent(instance.options().pretend.not_coherent),
      vulkan(instance, device, copies_of(lane_layout, lane_number)), pipelines(vulkan),
      storages(lane_layout.buffers.size()), shadows(lane_layout.buffers.size()),
      waiter(vulkan, instance.options().pretend.hangs), instance_hung(instance.handles().hung) {
    allocate();
    zero();
}

GpuLane::Device::~Device() {
    // Nothing is in flight: a device that hangs is never destroyed (GpuLane). Drivers want to be told all the same.
    try {
        vulkan.device().waitIdle();
    } catch (const vk::Error&) {}
}

void GpuLane::Device::allocate() {
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
        const BufferSpec& spec = layout.buffers[i];
        if (spec.memory.gpu != number) continue;
        const std::string what = "'" + spec.name + "' on gpu " + std::to_string(number);
        storages[i] = vulkan.memory().allocate(spec.bytes(), use_of(spec.memory.kind), what);
        if (pretends_not_coherent && spec.memory.kind == Memory::Kind::staging)
            shadows[i] = HostBytes(static_cast<std::size_t>(storages[i].bytes()));
    }
}

/// Fresh memory holds anything; the rank's own buffers begin with zeros, and so do these.
void GpuLane::Device::zero() {
    const vk::raii::Device& device = vulkan.device();
    const vk::raii::CommandPool pool(device, vk::CommandPoolCreateInfo({}, vulkan.family()));
    const vk::raii::CommandBuffers buffers(device, {*pool, vk::CommandBufferLevel::ePrimary, 1});
    buffers[0].begin({vk::CommandBufferUsageFlagBits::eOneTimeSubmit});
    for (const DeviceBuffer& storage : storages) {
        if (!storage) continue;
        if (storage.mapped() != nullptr) {
            std::memset(storage.mapped(), 0, static_cast<std::size_t>(storage.bytes()));
            storage.flush(0, storage.bytes());
        } else {
            buffers[0].fillBuffer(storage.buffer(), 0, VK_WHOLE_SIZE, 0);
        }
    }
    buffers[0].end();
    const vk::CommandBuffer commands = *buffers[0];
    vk::SubmitInfo info;
    info.setCommandBuffers(commands);
    vulkan.queue().submit(info);
    vulkan.queue().waitIdle();
}

std::byte* GpuLane::Device::mapped(BufferId buffer) {
    HostBytes& shadow = shadows[buffer.index()];
    return shadow.size() > 0 ? shadow.data() : storages[buffer.index()].mapped();
}

void GpuLane::Device::flush(const std::vector<StagingRange>& ranges) {
    for (const StagingRange& range : ranges) {
        const DeviceBuffer& storage = storages[range.buffer.index()];
        if (const HostBytes& shadow = shadows[range.buffer.index()]; shadow.size() > 0)
            std::memcpy(storage.mapped() + range.offset_bytes, shadow.data() + range.offset_bytes,
                        static_cast<std::size_t>(range.bytes));
        storage.flush(range.offset_bytes, range.bytes);
    }
}

void GpuLane::Device::invalidate(const std::vector<StagingRange>& ranges) {
    for (const StagingRange& range : ranges) {
        const DeviceBuffer& storage = storages[range.buffer.index()];
        storage.invalidate(range.offset_bytes, range.bytes);
        if (HostBytes& shadow = shadows[range.buffer.index()]; shadow.size() > 0)
            std::memcpy(shadow.data() + range.offset_bytes, storage.mapped() + range.offset_bytes,
                        static_cast<std::size_t>(range.bytes));
    }
}

}  // namespace maniple
