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

/// Puts the commands of one chunk into layers and barriers between these.
class ChunkRecorder {
public:
    ChunkRecorder(const DispatchContext& context, const Program& program, ChunkId id)
        : context_(context), program_(program), chunk_(program.chunks[id.index()]) {
        result_.chunk = id;
    }

    RecordedChunk record() {
        std::set<std::pair<OperationId, int>> operations;
        for (const InstructionId id : chunk_.instructions) {
            const Instruction& instruction = program_.instructions[id.index()];
            if (instruction.operation.valid()) operations.emplace(instruction.operation, instruction.step);
            place(id, stages_of(id));
            note_staging(instruction);
        }
        result_.operations = static_cast<std::int64_t>(operations.size());
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
            case InstructionKind::download:
                return {move_commands(move_of(context_.layout, instruction), id, context_.limits)};
            case InstructionKind::compute:
            case InstructionKind::accumulate:
            case InstructionKind::merge:
            case InstructionKind::finish: return kernel_stages(context_, instruction, id);
            default:
                broken_invariant(__FILE__, __LINE__, "no gpu instruction: " + std::string(name_of(instruction.kind)));
        }
    }

    /// In the first layer behind those of its predecessors in this chunk.
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

    void note_staging(const Instruction& instruction) {
        const bool uploads = instruction.kind == InstructionKind::upload;
        if (!uploads && instruction.kind != InstructionKind::download) return;
        const Use& use = uploads ? instruction.reads[0] : instruction.writes[0];
        const BufferSpec& staging = context_.layout[use.buffer];
        if (use.box.empty()) return;
        (uploads ? result_.uploads : result_.downloads)
            .push_back({use.buffer, (use.box.lo[0] - staging.box.lo[0]) * staging.element_bytes,
                        use.box.volume() * staging.element_bytes});
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
    const Chunk& chunk_;
    std::map<InstructionId, std::size_t> next_layer_;  ///< the first layer behind an instruction
    RecordedChunk result_;
};

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
    for (std::size_t i = 0; i < program.chunks.size(); ++i) {
        if (program.chunks[i].lane != LaneKind::gpu || program.chunks[i].gpu != gpu) continue;
        recording.chunks.push_back(ChunkRecorder(context, program, ChunkId(i)).record());
    }
    recording.scratch_bytes = scratch.take();
    return recording;
}

}  // namespace maniple
