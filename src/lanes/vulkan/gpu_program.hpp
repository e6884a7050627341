// lanes/vulkan/gpu_program.hpp: a gpu lane's chunks of one program as command buffers that are used again and again.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "lanes/vulkan/command_writer.hpp"
#include "lanes/vulkan/lane_device.hpp"
#include "program/throughput.hpp"

namespace maniple {

/// Owns command buffers, descriptor sets and scratch. Borrows the lane's device. What of a chunk is for another queue has
/// a command buffer of its own.
class GpuProgram final : public LaneProgram {
public:
    GpuProgram(GpuLane::Device& device, const Program& program);
    ~GpuProgram() override;

    void submit(ChunkId chunk, const Execution& execution, Completion& done) override;

private:
    /// One chunk and its execution under way.
    struct Chunk final : Submission {
        void ended(std::exception_ptr error) override;

        GpuProgram* program = nullptr;
        RecordedChunk recorded;
        std::vector<ChunkWork> work;
        std::vector<QueuedPart> parts;  ///< as the recorded ones
        std::uint32_t first_query = 0;  ///< two for each part
        std::int64_t submitted_ns = 0;
        Completion* done = nullptr;
    };
    /// What is recorded for one queue.
    struct Commands {
        vk::raii::CommandPool pool{nullptr};
        std::vector<vk::raii::CommandBuffer> buffers;
        std::size_t used = 0;
    };
    std::uint32_t make_room(const Recording& recording);
    void record(Chunk& chunk);
    void record(const RecordedPart& part, std::uint32_t first_query, const vk::raii::CommandBuffer& commands);
    void link(Chunk& chunk);
    bool is_timed(QueueUse queue) const;
    void reset_queries(const Chunk& chunk) const;
    std::int64_t busy_ns(const Chunk& chunk) const;
    std::optional<std::int64_t> busy_ns(QueueUse queue, std::uint32_t first_query) const;
    std::int64_t slowed_ns(std::int64_t busy_ns) const;
    const DeviceBuffer& storage(StorageId id) const;

    GpuLane::Device& device_;
    std::vector<DeviceBuffer> scratch_;
    std::unique_ptr<CommandWriter> writer_;
    std::array<Commands, queue_uses> commands_;  ///< by QueueUse
    vk::raii::QueryPool queries_{nullptr};
    std::vector<std::unique_ptr<Chunk>> chunks_;  ///< by ChunkId; null for those of other lanes
};

}  // namespace maniple
