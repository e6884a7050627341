// tests/lanes_vulkan/gpu_harness.hpp: a job on one rank, its kernels, copies and boundaries on a gpu lane.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "graph/graph.hpp"
#include "lanes/arena.hpp"
#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/reference/reference.hpp"
#include "lanes/vulkan/gpu_lane.hpp"
#include "memory_files.hpp"
#include "program/blocks.hpp"

namespace maniple {

/// Waits for one chunk after the other.
class WaitFor final : public Completion {
public:
    void finished(ChunkId, std::exception_ptr error) override {
        // Notified under the lock: whoever waits may destroy this at once.
        const std::lock_guard lock(mutex_);
        error_ = std::move(error);
        ++finished_;
        changed_.notify_all();
    }
    /// Until `count` chunks have finished since the last time; throws the last one's error.
    void wait(int count = 1) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return finished_ >= count; });
        finished_ -= count;
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int finished_ = 0;
    std::exception_ptr error_;
};

/// A layout whose instructions all have shaders.
inline Layout cpu_layout(const Graph& graph, const Plan& plan) {
    LaneChoice lanes;
    lanes.folds_by_tile = false;
    lanes.chains = false;
    return build_layout(graph, plan, Rank(0), lanes);
}

/// `layout` for a lane 0 that uses every buffer in place; or, with copies, behind the rank's own buffers a twin of
/// each on the device, and a staging buffer for each.
inline Layout gpu_layout(const Layout& layout, bool copies) {
    Layout result = layout;
    if (!copies) {
        for (BufferSpec& buffer : result.buffers) buffer.memory = {Memory::Kind::host, 0};
        return result;
    }
    for (const Memory::Kind kind : {Memory::Kind::device, Memory::Kind::staging}) {
        for (const BufferSpec& buffer : layout.buffers) {
            result.buffers.push_back(buffer);
            result.buffers.back().memory = {kind, 0};
            if (kind != Memory::Kind::staging) continue;
            result.buffers.back().box = Box{Extents{0}, Extents{buffer.bytes()}};
            result.buffers.back().element_bytes = 1;
        }
    }
    return result;
}

/// A program whose work for the cpu, but the filling of buffers, is in chunks of gpu lane 0: each run of such
/// instructions one chunk, and every other instruction one too.
class GpuProgramBuilder {
public:
    GpuProgramBuilder(const Layout& own, bool copies) : own_(own), copies_(copies) {}

    Program build(const Program& program) {
        result_ = program;
        result_.chunks.clear();
        for (std::size_t i = 0; i < program.instructions.size(); ++i) {
            const bool to_gpu =
                program.instructions[i].lane == LaneKind::cpu && program.instructions[i].kind != InstructionKind::fill;
            const bool goes_on = to_gpu && !result_.chunks.empty() && result_.chunks.back().lane == LaneKind::gpu;
            if (!goes_on) {
                end_chunk();
                result_.chunks.emplace_back();
                result_.chunks.back().lane = to_gpu ? LaneKind::gpu : program.instructions[i].lane;
                result_.chunks.back().gpu = to_gpu ? 0 : -1;
            }
            if (to_gpu) move_to_gpu(result_.instructions[i]);
            result_.chunks.back().instructions.push_back(InstructionId(i));
        }
        end_chunk();
        return std::move(result_);
    }

private:
    BufferId twin(BufferId id) const { return BufferId(id.index() + own_.buffers.size()); }
    BufferId staging(BufferId id) const { return BufferId(id.index() + 2 * own_.buffers.size()); }

    void move_to_gpu(Instruction& instruction) const {
        instruction.lane = LaneKind::gpu;
        instruction.gpu = 0;
        if (!copies_) return;
        const auto put = [this](Use& use) { use.buffer = twin(use.buffer); };
        instruction.reads.change(put);
        instruction.writes.change(put);
        for (Argument& argument : instruction.arguments) argument.buffer = twin(argument.buffer);
    }

    /// Whole buffers come before the chunk's work and leave after it, in two pieces, cut where rows are cut.
    void end_chunk() {
        if (!copies_ || result_.chunks.empty() || result_.chunks.back().lane != LaneKind::gpu) return;
        const auto held = result_.chunks.back().instructions;
        const std::vector<InstructionId> work(held.begin(), held.end());
        std::map<BufferId, bool> written;
        for (const InstructionId id : work) {
            for (const Use& use : result_.instructions[id.index()].reads) written[use.buffer] |= false;
            for (const Use& use : result_.instructions[id.index()].writes) written[use.buffer] |= true;
        }
        std::vector<InstructionId> order;
        for (const auto& [buffer, unused] : written) add_moves(InstructionKind::upload, buffer, {}, order);
        for (const InstructionId id : work) {
            auto& after = result_.instructions[id.index()].after;
            for (const InstructionId first : order) after.push_back(first);
        }
        order.insert(order.end(), work.begin(), work.end());
        for (const auto& [buffer, is_written] : written) {
            if (is_written) add_moves(InstructionKind::download, buffer, work, order);
        }
        result_.chunks.back().instructions = {order.begin(), order.end()};
    }

