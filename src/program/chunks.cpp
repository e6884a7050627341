#include <algorithm>
#include <map>

#include "base/huge_pages.hpp"
#include "program/program.hpp"

namespace maniple {

namespace {

/// About 50 µs of memory traffic of one core: enough to hide what a chunk costs, little enough to balance.
constexpr std::int64_t chunk_bytes = 1 << 20;
/// The same as time, twenty times over: what a chunk costs is nothing beside it, and whoever is more urgent does not
/// wait long.
constexpr double chunk_ns = 1e6;
/// With the tails of a product.
constexpr std::int64_t longest_chunk_bytes = 64 << 20;
constexpr double longest_chunk_ns = 1e9;
/// A copy that is so much less than the chunk whose results it copies does not delay those who wait for these.
constexpr std::int64_t small_share = 16;
/// Of a gpu, whose chunks cost tens of µs each: well below a second of its memory traffic.
constexpr std::int64_t gpu_chunk_bytes = std::int64_t{4} << 30;
constexpr std::size_t gpu_chunk_instructions = 1024;

/// What chunks are made by, of one instruction: these lie close together and are looked at several times.
struct Brief {
    InstructionKind kind;
    LaneKind lane;
    bool chained : 1, tail : 1, claimable : 1;
    int gpu;
    std::uint32_t first_after;  ///< in ChunkBuilder::after_, up to that of the next one
    int dependents = 0;
    InstructionId last_dependent = {};
    std::int64_t bytes;
};

class ChunkBuilder {
public:
    ChunkBuilder(const std::vector<Instruction>& instructions, std::span<const double> point_ns)
        : instructions_(instructions), point_ns_(point_ns), chunk_of_(instructions.size()),
          implied_by_(instructions.size(), 0) {
        briefs_.reserve(instructions.size() + 1);
        prefer_huge_pages(briefs_.data(), briefs_.capacity() * sizeof(Brief));
        after_.reserve(2 * instructions.size());
        bool has_gpu = false;
        for (std::size_t i = 0; i < instructions.size(); ++i) {
            const Instruction& one = instructions[i];
            briefs_.push_back({one.kind,
                               one.lane,
                               one.chained,
                               one.tail,
                               one.claimable,
                               one.gpu,
                               static_cast<std::uint32_t>(after_.size()),
                               0,
                               {},
                               one.bytes});
            has_gpu = has_gpu || one.lane == LaneKind::gpu;
            if (one.after.size() > 1) mark_implied(one);
            for (const InstructionId before : one.after) {
                if (one.after.size() > 1 && implied_by_[before.index()] == marks_) continue;
                after_.push_back(before);
                ++briefs_[before.index()].dependents;
                briefs_[before.index()].last_dependent = InstructionId(i);
            }
        }
        briefs_.emplace_back().first_after = static_cast<std::uint32_t>(after_.size());
        if (has_gpu) find_awaited_elsewhere();
    }

    std::vector<Chunk> build() {
        chunks_.reserve(instructions_.size() / 2);
        bytes_.reserve(instructions_.size() / 2);
        ns_.reserve(instructions_.size() / 2);
        for (std::size_t i = 0; i < instructions_.size(); ++i) add(InstructionId(i));
        for (std::size_t i = 0; i < chunks_.size(); ++i) link(ChunkId(i));
        return std::move(chunks_);
    }

private:
    struct OpenChunk {
        ChunkId chunk;
        std::vector<ChunkId> waits_for;  ///< because of its first instruction
    };

    /// What others that it waits for wait for themselves. Where tensors share memory, what writes over one follows those who
    /// wrote it as well as their readers.
    void mark_implied(const Instruction& instruction) {
        ++marks_;
        for (const InstructionId before : instruction.after) {
            for (const InstructionId earlier : instructions_[before.index()].after)
                implied_by_[earlier.index()] = marks_;
        }
    }

    void find_awaited_elsewhere() {
        awaited_elsewhere_.resize(instructions_.size(), false);
        for (std::size_t i = 0; i < instructions_.size(); ++i) {
            for (const InstructionId before : after(InstructionId(i))) {
                const Brief &first = brief(before), &second = briefs_[i];
                if (first.lane != second.lane || first.gpu != second.gpu) awaited_elsewhere_[before.index()] = true;
            }
        }
    }

    const Brief& brief(InstructionId id) const { return briefs_[id.index()]; }
    std::span<const InstructionId> after(InstructionId id) const {
        const std::size_t first = briefs_[id.index()].first_after;
        return std::span(after_).subspan(first, briefs_[id.index() + 1].first_after - first);
    }

