#include "lanes/vulkan/gpu_program.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
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
    writer_ = std::make_unique<CommandWriter>(vulkan, device.pipelines, recording,
                                              [this](StorageId id) -> const DeviceBuffer& { return storage(id); });
    const std::uint32_t parts = make_room(recording);
    std::uint32_t first_query = 0;
    for (RecordedChunk& recorded : recording.chunks) {
        auto chunk = std::make_unique<Chunk>();
        chunk->program = this;
        chunk->recorded = std::move(recorded);
        chunk->work = work_of(device.graph, program, program.chunks[chunk->recorded.chunk.index()]);
        chunk->first_query = first_query;
        first_query += 2 * static_cast<std::uint32_t>(chunk->recorded.parts.size());
        record(*chunk);
        chunks_[chunk->recorded.chunk.index()] = std::move(chunk);
    }
    for (const std::unique_ptr<Chunk>& chunk : chunks_) {
        if (chunk) link(*chunk);
    }
    device.handles_made += writer_->handles() + parts + 1;
    device.pipelines.save();
}

/// Gives the number of all parts.
std::uint32_t GpuProgram::make_room(const Recording& recording) {
    const VulkanDevice& vulkan = device_.vulkan;
    std::array<std::uint32_t, queue_uses> counts{};
    for (const RecordedChunk& chunk : recording.chunks) {
        for (const RecordedPart& part : chunk.parts) ++counts[static_cast<std::size_t>(part.queue)];
    }
    for (std::size_t i = 0; i < queue_uses; ++i) {
        if (counts[i] == 0) continue;
        const std::uint32_t family = vulkan.family(static_cast<QueueUse>(i));
        Commands& commands = commands_[i];
        commands.pool = vk::raii::CommandPool(vulkan.device(), vk::CommandPoolCreateInfo({}, family));
        commands.buffers =
            vk::raii::CommandBuffers(vulkan.device(), {*commands.pool, vk::CommandBufferLevel::ePrimary, counts[i]});
    }
    const std::uint32_t parts = std::accumulate(counts.begin(), counts.end(), std::uint32_t{0});
    if (vulkan.is_timed(QueueUse::kernels)) {
        queries_ =
            vk::raii::QueryPool(vulkan.device(), vk::QueryPoolCreateInfo({}, vk::QueryType::eTimestamp, 2 * parts));
    }
    return parts;
}

GpuProgram::~GpuProgram() {
    if (!device_.waiter.is_hung()) return;
    // The device may still read these; they go with the process.
    struct Kept {
        std::vector<DeviceBuffer> scratch;
        std::unique_ptr<CommandWriter> writer;
        std::array<Commands, queue_uses> commands;
        vk::raii::QueryPool queries;
    };
    new Kept{std::move(scratch_), std::move(writer_), std::move(commands_), std::move(queries_)};
}

const DeviceBuffer& GpuProgram::storage(StorageId id) const {
    const std::size_t own = device_.storages.size();
    const DeviceBuffer& storage = id.index() < own ? device_.storages[id.index()] : scratch_[id.index() - own];
    MANIPLE_CHECK(static_cast<bool>(storage), "a chunk of gpu " + std::to_string(device_.number) +
                                                  " uses a buffer that is not there: " +
                                                  (id.index() < own ? device_.layout.buffers[id.index()].name : ""));
    return storage;
}

void GpuProgram::record(Chunk& chunk) {
    std::uint32_t first_query = chunk.first_query;
    for (RecordedPart& part : chunk.recorded.parts) {
        Commands& commands = commands_[static_cast<std::size_t>(part.queue)];
        const vk::raii::CommandBuffer& buffer = commands.buffers[commands.used++];
        record(part, first_query, buffer);
        first_query += 2;
        QueuedPart& queued = chunk.parts.emplace_back();
        queued.queue = part.queue;
        queued.commands = *buffer;
        // Calls and windows are in the command buffer now.
        part.layers.clear();
    }
}

void GpuProgram::record(const RecordedPart& part, std::uint32_t first_query, const vk::raii::CommandBuffer& commands) {
    const VulkanDevice& vulkan = device_.vulkan;
    const bool timed = is_timed(part.queue);
    commands.begin(vk::CommandBufferBeginInfo{});
    if (timed) {
        // Other queues cannot: reset_queries().
        if (vulkan.computes(part.queue)) commands.resetQueryPool(*queries_, first_query, 2);
        commands.writeTimestamp(vk::PipelineStageFlagBits::eTopOfPipe, *queries_, first_query);
    }
    writer_->write(part, commands);
    if (timed) commands.writeTimestamp(vk::PipelineStageFlagBits::eBottomOfPipe, *queries_, first_query + 1);
    commands.end();
}

/// Requires: all chunks have been recorded, and stay where they are.
void GpuProgram::link(Chunk& chunk) {
    for (std::size_t i = 0; i < chunk.parts.size(); ++i) {
        for (const PartId& before : chunk.recorded.parts[i].after) {
            const std::vector<QueuedPart>& others = chunks_[before.chunk.index()]->parts;
            const auto other = std::find_if(others.begin(), others.end(),
                                            [&](const QueuedPart& part) { return part.queue == before.queue; });
            chunk.parts[i].after.push_back(&*other);
        }
    }
}

bool GpuProgram::is_timed(QueueUse queue) const {
    return *queries_ != vk::QueryPool() && device_.vulkan.is_timed(queue);
}

void GpuProgram::reset_queries(const Chunk& chunk) const {
    for (std::size_t i = 0; i < chunk.parts.size(); ++i) {
        const QueueUse queue = chunk.parts[i].queue;
        if (!device_.vulkan.computes(queue) && is_timed(queue))
            queries_.reset(chunk.first_query + 2 * static_cast<std::uint32_t>(i), 2);
    }
}

void GpuProgram::submit(ChunkId id, const Execution& execution, Completion& done) {
    Chunk& chunk = *chunks_[id.index()];
    chunk.done = &done;
    try {
        device_.flush(chunk.recorded.uploads);
    } catch (...) {
        done.finished(id, translated("flushing for " + device_.vulkan.description().name));
        return;
    }
    reset_queries(chunk);
    chunk.submitted_ns = now_ns();
    device_.waiter.submit(chunk.parts, execution.number, chunk);
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

/// Of all queues together, also where they were busy at the same time.
std::int64_t GpuProgram::busy_ns(const Chunk& chunk) const {
    std::optional<std::int64_t> all;
    for (std::size_t i = 0; i < chunk.parts.size(); ++i) {
        const auto part = busy_ns(chunk.parts[i].queue, chunk.first_query + 2 * static_cast<std::uint32_t>(i));
        if (part) all = all.value_or(0) + *part;
    }
    return all.value_or(now_ns() - chunk.submitted_ns);
}

std::optional<std::int64_t> GpuProgram::busy_ns(QueueUse queue, std::uint32_t first_query) const {
    const VulkanDevice& vulkan = device_.vulkan;
    std::uint64_t ticks[2] = {};
    if (!is_timed(queue) ||
        vulkan.device().getDispatcher()->vkGetQueryPoolResults(
            static_cast<VkDevice>(*vulkan.device()), static_cast<VkQueryPool>(*queries_), first_query, 2, sizeof ticks,
            ticks, sizeof ticks[0], VK_QUERY_RESULT_64_BIT) != VK_SUCCESS) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(vulkan.ns_between(ticks[0], ticks[1], queue));
}

}  // namespace maniple
