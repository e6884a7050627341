#include "program/rank_proof.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "program/hazards.hpp"
#include "program/pool_hazards.hpp"

namespace maniple {

namespace {

class RankProof {
public:
    RankProof(const Graph& graph, const Layout& layout, const Program& program)
        : graph_(graph), layout_(layout), program_(program) {}

    std::string find() {
        const bool good = buffers_lie_in_memory() && boxes_lie_in_buffers() && stand_in_chunks() && are_ordered();
        return good ? "" : fault_;
    }

private:
    bool fail(std::string fault) {
        fault_ = std::move(fault);
        return false;
    }

    std::string text_of(std::size_t instruction) const {
        return instruction_text(graph_, layout_, program_, instruction);
    }

    // --- Memory --------------------------------------------------------------------------------------------------

    /// Buffers that have no bytes of their own lie in those of another, as long as rows of the same length do.
    bool buffers_lie_in_memory() {
        for (const BufferSpec& buffer : layout_.buffers) {
            if (!buffer.storage.valid() || buffer.box.empty()) continue;
            const BufferSpec& storage = layout_[buffer.storage];
            if (buffer.pool_byte >= 0) {
                if (!lies_in_pool(buffer, storage)) return false;
                continue;
            }
            const std::int64_t row = buffer.box.rank() == 0 ? buffer.bytes() : buffer.bytes() / buffer.box.extent(0);
            const bool inside = (!storage.storage.valid() || storage.pool_byte >= 0) && buffer.storage_row >= 0 &&
                                buffer.storage_row * row + buffer.bytes() <= storage.bytes();
            if (!inside)
                return fail(fmt::format("rank {}: '{}' {}, {} from row {} on, does not lie in the {} of '{}'",
                                        program_.rank.value, buffer.name, to_string(buffer.box),
                                        format_bytes(buffer.bytes()), buffer.storage_row, format_bytes(storage.bytes()),
                                        storage.name));
        }
        return true;
    }

    bool lies_in_pool(const BufferSpec& buffer, const BufferSpec& pool) {
        if (!pool.storage.valid() && buffer.pool_byte + buffer.bytes() <= pool.bytes()) return true;
        return fail(fmt::format("rank {}: '{}' {}, {} from byte {} on, does not lie in the {} of '{}'",
                                program_.rank.value, buffer.name, to_string(buffer.box), format_bytes(buffer.bytes()),
                                buffer.pool_byte, format_bytes(pool.bytes()), pool.name));
    }

    bool boxes_lie_in_buffers() {
        for (std::size_t i = 0; i < program_.instructions.size(); ++i) {
            const Instruction& of = program_.instructions[i];
            const ShortVector<Use, 2> reads = of.reads.all(), writes = of.writes.all();
            for (const std::span<const Use> uses : {std::span<const Use>(reads), std::span<const Use>(writes)}) {
                for (const Use& use : uses) {
                    const BufferSpec& buffer = layout_[use.buffer];
                    if (use.box.empty() || buffer.box.contains(use.box)) continue;
                    return fail(fmt::format("{} touches {} of '{}', which holds {}, {}", text_of(i), to_string(use.box),
                                            buffer.name, to_string(buffer.box), format_bytes(buffer.bytes())));
                }
            }
        }
        return true;
    }

    // --- Chunks --------------------------------------------------------------------------------------------------

    bool stand_in_chunks() {
        chunk_of_.assign(program_.instructions.size(), ChunkId{});
        place_.assign(program_.instructions.size(), 0);
        std::vector<std::int32_t> told(program_.chunks.size(), 0);
        for (std::size_t i = 0; i < program_.chunks.size(); ++i) {
            const Chunk& chunk = program_.chunks[i];
            for (std::size_t place = 0; place < chunk.instructions.size(); ++place) {
                const std::size_t id = chunk.instructions[place].index();
                const Instruction& of = program_.instructions[id];
                if (chunk_of_[id].valid()) return fail(text_of(id) + " stands in two chunks");
                if (of.lane != chunk.lane || of.gpu != chunk.gpu)
                    return fail(text_of(id) + " stands in a chunk of another lane");
                chunk_of_[id] = ChunkId(i);
                place_[id] = place;
            }
            for (const ChunkId dependent : chunk.dependents) ++told[dependent.index()];
        }
        for (std::size_t id = 0; id < chunk_of_.size(); ++id) {
            if (!chunk_of_[id].valid()) return fail(text_of(id) + " stands in no chunk");
        }
        for (std::size_t i = 0; i < program_.chunks.size(); ++i) {
            if (told[i] == program_.chunks[i].predecessors) continue;
            return fail(fmt::format("{} waits for {} chunks and is told by {}",
                                    text_of(program_.chunks[i].instructions.front().index()),
                                    program_.chunks[i].predecessors, told[i]));
        }
        return true;
    }