    void add_moves(InstructionKind kind, BufferId device, const std::vector<InstructionId>& after,
                   std::vector<InstructionId>& order) {
        const BufferId own = BufferId(device.index() - own_.buffers.size());
        const Box& box = own_[own].box;
        std::vector<Box> pieces{box};
        if (box.rank() > 0 && box.extent(box.rank() - 1) > 1) {
            const int last = box.rank() - 1;
            pieces.push_back(box);
            pieces[0].hi[last] = pieces[1].lo[last] = box.lo[last] + box.extent(last) / 2;
        }
        std::int64_t offset = 0;
        for (const Box& piece : pieces) {
            const std::int64_t bytes = piece.volume() * own_[own].element_bytes;
            const Use packed{staging(own), Box{Extents{offset}, Extents{offset + bytes}}};
            const Use loose{device, piece};
            offset += bytes;
            Instruction move;
            move.kind = kind;
            move.lane = LaneKind::gpu;
            move.gpu = 0;
            move.reads.push_back(kind == InstructionKind::upload ? packed : loose);
            move.writes.push_back(kind == InstructionKind::upload ? loose : packed);
            move.after = {after.begin(), after.end()};
            order.push_back(InstructionId(result_.instructions.size()));
            result_.instructions.push_back(std::move(move));
        }
    }

    const Layout& own_;
    const bool copies_;
    Program result_;
};

/// Runs all steps of a graph, chunk by chunk. Borrows all that it is given.
class GpuHarness {
public:
    GpuHarness(VulkanInstance& instance, const Graph& graph, const Plan& plan, const InputLoader& load)
        : graph_(graph), plan_(plan), copies_(!instance.devices()[0].unified), own_(cpu_layout(graph, plan)),
          layout_(gpu_layout(own_, copies_)), lane_(instance, 0, 0, graph, layout_),
          arena_(layout_, [this](BufferId id) { return lane_.mapped(id); }),
          cpu_(graph, arena_, instruction_set(graph), 1), files_(graph, arena_, load) {}

    std::vector<TensorBytes> run() {
        bool stopped = false;
        StepBlock block;
        for (set_first_block(graph_, own_.versions, block);;
             set_next_block(graph_, own_.versions, graph_.steps, block)) {
            const std::vector<BufferId> verdicts = run_block(block);
            stopped = !verdicts.empty() && *arena_.block(verdicts.back()).data != std::byte{0};
            steps_ = block.end();
            if (stopped || steps_ == graph_.steps) break;
        }
        if (graph_.until.valid()) run_block(closing_block(graph_, own_.versions, block, stopped));
        return files_.outputs();
    }

    GpuLane& lane() { return lane_; }

private:
    struct Prepared {
        Program program;
        std::unique_ptr<LaneProgram> gpu, cpu, file;
    };

    static std::string instruction_set(const Graph& graph) {
        return choose_instruction_set(graph.operations.front().kernel->instruction_sets);
    }

    Prepared& prepare(const BlockShape& shape) {
        for (const std::unique_ptr<Prepared>& known : programs_) {
            if (known->program.shape == shape) return *known;
        }
        auto made = std::make_unique<Prepared>();
        made->program = GpuProgramBuilder(own_, copies_).build(build_program(graph_, plan_, own_, shape));
        made->gpu = lane_.prepare(made->program);
        made->cpu = cpu_.prepare(made->program);
        made->file = files_.prepare(made->program);
        programs_.push_back(std::move(made));
        return *programs_.back();
    }

    std::vector<BufferId> run_block(const StepBlock& block) {
        Prepared& prepared = prepare(block.shape);
        for (std::size_t i = 0; i < prepared.program.chunks.size(); ++i) {
            const Chunk& chunk = prepared.program.chunks[i];
            LaneProgram& lane = chunk.lane == LaneKind::gpu   ? *prepared.gpu
                                : chunk.lane == LaneKind::cpu ? *prepared.cpu
                                                              : *prepared.file;
            if (chunk.lane == LaneKind::gpu) move_staging(prepared.program, chunk, InstructionKind::upload);
            lane.submit(ChunkId(i), {block.first}, completion_);
            completion_.wait();
            if (chunk.lane == LaneKind::gpu) move_staging(prepared.program, chunk, InstructionKind::download);
        }
        return prepared.program.verdicts;
    }

    /// What pack and unpack do on the cpu.
    void move_staging(const Program& program, const Chunk& chunk, InstructionKind kind) {
        for (const InstructionId id : chunk.instructions) {
            const Instruction& move = program.instructions[id.index()];
            if (move.kind != kind) continue;
            const bool up = kind == InstructionKind::upload;
            const Use& packed = up ? move.reads[0] : move.writes[0];
            const Use& loose = up ? move.writes[0] : move.reads[0];
            const Block own = arena_.block(BufferId(loose.buffer.index() - own_.buffers.size()));
            const Block dense{arena_.block(packed.buffer).at(packed.box.lo), own.element_bytes, loose.box};
            if (up) copy_box(read_only(own), loose.box, dense, loose.box);
            if (!up) copy_box(read_only(dense), loose.box, own, loose.box);
        }
    }

    const Graph& graph_;
    const Plan& plan_;
    const bool copies_;
    const Layout own_;
    const Layout layout_;
    GpuLane lane_;
    Arena arena_;
    CpuLane cpu_;
    MemoryFiles files_;
    WaitFor completion_;
    std::vector<std::unique_ptr<Prepared>> programs_;
    std::int64_t steps_ = 0;
};

}  // namespace maniple
