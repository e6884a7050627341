#include "lanes/vulkan/recording.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "lanes/vulkan/dispatches.hpp"
#include "lanes/vulkan/moves.hpp"

namespace maniple {

namespace {

constexpr std::uint8_t device_stages = stage_compute | stage_transfer;

/// Of every instruction of a lane, the part of a chunk that it belongs to.
class Division {
public:
    Division(const Layout& layout, const Program& program, int gpu, const DeviceLimits& limits)
        : layout_(layout), program_(program), limits_(limits), parts_(program.instructions.size()) {
        for (std::size_t i = 0; i < program.chunks.size(); ++i) {
            const Chunk& chunk = program.chunks[i];
            if (chunk.lane != LaneKind::gpu || chunk.gpu != gpu) continue;
            for (const InstructionId id : chunk.instructions) parts_[id.index()] = {ChunkId(i), QueueUse::kernels};
            if (limits.uploads.apart) take_apart(chunk, uploads_ahead(chunk), QueueUse::uploads);
            if (limits.downloads.apart) take_apart(chunk, downloads_behind(chunk), QueueUse::downloads);
        }
    }

    /// Without a chunk for those of other lanes.
    const PartId& of(InstructionId id) const { return parts_[id.index()]; }

private:
    bool can_go(InstructionId id, const CopyQueue& queue) const {
        return queue.computes || is_for_copy_queue(move_of(layout_, program_.instructions[id.index()]));
    }

    /// Those that wait for nothing in the chunk but for each other.
    std::vector<InstructionId> uploads_ahead(const Chunk& chunk) const {
        std::vector<InstructionId> ahead;
        std::set<InstructionId> others;
        for (const InstructionId id : chunk.instructions) {
            const Instruction& instruction = program_.instructions[id.index()];
            const bool goes = instruction.kind == InstructionKind::upload && can_go(id, limits_.uploads) &&
                              std::none_of(instruction.after.begin(), instruction.after.end(),
                                           [&](InstructionId before) { return others.contains(before); });
            if (goes) ahead.push_back(id);
            if (!goes) others.insert(id);
        }
        return ahead;
    }

    /// Those that nothing in the chunk waits for but each other.
    std::vector<InstructionId> downloads_behind(const Chunk& chunk) const {
        std::vector<InstructionId> behind;
        std::set<InstructionId> awaited;
        for (std::size_t i = chunk.instructions.size(); i-- > 0;) {
            const InstructionId id = chunk.instructions[i];
            const Instruction& instruction = program_.instructions[id.index()];
            if (instruction.kind == InstructionKind::download && !awaited.contains(id) &&
                can_go(id, limits_.downloads)) {
                behind.push_back(id);
            } else {
                awaited.insert(instruction.after.begin(), instruction.after.end());
            }
        }
        return behind;
    }

    void take_apart(const Chunk& chunk, const std::vector<InstructionId>& copies, QueueUse queue) {
        std::int64_t bytes = 0;
        for (const InstructionId id : copies) bytes += program_.instructions[id.index()].bytes / 2;  // read and written
        if (bytes < limits_.least_apart_bytes && copies.size() < chunk.instructions.size()) return;
        for (const InstructionId id : copies) parts_[id.index()].queue = queue;
    }

    const Layout& layout_;
    const Program& program_;
    const DeviceLimits& limits_;
    std::vector<PartId> parts_;  ///< by InstructionId
};

/// Puts the commands of one part of a chunk into layers and barriers between these.
class PartRecorder {
public:
    PartRecorder(const DispatchContext& context, const Program& program, const Division& division, PartId part)
        : context_(context), program_(program), division_(division), part_(part) {
        result_.queue = part.queue;
    }

    /// Requires: called in the order of the instructions.
    void add(InstructionId id) {
        place(id, stages_of(id));
        for (const InstructionId before : program_.instructions[id.index()].after) {
            const PartId& other = division_.of(before);
            if (other.chunk.valid() && other.chunk != part_.chunk) after_.insert(other);
        }
    }

    RecordedPart finish() {
        result_.after.assign(after_.begin(), after_.end());
        add_barriers();
        return std::move(result_);
    }

private:
    Stages stages_of(InstructionId id) {
        const Instruction& instruction = program_.instructions[id.index()];
        switch (instruction.kind) {
            case InstructionKind::copy:
            case InstructionKind::boundary:
            case InstructionKind::upload:
            case InstructionKind::download: return {commands_of(move_of(context_.layout, instruction), id)};
            case InstructionKind::compute:
            case InstructionKind::accumulate:
            case InstructionKind::merge:
            case InstructionKind::finish: return kernel_stages(context_, instruction, id);
            default:
                broken_invariant(__FILE__, __LINE__, "no gpu instruction: " + std::string(name_of(instruction.kind)));
        }
    }

    std::vector<Command> commands_of(const Move& move, InstructionId id) const {
        const DeviceLimits& limits = context_.limits;
        const CopyQueue& queue = part_.queue == QueueUse::uploads ? limits.uploads : limits.downloads;
        if (part_.queue == QueueUse::kernels || queue.computes) return move_commands(move, id, limits);
        return copy_queue_commands(move, id);
    }