    /// Finds anew what each instruction has to follow, and looks whether its chunk does.
    bool are_ordered() {
        if (!find_predecessors()) return false;
        std::vector<bool> apart;
        for (const BufferSpec& buffer : layout_.buffers) apart.push_back(buffer.memory.kind == Memory::Kind::piece);
        Hazards hazards(std::move(apart));
        PoolHazards pool(layout_);
        for (std::size_t i = 0; i < program_.instructions.size(); ++i) {
            Touched touched;
            for (const Use& use : program_.instructions[i].reads) touched.reads.push_back(in_storage(layout_, use));
            for (const Use& use : program_.instructions[i].writes) touched.writes.push_back(in_storage(layout_, use));
            if (program_.shape.loads && !reads_what_is_there(touched, i, pool)) return false;
            pool.order(touched, InstructionId(i));
            hazards.order(touched, InstructionId(i));
            for (const InstructionId before : touched.after) {
                if (!follows(i, before.index()))
                    return fail(fmt::format("{} does not wait for {}: both touch the same bytes", text_of(i),
                                            text_of(before.index())));
            }
        }
        return true;
    }

    /// In the block that a run begins with there is nothing but what it makes; later ones begin with what is left of it.
    /// What others in the pool have written over is gone.
    bool reads_what_is_there(const Touched& touched, std::size_t number, const PoolHazards& pool) {
        written_.resize(layout_.buffers.size());
        for (const Use& use : touched.reads) {
            if (layout_[use.buffer].memory.kind == Memory::Kind::piece) continue;
            const std::int64_t missing = use.box.volume() - written_[use.buffer.index()].volume_in(use.box);
            if (missing != 0)
                return fail(fmt::format("{} reads {} of '{}', of which nobody has written {} elements", text_of(number),
                                        to_string(use.box), layout_[use.buffer].name, missing));
        }
        for (const Use& use : touched.writes) {
            const BufferId lost = read_by_the_same(touched, use);
            if (lost.valid())
                return fail(fmt::format("{} writes '{}' over '{}', which it reads", text_of(number),
                                        layout_[use.buffer].name, layout_[lost].name));
            written_[use.buffer.index()].cut(use.box);
            written_[use.buffer.index()].add(use.box, InstructionId(number));
            for (const BufferId other : pool.overwritten_by(use)) written_[other.index()] = {};
        }
        return true;
    }

    /// What an instruction reads in the bytes of a pool that it writes by another buffer; none: nothing.
    BufferId read_by_the_same(const Touched& touched, const Use& written) const {
        if (layout_[written.buffer].pool_byte < 0 || written.box.empty()) return {};
        const PoolBytes bytes = bytes_in_pool(layout_, written);
        for (const Use& read : touched.reads) {
            if (layout_[read.buffer].pool_byte < 0 || read.buffer == written.buffer || read.box.empty()) continue;
            const PoolBytes other = bytes_in_pool(layout_, read);
            if (other.first < bytes.end && bytes.first < other.end) return read.buffer;
        }
        return {};
    }

