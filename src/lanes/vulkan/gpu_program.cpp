#include "lanes/vulkan/gpu_program.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/error.hpp"

namespace maniple {

GpuProgram::GpuProgram(GpuLane::Device& device, const Program& program)
    : device_(device), chunks_(program.chunks.size()) {
    VulkanDevice& vulkan = device.vulkan;
    Recording recording = build_recording(device.graph, device.layout, program, device.number, vulkan.limits());
    for (const std::int64_t bytes : recording.scratch_bytes)
        scratch_.push_back(vulkan.memory().allocate(bytes, BufferUse::device, "states of folds"));
    if (recording.chunks.empty()) return;
    const auto count = static_cast<std::uint32_t>(recording.chunks.size());
    writer_ = std::make_unique<CommandWriter>(vulkan, device.pipelines, recording,
                                              [this](StorageId id) -> const DeviceBuffer& { return storage(id); });
    pool_ = vk::raii::CommandPool(vulkan.device(), vk::CommandPoolCreateInfo({}, vulkan.family()));
    if (vulkan.tick_ns() > 0) {
        queries_ =
            vk::raii::QueryPool(vulkan.device(), vk::QueryPoolCreateInfo({}, vk::QueryType::eTimestamp, 2 * count));
    }
    buffers_ = vk::raii::CommandBuffers(vulkan.device(), {*pool_, vk::CommandBufferLevel::ePrimary, count});
    for (std::uint32_t i = 0; i < count; ++i) {
        auto chunk = std::make_unique<Chunk>();
        chunk->program = this;
        chunk->recorded = std::move(recording.chunks[i]);
        chunk->work = work_of(device.graph, program, program.chunks[chunk->recorded.chunk.index()]);
        chunk->commands = *buffers_[i];
        chunk->first_query = 2 * i;
        record(*chunk, buffers_[i]);
        // Calls and windows are in the command buffer now.
        chunk->recorded.layers.clear();
        chunks_[chunk->recorded.chunk.index()] = std::move(chunk);
    }
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
        if (!chunks_[i]) continue;
        for (const ChunkId dependent : program.chunks[i].dependents) {
            if (chunks_[dependent.index()]) chunks_[dependent.index()]->before.push_back(chunks_[i].get());
        }
    }
    device.handles_made += writer_->handles() + count + 1;
    device.waiter.expect(count);
    device.pipelines.save();
}

GpuProgram::~GpuProgram() {
    if (!device_.waiter.is_hung()) return;
    // The device may still read these; they go with the process.
    struct Kept {
        std::vector<DeviceBuffer> scratch;
        std::unique_ptr<CommandWriter> writer;
        vk::raii::CommandPool pool;
        vk::raii::QueryPool queries;
        std::vector<vk::raii::CommandBuffer> buffers;
    };
    new Kept{std::move(scratch_), std::move(writer_), std::move(pool_), std::move(queries_), std::move(buffers_)};
}

const DeviceBuffer& GpuProgram::storage(StorageId id) const {
    const std::size_t own = device_.storages.size();
    const DeviceBuffer& storage = id.index() < own ? device_.storages[id.index()] : scratch_[id.index() - own];
    MANIPLE_CHECK(static_cast<bool>(storage), "a chunk of gpu " + std::to_string(device_.number) +
                                                  " uses a buffer that is not there: " +
                                                  (id.index() < own ? device_.layout.buffers[id.index()].name : ""));
    return storage;
}

void GpuProgram::record(Chunk& chunk, const vk::raii::CommandBuffer& commands) {
    const bool timed = device_.vulkan.tick_ns() > 0;
    commands.begin(vk::CommandBufferBeginInfo{});
    if (timed) {
        commands.resetQueryPool(*queries_, chunk.first_query, 2);
        commands.writeTimestamp(vk::PipelineStageFlagBits::eTopOfPipe, *queries_, chunk.first_query);
    }
    writer_->write(chunk.recorded, commands);
    if (timed) commands.writeTimestamp(vk::PipelineStageFlagBits::eBottomOfPipe, *queries_, chunk.first_query + 1);
    commands.end();
}

void GpuProgram::submit(ChunkId id, const Execution&, Completion& done) {
    Chunk& chunk = *chunks_[id.index()];
    chunk.done = &done;
    try {
        device_.flush(chunk.recorded.uploads);
    } catch (...) {
        done.finished(id, translated("flushing for " + device_.vulkan.description().name));
        return;
    }
    chunk.submitted_ns = now_ns();
    std::uint64_t after = 0;
    for (const Chunk* before : chunk.before) after = std::max(after, before->value);
    chunk.value = device_.waiter.submit(chunk.commands, chunk, after);
}

/// On the waiter's thread; on the submitting one where the submit failed, and `error` is set.
void GpuProgram::Chunk::ended(std::exception_ptr error) {
    if (!error) {
        try {
            program->device_.invalidate(recorded.downloads);
            Activity& activity = program->device_.activity;
            const std::int64_t duration = program->slowed_ns(program->busy_ns(*this));
            activity.busy_ns += duration;
            add_work_time(work, duration, program->device_.times);
            activity.operations += recorded.operations;
            ++activity.chunks;
        } catch (...) { error = translated("reading from " + program->device_.vulkan.description().name); }
    }
    // The run may destroy this program as soon as it hears.
    done->finished(recorded.chunk, std::move(error));
}

/// Waits until a chunk that was busy so long has been so as often as it should.
std::int64_t GpuProgram::slowed_ns(std::int64_t busy_ns) const {
    const double times = device_.slowness;
    if (times <= 1) return busy_ns;
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::llround(static_cast<double>(busy_ns) * (times - 1))));
    return std::llround(static_cast<double>(busy_ns) * times);
}

std::int64_t GpuProgram::busy_ns(const Chunk& chunk) const {
    const VulkanDevice& vulkan = device_.vulkan;
    std::uint64_t ticks[2] = {};
    if (vulkan.tick_ns() <= 0 ||
        vulkan.device().getDispatcher()->vkGetQueryPoolResults(
            static_cast<VkDevice>(*vulkan.device()), static_cast<VkQueryPool>(*queries_), chunk.first_query, 2,
            sizeof ticks, ticks, sizeof ticks[0], VK_QUERY_RESULT_64_BIT) != VK_SUCCESS) {
        return now_ns() - chunk.submitted_ns;
    }
    return static_cast<std::int64_t>(static_cast<double>((ticks[1] - ticks[0]) & vulkan.tick_mask()) *
                                     vulkan.tick_ns());
}

}  // namespace maniple
