#include "lanes/vulkan/command_writer.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace maniple {

namespace {

static_assert(sizeof(maniple_gpu_call) == 960, "the shaders' uniform block");
static_assert(sizeof(BoxCopyCall) == 128, "every device has so many bytes of push constants");

vk::PipelineStageFlags stages_of(const Accesses& accesses) {
    const unsigned all = accesses.reads | accesses.writes;
    vk::PipelineStageFlags stages;
    if ((all & stage_compute) != 0) stages |= vk::PipelineStageFlagBits::eComputeShader;
    if ((all & stage_transfer) != 0) stages |= vk::PipelineStageFlagBits::eTransfer;
    if ((all & stage_host) != 0) stages |= vk::PipelineStageFlagBits::eHost;
    return stages;
}

vk::AccessFlags flags_of(const Accesses& accesses) {
    vk::AccessFlags flags;
    if ((accesses.reads & stage_compute) != 0) flags |= vk::AccessFlagBits::eShaderRead;
    if ((accesses.writes & stage_compute) != 0) flags |= vk::AccessFlagBits::eShaderWrite;
    if ((accesses.reads & stage_transfer) != 0) flags |= vk::AccessFlagBits::eTransferRead;
    if ((accesses.writes & stage_transfer) != 0) flags |= vk::AccessFlagBits::eTransferWrite;
    if ((accesses.reads & stage_host) != 0) flags |= vk::AccessFlagBits::eHostRead;
    return flags;
}

vk::DeviceSize size(std::int64_t bytes) { return static_cast<vk::DeviceSize>(bytes); }

/// As far as `stages` are those of the queue.
Accesses only(const Accesses& accesses, std::uint8_t stages) {
    return {static_cast<std::uint8_t>(accesses.reads & stages), static_cast<std::uint8_t>(accesses.writes & stages)};
}

/// What all earlier submissions to the queue wrote is seen by this one: that the host has waited for them tells the
/// device nothing.
void write_first_barrier(std::uint8_t stages, const vk::raii::CommandBuffer& commands) {
    const Accesses before{0, stages};
    const Accesses after{stages, stages};
    const vk::MemoryBarrier all(flags_of(before), flags_of(after));
    commands.pipelineBarrier(stages_of(before), stages_of(after), {}, all, {}, {});
}

}  // namespace

CommandWriter::CommandWriter(VulkanDevice& device, PipelineStore& pipelines, const Recording& recording,
                             Storages storages)
    : device_(device), pipelines_(pipelines), storages_(std::move(storages)) {
    std::uint32_t calls = 0;
    std::uint32_t sets = 0;
    std::uint32_t windows = 0;
    for (const RecordedChunk& chunk : recording.chunks) {
        for (const RecordedPart& part : chunk.parts) {
            for (const Layer& layer : part.layers) {
                for (const Command& command : layer.commands) {
                    const auto* dispatch = std::get_if<Dispatch>(&command.work);
                    const bool copies = std::holds_alternative<BoxCopy>(command.work);
                    calls += dispatch != nullptr ? 1 : 0;
                    sets += dispatch != nullptr || copies ? 1 : 0;
                    windows += dispatch != nullptr ? static_cast<std::uint32_t>(dispatch->windows.size())
                               : copies            ? 2
                                                   : 0;
                }
            }
        }
    }
    if (sets == 0) return;
    const std::int64_t alignment = device.uniform_alignment();
    call_stride_ = (static_cast<std::int64_t>(sizeof(maniple_gpu_call)) + alignment - 1) / alignment * alignment;
    if (calls > 0) calls_ = device.memory().allocate(calls * call_stride_, BufferUse::uniform, "calls of shaders");
    // A copy's set has room for a call too, which it does not use.
    const vk::DescriptorPoolSize sizes[] = {{vk::DescriptorType::eUniformBuffer, sets},
                                            {vk::DescriptorType::eStorageBuffer, windows}};
    pool_ = vk::raii::DescriptorPool(device.device(), vk::DescriptorPoolCreateInfo({}, sets, sizes));
}

void CommandWriter::write(const RecordedPart& part, const vk::raii::CommandBuffer& commands) {
    const std::uint8_t stages = device_.computes(part.queue) ? stage_compute | stage_transfer : stage_transfer;
    write_first_barrier(stages, commands);
    for (const Layer& layer : part.layers) {
        write(layer.barriers, stages, commands);
        for (const Command& command : layer.commands)
            std::visit([&](const auto& work) { write(work, commands); }, command.work);
    }
    write(part.to_host, stages | stage_host, commands);
}

