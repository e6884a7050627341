// lanes/vulkan/gpu_program.hpp: a gpu lane's chunks of one program as command buffers that are used again and again.
#pragma once

#include <memory>
#include <vector>

#include "lanes/vulkan/command_writer.hpp"
#include "lanes/vulkan/lane_device.hpp"
#include "program/throughput.hpp"

namespace maniple {

/// Owns command buffers, descriptor sets and scratch. Borrows the lane's device.
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
        vk::CommandBuffer commands;
        std::uint32_t first_query = 0;
        std::int64_t submitted_ns = 0;
        std::vector<const Chunk*> before;  ///< of this gpu: it waits for them on the device
        std::uint64_t value = 0;           ///< on the timeline; 0: not submitted
        Completion* done = nullptr;
    };
    void record(Chunk& chunk, const vk::raii::CommandBuffer& commands);
    std::int64_t busy_ns(const Chunk& chunk) const;
    std::int64_t slowed_ns(std::int64_t busy_ns) const;
    const DeviceBuffer& storage(StorageId id) const;

    GpuLane::Device& device_;
    std::vector<DeviceBuffer> scratch_;
    std::unique_ptr<CommandWriter> writer_;
    vk::raii::CommandPool pool_{nullptr};
    vk::raii::QueryPool queries_{nullptr};
    std::vector<vk::raii::CommandBuffer> buffers_;
    std::vector<std::unique_ptr<Chunk>> chunks_;  ///< by ChunkId; null for those of other lanes
};

}  // namespace maniple
