#include "lanes/vulkan/gpu_runner.hpp"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "lanes/vulkan/gpu_lane.hpp"
#include "program/lane_choice.hpp"

namespace maniple {

namespace {

/// The check's blocks are small.
constexpr std::int64_t slot_bytes = std::int64_t{16} << 20;
constexpr std::chrono::seconds patience{30};
constexpr std::size_t slots = 24;

/// Waits for one chunk.
class OneChunk final : public Completion {
public:
    void finished(ChunkId, std::exception_ptr error) override {
        const std::lock_guard lock(mutex_);
        error_ = std::move(error);
        done_ = true;
        changed_.notify_one();
    }
    /// False if it took too long.
    bool wait(std::chrono::seconds at_most) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, at_most, [&] { return done_; })) return false;
        if (error_) std::rethrow_exception(error_);
        return true;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false;
    std::exception_ptr error_;
};

/// One lane for all runs: its buffers are slots of one size, which take the shape of the blocks of each run.
class GpuRunner final : public KernelRunner {
public:
    GpuRunner(VulkanInstance& instance, int device)
        : facts_(facts_of(instance.devices()[static_cast<std::size_t>(device)])), name_(fmt::format("gpu {}", device)) {
        for (std::size_t i = 0; i < slots; ++i) {
            layout_.buffers.push_back(
                {fmt::format("slot {}", i), Box(Extents{0}, Extents{slot_bytes}), 1, Memory{Memory::Kind::host, 0}});
        }
        lane_ = std::make_unique<GpuLane>(instance, device, 0, graph_, layout_);
    }

    std::string name() const override { return name_; }
    bool can_run(const Kernel& kernel, std::size_t types) const override {
        const maniple_gpu_variant* variant = kernel.gpu_variant(types);
        return variant != nullptr && (variant->features & ~facts_.features) == 0;
    }
    bool has_reference_bits(const Kernel& kernel, std::size_t types) const override {
        return kernel.types[types].exact && (facts_.keeps_denormals || !computes_reals(kernel.types[types]));
    }
    bool keeps_order() const override { return false; }
    bool keeps_subnormals() const override { return facts_.keeps_denormals; }

    std::optional<std::string> run(const Operation& operation, std::span<const KernelTask> tasks) override {
        blocks_.clear();
        graph_ = {};
        graph_.operations = {operation};
        Program program;
        for (const KernelTask& task : tasks) program.instructions.push_back(instruction_of(task));
        for (std::size_t i = 0; i < program.instructions.size(); ++i) {
            if (i > 0) program.instructions[i].after = {InstructionId(i - 1)};
        }
        program.chunks = build_chunks(program.instructions);
        for (std::size_t i = 0; i < blocks_.size(); ++i)
            std::memcpy(slot(i), blocks_[i].data, static_cast<std::size_t>(blocks_[i].bytes()));
        try {
            const std::unique_ptr<LaneProgram> part = lane_->prepare(program);
            for (std::size_t i = 0; i < program.chunks.size(); ++i) {
                OneChunk done;
                part->submit(ChunkId(i), {}, done);
                if (done.wait(patience)) continue;
                lane_->cancel();  // the lane then reports every chunk within ten seconds
                done.wait(std::chrono::hours(1));
                return name_ + " did not end its work within " + std::to_string(patience.count()) + " seconds";
            }
        } catch (const Error& error) { return std::string(error.what()); }
        for (std::size_t i = 0; i < blocks_.size(); ++i)
            std::memcpy(blocks_[i].data, slot(i), static_cast<std::size_t>(blocks_[i].bytes()));
        return std::nullopt;
    }

private:
    static bool computes_reals(const KernelTypes& types) {
        for (const DType type : types.inputs) {
            if (is_floating(type)) return true;
        }
        for (const DType type : types.outputs) {
            if (is_floating(type)) return true;
        }
        return false;
    }

    std::byte* slot(std::size_t number) { return lane_->mapped(BufferId(number)); }

    /// The slot that stands for `block`: the same one for the same bytes.
    BufferId buffer_of(const Block& block) {
        for (std::size_t i = 0; i < blocks_.size(); ++i) {
            if (blocks_[i].data == block.data) return BufferId(i);
        }
        MANIPLE_CHECK(blocks_.size() < slots && block.bytes() <= slot_bytes,
                      "a block of the check does not fit: " + to_string(block.box));
        const BufferId id(blocks_.size());
        blocks_.push_back(block);
        layout_.buffers[id.index()].box = block.box;
        layout_.buffers[id.index()].element_bytes = static_cast<std::int64_t>(block.element_bytes);
        return id;
    }

    Instruction instruction_of(const KernelTask& task) {
        using Kind = KernelTask::Kind;
        Instruction result;
        result.kind = task.kind == Kind::compute      ? InstructionKind::compute
                      : task.kind == Kind::accumulate ? InstructionKind::accumulate
                      : task.kind == Kind::merge      ? InstructionKind::merge
                                                      : InstructionKind::finish;
        result.lane = LaneKind::gpu;
        result.gpu = 0;
        result.operation = OperationId(std::size_t{0});
        result.box = task.points;
        // A block of states has the one part 0.
        const bool states_written = task.kind == Kind::accumulate || task.kind == Kind::merge;
        const bool states_read = task.kind == Kind::merge || task.kind == Kind::finish;
        for (const Block& block : task.writes) {
            result.arguments.push_back({buffer_of(block), states_written ? 0 : -1});
            result.writes.push_back({result.arguments.back().buffer, block.box});
        }
        for (const Block& block : task.reads) {
            result.arguments.push_back({buffer_of(block), states_read ? 0 : -1});
            result.reads.push_back({result.arguments.back().buffer, block.box});
        }
        return result;
    }

    GpuFacts facts_;
    std::string name_;
    Graph graph_;
    Layout layout_;
    std::vector<Block> blocks_;  ///< by slot: of the run under way
    std::unique_ptr<GpuLane> lane_;
};

}  // namespace

std::unique_ptr<KernelRunner> gpu_runner(VulkanInstance& instance, int device) {
    return std::make_unique<GpuRunner>(instance, device);
}

}  // namespace maniple