    /// And how many chunks at least come one after the other before each.
    bool find_predecessors() {
        predecessors_.assign(program_.chunks.size(), {});
        level_.assign(program_.chunks.size(), 0);
        seen_.assign(program_.chunks.size(), 0);
        std::vector<std::size_t> waits_for;
        std::vector<ChunkId> ready;
        for (std::size_t i = 0; i < program_.chunks.size(); ++i) {
            for (const ChunkId dependent : program_.chunks[i].dependents)
                predecessors_[dependent.index()].push_back(ChunkId(i));
            waits_for.push_back(static_cast<std::size_t>(program_.chunks[i].predecessors));
            if (waits_for.back() == 0) ready.emplace_back(i);
        }
        for (std::size_t next = 0; next < ready.size(); ++next) {
            for (const ChunkId dependent : program_.chunks[ready[next].index()].dependents) {
                std::size_t& level = level_[dependent.index()];
                level = std::max(level, level_[ready[next].index()] + 1);
                if (--waits_for[dependent.index()] == 0) ready.push_back(dependent);
            }
        }
        if (ready.size() == program_.chunks.size()) return true;
        const auto stuck = std::find_if(waits_for.begin(), waits_for.end(), [](std::size_t left) { return left > 0; });
        const Chunk& chunk = program_.chunks[static_cast<std::size_t>(stuck - waits_for.begin())];
        return fail(text_of(chunk.instructions.front().index()) + " waits for itself, through others of its rank");
    }

    bool follows(std::size_t later, std::size_t earlier) {
        const ChunkId there = chunk_of_[later], here = chunk_of_[earlier];
        if (there == here) return place_[earlier] < place_[later];
        // Most often directly; chunks wait for few others. What is no later than the earlier one cannot follow it.
        open_.assign(1, there);
        ++search_;
        while (!open_.empty()) {
            const ChunkId chunk = open_.back();
            open_.pop_back();
            const std::vector<ChunkId>& before = predecessors_[chunk.index()];
            if (std::find(before.begin(), before.end(), here) != before.end()) return true;
            for (const ChunkId other : before) {
                if (level_[other.index()] <= level_[here.index()] || seen_[other.index()] == search_) continue;
                seen_[other.index()] = search_;
                open_.push_back(other);
            }
        }
        return false;
    }

    const Graph& graph_;
    const Layout& layout_;
    const Program& program_;
    std::vector<ChunkId> chunk_of_;                   ///< by instruction
    std::vector<std::size_t> place_;                  ///< likewise, in its chunk
    std::vector<std::vector<ChunkId>> predecessors_;  ///< by chunk
    std::vector<std::size_t> level_;                  ///< likewise
    std::vector<ChunkId> open_;                       ///< of follows(), kept for their memory, as the next
    std::vector<std::size_t> seen_;                   ///< by chunk: the search that came by last
    std::size_t search_ = 0;
    std::vector<LiveAccesses> written_;  ///< by buffer
    std::string fault_;
};

/// FNV-1a: the same on every rank, whatever library it has.
std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return hash;
}

}  // namespace

std::string tensor_name(const Graph& graph, const Instruction& of) {
    if (of.tensor.valid()) return graph[of.tensor].name;
    return of.operation.valid() ? graph[of.operation].name : "?";
}

std::string instruction_text(const Graph& graph, const Layout& layout, const Program& program, std::size_t number) {
    const Instruction& of = program.instructions[number];
    std::string peer;
    if (of.kind == InstructionKind::send) peer = fmt::format(" to rank {}", of.peer.value);
    if (of.kind == InstructionKind::receive) peer = fmt::format(" from rank {}", of.peer.value);
    return fmt::format("rank {}: {} {} '{}' {} of step {}{}, {}", program.rank.value, number, name_of(of.kind),
                       tensor_name(graph, of), to_string(of.box), of.step, peer,
                       format_bytes(bytes_of(layout, of.reads) + bytes_of(layout, of.writes)));
}

std::int64_t message_sum(const Graph& graph, const Layout& layout, const Program& program, std::size_t number) {
    std::int64_t sum = 0;
    for (const Instruction& of : program.instructions) {
        const bool sends = of.kind == InstructionKind::send;
        if (!sends && of.kind != InstructionKind::receive) continue;
        const Rank from = sends ? program.rank : of.peer, to = sends ? of.peer : program.rank;
        const std::int64_t moved = sends ? bytes_of(layout, of.reads) : bytes_of(layout, of.writes);
        const std::string text = fmt::format("{} {} {} {} {} {} {}", number, from.value, to.value, of.tag, of.bytes,
                                             moved, tensor_name(graph, of));
        const auto part = static_cast<std::int64_t>(hash_of(text) % static_cast<std::uint64_t>(message_sums));
        sum = (sum + (sends ? part : message_sums - part)) % message_sums;
    }
    return sum;
}

std::string fault_of_rank(const Graph& graph, const Layout& layout, const Program& program) {
    return RankProof(graph, layout, program).find();
}

}  // namespace maniple
