#include <algorithm>

#include "program/program.hpp"

namespace maniple {

namespace {

/// About 50 µs of memory traffic of one core: enough to hide what a chunk costs, little enough to balance.
constexpr std::int64_t chunk_bytes = 1 << 20;

class ChunkBuilder {
public:
    explicit ChunkBuilder(const std::vector<Instruction>& instructions)
        : instructions_(instructions), chunk_of_(instructions.size()), dependents_(instructions.size(), 0) {
        for (const Instruction& instruction : instructions) {
            for (const InstructionId before : instruction.after) ++dependents_[before.index()];
        }
    }

    std::vector<Chunk> build() {
        for (std::size_t i = 0; i < instructions_.size(); ++i) add(InstructionId(i));
        for (std::size_t i = 0; i < chunks_.size(); ++i) link(ChunkId(i));
        return std::move(chunks_);
    }

private:
    void add(InstructionId id) {
        const Instruction& instruction = instructions_[id.index()];
        ChunkId chunk = chunk_to_join(instruction);
        if (!chunk.valid()) {
            chunk = ChunkId(chunks_.size());
            chunks_.push_back({});
            chunks_.back().lane = instruction.lane;
            bytes_.push_back(0);
        }
        chunks_[chunk.index()].instructions.push_back(id);
        bytes_[chunk.index()] += instruction.bytes;
        chunk_of_[id.index()] = chunk;
    }

    /// The chunk whose last instruction is waited for by this one alone, and that holds all it waits for.
    ChunkId chunk_to_join(const Instruction& instruction) const {
        if (instruction.lane != LaneKind::cpu || instruction.after.empty()) return {};
        const InstructionId last = instruction.after.back();
        const ChunkId chunk = chunk_of_[last.index()];
        const Chunk& candidate = chunks_[chunk.index()];
        const bool fits = candidate.lane == LaneKind::cpu && candidate.instructions.back() == last &&
                          dependents_[last.index()] == 1 && bytes_[chunk.index()] + instruction.bytes <= chunk_bytes;
        if (!fits) return {};
        const bool holds_all = std::all_of(instruction.after.begin(), instruction.after.end(),
                                           [&](InstructionId before) { return chunk_of_[before.index()] == chunk; });
        return holds_all ? chunk : ChunkId{};
    }

    void link(ChunkId id) {
        std::vector<ChunkId> before;
        for (const InstructionId instruction : chunks_[id.index()].instructions) {
            for (const InstructionId predecessor : instructions_[instruction.index()].after) {
                if (chunk_of_[predecessor.index()] != id) before.push_back(chunk_of_[predecessor.index()]);
            }
        }
        std::sort(before.begin(), before.end());
        before.erase(std::unique(before.begin(), before.end()), before.end());
        chunks_[id.index()].predecessors = static_cast<std::int32_t>(before.size());
        for (const ChunkId predecessor : before) chunks_[predecessor.index()].dependents.push_back(id);
    }

    const std::vector<Instruction>& instructions_;
    std::vector<Chunk> chunks_;
    std::vector<std::int64_t> bytes_;
    std::vector<ChunkId> chunk_of_;
    std::vector<int> dependents_;
};

}  // namespace

std::vector<Chunk> build_chunks(const std::vector<Instruction>& instructions) {
    return ChunkBuilder(instructions).build();
}

}  // namespace maniple