    void add(InstructionId id) {
        const Brief& instruction = brief(id);
        const std::span<const InstructionId> after = this->after(id);
        const auto is_left = [&](InstructionId before) { return !chunk_of_[before.index()].valid(); };
        const bool brings_copies = std::any_of(after.begin(), after.end(), is_left);
        ChunkId chunk;
        if (!brings_copies) chunk = chunk_to_join(id);
        if (!chunk.valid() && is_left_to_its_tile(id)) return;
        if (!chunk.valid()) {
            chunk = ChunkId(chunks_.size());
            chunks_.push_back({});
            chunks_.back().lane = instruction.lane;
            chunks_.back().gpu = instruction.gpu;
            chunks_.back().claimable = instruction.claimable;
            made_at_.push_back(id);
            bytes_.push_back(0);
            ns_.push_back(0);
            if (instruction.lane == LaneKind::gpu) open_[instruction.gpu] = {chunk, chunks_before(id)};
        }
        for (const InstructionId before : after) {
            if (is_left(before)) put(before, chunk);
        }
        put(id, chunk);
    }

    void put(InstructionId id, ChunkId chunk) {
        chunks_[chunk.index()].instructions.push_back(id);
        bytes_[chunk.index()] += brief(id).bytes;
        ns_[chunk.index()] += ns_of(id);
        chunk_of_[id.index()] = chunk;
    }

    /// Of a kernel whose cost is known; else 0.
    double ns_of(InstructionId id) const {
        if (point_ns_.empty() || !runs_kernel(brief(id).kind)) return 0;
        const Instruction& instruction = instructions_[id.index()];
        return point_ns_[instruction.operation.index()] * static_cast<double>(instruction.box.volume());
    }

    /// A small copy that only one tile needs (at the beginning of a block, a piece of its halo) is made in the tile's chunk,
    /// before it: by itself it would take less time than a chunk costs, and the tile needs the same lines. No chunks come to
    /// wait for each other by that: what the tile waits for does not wait for the copy.
    bool is_left_to_its_tile(InstructionId id) const {
        const Brief& copy = brief(id);
        if (copy.lane != LaneKind::cpu || !is_copy(copy) || copy.dependents != 1) return false;
        const Brief& tile = brief(copy.last_dependent);
        return tile.kind == InstructionKind::compute && tile.lane == LaneKind::cpu && !tile.claimable &&
               !tile.chained && !tile.tail && copy.bytes * small_share <= tile.bytes;
    }

    static bool is_copy(const Brief& instruction) {
        return instruction.kind == InstructionKind::boundary || instruction.kind == InstructionKind::copy;
    }

    std::vector<ChunkId> chunks_before(InstructionId id) const {
        std::vector<ChunkId> before;
        for (const InstructionId other : after(id)) before.push_back(chunk_of_[other.index()]);
        return before;
    }

    ChunkId chunk_to_join(InstructionId id) const {
        const Brief& instruction = brief(id);
        if (instruction.chained) return chunk_of_[id.index() - 1];
        if (instruction.lane == LaneKind::gpu) return gpu_chunk_to_join(id);
        if (instruction.lane != LaneKind::cpu || instruction.claimable) return {};
        ChunkId chunk = tile_to_join(id);
        if (!chunk.valid()) chunk = cpu_chunk_to_join(id);
        return chunk.valid() && chunks_[chunk.index()].claimable ? ChunkId{} : chunk;
    }

    /// What the edge of a tile is copied to (a halo, most often) follows the tile at once, while it lies in the cache: the
    /// chunk that holds the last instruction that it waits for, if the chunk waits for all others itself.
    ChunkId tile_to_join(InstructionId id) const {
        const Brief& instruction = brief(id);
        const std::span<const InstructionId> after = this->after(id);
        if (!is_copy(instruction) || after.empty()) return {};
        const ChunkId chunk = chunk_of_[after.back().index()];
        const InstructionId first = made_at_[chunk.index()];
        if (brief(first).lane != LaneKind::cpu || brief(first).kind != InstructionKind::compute) return {};
        if (instruction.bytes * small_share > bytes_[chunk.index()]) return {};
        const std::span<const InstructionId> awaited = this->after(first);
        const bool covers_all = std::all_of(after.begin(), after.end(), [&](InstructionId before) {
            return chunk_of_[before.index()] == chunk || std::binary_search(awaited.begin(), awaited.end(), before);
        });
        return covers_all ? chunk : ChunkId{};
    }

    /// The newest chunk of the same gpu, if this instruction waits for nothing that the chunk does not hold or wait for
    /// already, and no other lane waits for what the chunk holds: it would have to wait for this one, too.
    ChunkId gpu_chunk_to_join(InstructionId id) const {
        const Brief& instruction = brief(id);
        const std::span<const InstructionId> after = this->after(id);
        const auto open = open_.find(instruction.gpu);
        if (open == open_.end()) return {};
        const OpenChunk& newest = open->second;
        const std::size_t chunk = newest.chunk.index();
        const auto& held = chunks_[chunk].instructions;
        const bool fits =
            held.size() < gpu_chunk_instructions && bytes_[chunk] + instruction.bytes <= gpu_chunk_bytes &&
            std::none_of(held.begin(), held.end(), [&](InstructionId one) { return awaited_elsewhere_[one.index()]; });
        if (!fits) return {};
        const auto is_covered = [&](InstructionId before) {
            const ChunkId other = chunk_of_[before.index()];
            const std::vector<ChunkId>& known = newest.waits_for;
            return other == newest.chunk || std::find(known.begin(), known.end(), other) != known.end();
        };
        return std::all_of(after.begin(), after.end(), is_covered) ? newest.chunk : ChunkId{};
    }