void CommandWriter::write(const std::vector<StorageBarrier>& barriers, std::uint8_t stages,
                          const vk::raii::CommandBuffer& commands) {
    if (barriers.empty()) return;
    vk::PipelineStageFlags before;
    vk::PipelineStageFlags after;
    std::vector<vk::BufferMemoryBarrier> buffers;
    for (const StorageBarrier& barrier : barriers) {
        const Accesses following = only(barrier.after, stages);
        before |= stages_of(barrier.before);
        after |= stages_of(following);
        // Reads need no memory dependency: that what follows waits for them is enough.
        buffers.emplace_back(flags_of({0, barrier.before.writes}), flags_of(following), VK_QUEUE_FAMILY_IGNORED,
                             VK_QUEUE_FAMILY_IGNORED, buffer(barrier.storage), 0, VK_WHOLE_SIZE);
    }
    commands.pipelineBarrier(before, after, {}, {}, buffers, {});
}

void CommandWriter::write(const Dispatch& dispatch, const vk::raii::CommandBuffer& commands) {
    const PipelineRef pipeline = pipelines_.kernel(*dispatch.shader, dispatch.windows.size(), dispatch.kernel->name);
    const std::int64_t offset = calls_written_++ * call_stride_;
    std::memcpy(calls_.mapped() + offset, &dispatch.call, sizeof dispatch.call);
    const vk::DescriptorBufferInfo call(calls_.buffer(), size(offset), sizeof dispatch.call);
    const vk::DescriptorSet set = bind(pipeline, dispatch.windows, &call);
    commands.bindPipeline(vk::PipelineBindPoint::eCompute, pipeline.pipeline);
    commands.bindDescriptorSets(vk::PipelineBindPoint::eCompute, pipeline.layout, 0, set, {});
    commands.dispatch(dispatch.groups.x, dispatch.groups.y, 1);
}

void CommandWriter::write(const BoxCopy& copy, const vk::raii::CommandBuffer& commands) {
    const PipelineRef pipeline = pipelines_.box_copy(copy.unit_bytes);
    const vk::DescriptorSet set = bind(pipeline, {copy.to, copy.from}, nullptr);
    commands.bindPipeline(vk::PipelineBindPoint::eCompute, pipeline.pipeline);
    commands.bindDescriptorSets(vk::PipelineBindPoint::eCompute, pipeline.layout, 0, set, {});
    commands.pushConstants<BoxCopyCall>(pipeline.layout, vk::ShaderStageFlagBits::eCompute, 0, copy.call);
    commands.dispatch(copy.groups.x, copy.groups.y, 1);
}

void CommandWriter::write(const RunCopy& copy, const vk::raii::CommandBuffer& commands) {
    std::vector<vk::BufferCopy> regions;
    for (const RunCopy::Run& run : copy.runs) regions.emplace_back(size(run.from), size(run.to), size(run.bytes));
    commands.copyBuffer(buffer(copy.from), buffer(copy.to), regions);
}

void CommandWriter::write(const RunZeros& zeros, const vk::raii::CommandBuffer& commands) {
    for (const RunZeros::Run& run : zeros.runs) commands.fillBuffer(buffer(zeros.to), size(run.to), size(run.bytes), 0);
}

vk::DescriptorSet CommandWriter::bind(const PipelineRef& pipeline, const std::vector<Window>& windows,
                                      const vk::DescriptorBufferInfo* call) {
    const vk::DescriptorSetAllocateInfo info(*pool_, pipeline.set_layout);
    // Freed with the pool.
    const vk::DescriptorSet set =
        (*device_.device()).allocateDescriptorSets(info, *device_.device().getDispatcher()).front();
    ++sets_made_;
    std::vector<vk::DescriptorBufferInfo> infos;
    for (const Window& window : windows) {
        const DeviceBuffer& storage = storages_(window.storage);
        MANIPLE_CHECK(window.offset_bytes + window.bytes <= storage.bytes(), "a window beyond its buffer");
        infos.emplace_back(storage.buffer(), size(window.offset_bytes), size(window.bytes));
    }
    std::vector<vk::WriteDescriptorSet> writes;
    if (call != nullptr) writes.emplace_back(set, 0, 0, 1, vk::DescriptorType::eUniformBuffer, nullptr, call);
    for (std::size_t i = 0; i < infos.size(); ++i) {
        writes.emplace_back(set, static_cast<std::uint32_t>(i + 1), 0, 1, vk::DescriptorType::eStorageBuffer, nullptr,
                            &infos[i]);
    }
    device_.device().updateDescriptorSets(writes, {});
    return set;
}

}  // namespace maniple