    /// In the first layer behind those of its predecessors in this part.
    void place(InstructionId id, Stages stages) {
        std::size_t layer = 0;
        for (const InstructionId before : program_.instructions[id.index()].after) {
            const auto known = next_layer_.find(before);
            if (known != next_layer_.end()) layer = std::max(layer, known->second);
        }
        for (std::vector<Command>& stage : stages) {
            if (stage.empty()) continue;
            if (result_.layers.size() <= layer) result_.layers.resize(layer + 1);
            std::vector<Command>& commands = result_.layers[layer++].commands;
            std::move(stage.begin(), stage.end(), std::back_inserter(commands));
        }
        next_layer_[id] = layer;
    }

    void add_barriers() {
        std::map<StorageId, Accesses> pending;  // since the last barrier of each
        std::map<StorageId, std::uint8_t> written;
        for (Layer& layer : result_.layers) {
            std::map<StorageId, Accesses> now;
            for (const Command& command : layer.commands) {
                for (const Touch& touch : touches_of(command)) {
                    now[touch.storage].reads |= touch.accesses.reads;
                    now[touch.storage].writes |= touch.accesses.writes;
                }
            }
            for (const auto& [storage, accesses] : now) {
                Accesses& before = pending[storage];
                if (before.writes != 0 || (before.reads != 0 && accesses.writes != 0)) {
                    // For every stage of the device: later layers may touch it by another one than this.
                    layer.barriers.push_back({storage, before, {device_stages, device_stages}});
                    before = {};
                }
                before.reads |= accesses.reads;
                before.writes |= accesses.writes;
                written[storage] |= accesses.writes;
            }
        }
        for (const auto& [storage, stages] : written) {
            if (stages != 0 && host_sees(storage)) result_.to_host.push_back({storage, {0, stages}, {stage_host, 0}});
        }
    }

    bool host_sees(StorageId storage) const {
        const std::size_t number = storage.index();
        return number < context_.layout.buffers.size() &&
               context_.layout.buffers[number].memory.kind != Memory::Kind::device;
    }

    const DispatchContext& context_;
    const Program& program_;
    const Division& division_;
    PartId part_;
    std::map<InstructionId, std::size_t> next_layer_;  ///< the first layer behind an instruction
    std::set<PartId> after_;
    RecordedPart result_;
};

void note_staging(const Layout& layout, const Instruction& instruction, RecordedChunk& chunk) {
    const bool uploads = instruction.kind == InstructionKind::upload;
    if (!uploads && instruction.kind != InstructionKind::download) return;
    const Use& use = uploads ? instruction.reads[0] : instruction.writes[0];
    const BufferSpec& staging = layout[use.buffer];
    if (use.box.empty()) return;
    (uploads ? chunk.uploads : chunk.downloads)
        .push_back({use.buffer, (use.box.lo[0] - staging.box.lo[0]) * staging.element_bytes,
                    use.box.volume() * staging.element_bytes});
}

RecordedChunk record_chunk(const DispatchContext& context, const Program& program, const Division& division,
                           ChunkId id) {
    RecordedChunk result;
    result.chunk = id;
    std::set<std::pair<OperationId, int>> operations;
    std::map<QueueUse, PartRecorder> parts;
    for (const InstructionId instruction_id : program.chunks[id.index()].instructions) {
        const Instruction& instruction = program.instructions[instruction_id.index()];
        if (instruction.operation.valid()) operations.emplace(instruction.operation, instruction.step);
        note_staging(context.layout, instruction, result);
        const PartId& part = division.of(instruction_id);
        parts.try_emplace(part.queue, context, program, division, part).first->second.add(instruction_id);
    }
    for (const QueueUse queue : {QueueUse::uploads, QueueUse::kernels, QueueUse::downloads}) {
        const auto part = parts.find(queue);
        if (part != parts.end()) result.parts.push_back(part->second.finish());
    }
    result.operations = static_cast<std::int64_t>(operations.size());
    return result;
}

}  // namespace

std::vector<Touch> touches_of(const Command& command) {
    std::vector<Touch> touches;
    if (const auto* dispatch = std::get_if<Dispatch>(&command.work)) {
        for (std::size_t i = 0; i < dispatch->windows.size(); ++i) {
            const bool written = i < dispatch->inputs_from;
            Accesses accesses;
            if (written) accesses.writes = stage_compute;
            if (!written || dispatch->target_is_read) accesses.reads = stage_compute;
            touches.push_back({dispatch->windows[i].storage, accesses});
        }
    } else if (const auto* copy = std::get_if<BoxCopy>(&command.work)) {
        touches.push_back({copy->to.storage, {0, stage_compute}});
        if (copy->call.zero == 0) touches.push_back({copy->from.storage, {stage_compute, 0}});
    } else if (const auto* runs = std::get_if<RunCopy>(&command.work)) {
        touches.push_back({runs->to, {0, stage_transfer}});
        touches.push_back({runs->from, {stage_transfer, 0}});
    } else {
        touches.push_back({std::get<RunZeros>(command.work).to, {0, stage_transfer}});
    }
    return touches;
}

Recording build_recording(const Graph& graph, const Layout& layout, const Program& program, int gpu,
                          const DeviceLimits& limits) {
    Recording recording;
    ScratchTable scratch(layout.buffers.size());
    const DispatchContext context{graph, layout, limits, scratch};
    const Division division(layout, program, gpu, limits);
    for (std::size_t i = 0; i < program.chunks.size(); ++i) {
        if (program.chunks[i].lane != LaneKind::gpu || program.chunks[i].gpu != gpu) continue;
        recording.chunks.push_back(record_chunk(context, program, division, ChunkId(i)));
    }
    recording.scratch_bytes = scratch.take();
    return recording;
}

}  // namespace maniple