    /// The chunk whose last instruction is waited for by this one alone, and that holds all it waits for. The tail of a
    /// product goes on in it whatever its size. The whole chunk waits for what the tail takes beside, and for what those
    /// chained to this instruction do, which come into the same chunk: all that must come before the chunk's first
    /// instruction, so that no chunks wait for each other.
    ChunkId cpu_chunk_to_join(InstructionId id) const {
        const Brief& instruction = brief(id);
        const std::span<const InstructionId> after = this->after(id);
        if (after.empty()) return {};
        const InstructionId last = after.back();
        const ChunkId chunk = chunk_of_[last.index()];
        const Chunk& candidate = chunks_[chunk.index()];
        const std::int64_t most_bytes = instruction.tail ? longest_chunk_bytes : chunk_bytes;
        const double most_ns = instruction.tail ? longest_chunk_ns : chunk_ns;
        const bool fits = candidate.lane == LaneKind::cpu && candidate.instructions.back() == last &&
                          brief(last).dependents == 1 && bytes_[chunk.index()] + instruction.bytes <= most_bytes &&
                          ns_[chunk.index()] + ns_of(id) <= most_ns;
        if (!fits) return {};
        const bool holds_all = std::all_of(after.begin(), after.end(), [&](InstructionId before) {
            const bool beside = instruction.tail && before < made_at_[chunk.index()] && is_input(before);
            return chunk_of_[before.index()] == chunk || beside;
        });
        return holds_all && may_take_chain(id, chunk) ? chunk : ChunkId{};
    }

    /// Whether those chained to it wait for nothing that may wait for the chunk.
    bool may_take_chain(InstructionId id, ChunkId chunk) const {
        for (std::size_t i = id.index() + 1; i < instructions_.size() && briefs_[i].chained; ++i) {
            const std::span<const InstructionId> after = this->after(InstructionId(i));
            const bool is_safe = std::all_of(after.begin(), after.end(), [&](InstructionId before) {
                return before >= id || before < made_at_[chunk.index()] || chunk_of_[before.index()] == chunk;
            });
            if (!is_safe) return false;
        }
        return true;
    }

    bool is_loaded(InstructionId id) const {
        const InstructionKind kind = brief(id).kind;
        return kind == InstructionKind::read || kind == InstructionKind::fill;
    }

    /// Loaded, or computed of nothing but what is.
    bool is_input(InstructionId id) const {
        const std::span<const InstructionId> after = this->after(id);
        return is_loaded(id) || (!after.empty() && std::all_of(after.begin(), after.end(), [&](InstructionId before) {
                   return is_loaded(before);
               }));
    }

    void link(ChunkId id) {
        std::vector<ChunkId>& before = before_;
        before.clear();
        for (const InstructionId instruction : chunks_[id.index()].instructions) {
            for (const InstructionId predecessor : after(instruction)) {
                if (chunk_of_[predecessor.index()] != id) before.push_back(chunk_of_[predecessor.index()]);
            }
        }
        if (before.size() > 1) {
            std::sort(before.begin(), before.end());
            before.erase(std::unique(before.begin(), before.end()), before.end());
        }
        chunks_[id.index()].predecessors = static_cast<std::int32_t>(before.size());
        for (const ChunkId predecessor : before) chunks_[predecessor.index()].dependents.push_back(id);
    }

    const std::vector<Instruction>& instructions_;
    std::span<const double> point_ns_;  ///< by OperationId; empty: nothing is known
    std::vector<Chunk> chunks_;
    std::vector<InstructionId> made_at_;     ///< by chunk: the one that it was made for
    std::vector<std::int64_t> bytes_;        ///< by chunk
    std::vector<double> ns_;                 ///< likewise: of kernels whose cost is known
    std::vector<ChunkId> chunk_of_;          ///< of what has one
    std::vector<Brief> briefs_;              ///< one more than there are instructions
    std::vector<InstructionId> after_;       ///< of all instructions, one's behind the other's, without what is implied
    std::vector<std::uint32_t> implied_by_;  ///< by instruction: the mark_implied() that has met it last
    std::uint32_t marks_ = 0;
    std::vector<bool> awaited_elsewhere_;  ///< by instruction: one on another lane waits for it; empty without a gpu
    std::map<int, OpenChunk> open_;        ///< by gpu lane: its newest chunk
    std::vector<ChunkId> before_;          ///< those that one chunk waits for; kept for its memory
};

}  // namespace

std::vector<Chunk> build_chunks(const std::vector<Instruction>& instructions, std::span<const double> point_ns) {
    return ChunkBuilder(instructions, point_ns).build();
}

}  // namespace maniple
