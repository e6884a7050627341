#include "program/soundness.hpp"

#include <fmt/format.h>

#include <map>
#include <tuple>

#include "program/pool_hazards.hpp"

namespace maniple {

namespace {

class SoundnessCheck {
public:
    SoundnessCheck(const Graph& graph, const Layout& layout, const Program& program)
        : graph_(graph), layout_(layout), program_(program), chunk_of_(program.instructions.size()),
          place_in_chunk_(program.instructions.size(), 0) {}

    std::string find() {
        const bool sound = place_instructions() && order_chunks() && find_writers() && find_races();
        return sound ? "" : fault_;
    }

private:
    bool fail(std::string fault) {
        fault_ = std::move(fault);
        return false;
    }

    std::string text_of(InstructionId id) const {
        const Instruction& instruction = program_.instructions[id.index()];
        std::string name(name_of(instruction.kind));
        if (instruction.operation.valid()) name += " " + graph_[instruction.operation].name;
        return fmt::format("{} {} in step {} over {}", id.value, name, instruction.step, to_string(instruction.box));
    }

    bool place_instructions() {
        for (std::size_t i = 0; i < program_.chunks.size(); ++i) {
            const Chunk& chunk = program_.chunks[i];
            for (std::size_t place = 0; place < chunk.instructions.size(); ++place) {
                const InstructionId id = chunk.instructions[place];
                const Instruction& instruction = program_.instructions[id.index()];
                if (chunk_of_[id.index()].valid()) return fail(text_of(id) + " stands in two chunks");
                if (instruction.lane != chunk.lane || instruction.gpu != chunk.gpu)
                    return fail(text_of(id) + " stands in a chunk of another lane");
                chunk_of_[id.index()] = ChunkId(i);
                place_in_chunk_[id.index()] = place;
            }
        }
        for (std::size_t i = 0; i < chunk_of_.size(); ++i) {
            if (!chunk_of_[i].valid()) return fail(text_of(InstructionId(i)) + " stands in no chunk");
        }
        return true;
    }

    /// Fills before_: by chunk, one bit for each chunk that it waits for, also through others.
    bool order_chunks() {
        const std::size_t count = program_.chunks.size();
        const std::size_t words = (count + 63) / 64;
        before_.assign(count, std::vector<std::uint64_t>(words, 0));
        std::vector<std::int32_t> remaining;
        std::vector<ChunkId> ready;
        for (std::size_t i = 0; i < count; ++i) {
            remaining.push_back(program_.chunks[i].predecessors);
            if (remaining.back() == 0) ready.emplace_back(i);
        }
        std::size_t started = 0;
        for (; started < ready.size(); ++started) {
            const ChunkId chunk = ready[started];
            for (const ChunkId dependent : program_.chunks[chunk.index()].dependents) {
                std::vector<std::uint64_t>& before = before_[dependent.index()];
                for (std::size_t word = 0; word < words; ++word) before[word] |= before_[chunk.index()][word];
                before[chunk.index() / 64] |= std::uint64_t{1} << chunk.index() % 64;
                const std::int32_t left = --remaining[dependent.index()];
                if (left < 0) return fail(fmt::format("chunk {} waits for less than it is told", dependent.value));
                if (left == 0) ready.push_back(dependent);
            }
        }
        if (started == count) return true;
        for (std::size_t i = 0; i < count; ++i) {
            if (remaining[i] > 0) return fail(fmt::format("chunk {} never starts", i));
        }
        return true;
    }

    bool follows(InstructionId later, InstructionId earlier) const {
        const ChunkId there = chunk_of_[later.index()], here = chunk_of_[earlier.index()];
        if (there == here) return place_in_chunk_[earlier.index()] < place_in_chunk_[later.index()];
        return (before_[there.index()][here.index() / 64] >> here.index() % 64 & 1) != 0;
    }

    bool is_apart(BufferId buffer) const { return layout_[buffer].memory.kind == Memory::Kind::piece; }

    bool find_writers() {
        struct Writer {
            InstructionId by;
            Box box;
        };
        std::map<std::tuple<BufferId, OperationId, InstructionKind, int>, std::vector<Writer>> writers;
        for (std::size_t i = 0; i < program_.instructions.size(); ++i) {
            const Instruction& instruction = program_.instructions[i];
            const bool computes =
                instruction.kind == InstructionKind::compute || instruction.kind == InstructionKind::finish;
            for (const Use& use : instruction.writes) {
                if (!computes || is_apart(use.buffer)) continue;
                std::vector<Writer>& known =
                    writers[{use.buffer, instruction.operation, instruction.kind, instruction.step}];
                for (const Writer& other : known) {
                    if (overlap(other.box, use.box))
                        return fail(fmt::format("'{}' has two writers: {} and {}", layout_[use.buffer].name,
                                                text_of(other.by), text_of(InstructionId(i))));
                }
                known.push_back({InstructionId(i), use.box});
            }
        }
        return true;
    }

    struct Access {
        InstructionId by;
        Box box;
        bool writes = false;
    };

    bool find_races() {
        std::map<BufferId, std::vector<Access>> accesses;
        for (std::size_t i = 0; i < program_.instructions.size(); ++i) {
            const InstructionId id(i);
            const Instruction& instruction = program_.instructions[i];
            std::vector<Use> reads, writes;
            for (const Use& use : instruction.reads) reads.push_back(in_storage(layout_, use));
            for (const Use& use : instruction.writes) writes.push_back(in_storage(layout_, use));
            for (const Use& use : reads) {
                if (!look_at(accesses[use.buffer], {id, use.box, false}, use.buffer)) return false;
            }
            for (const Use& use : writes) {
                if (!look_at(accesses[use.buffer], {id, use.box, true}, use.buffer)) return false;
            }
            if (!look_at_pool(id, reads, writes)) return false;
            for (const Use& use : reads) accesses[use.buffer].push_back({id, use.box, false});
            for (const Use& use : writes) {
                // What comes later and touches what is covered has to wait for this one, and thereby for that.
                std::vector<Access>& known = accesses[use.buffer];
                std::erase_if(known,
                              [&](const Access& other) { return other.by != id && use.box.contains(other.box); });
                known.push_back({id, use.box, true});
            }
        }
        return true;
    }

    bool look_at(const std::vector<Access>& known, const Access& access, BufferId buffer) {
        if (is_apart(buffer)) return true;
        for (const Access& other : known) {
            if (other.by == access.by || !(other.writes || access.writes) || !overlap(other.box, access.box)) continue;
            if (!follows(access.by, other.by))
                return fail(fmt::format("{} does not wait for {}: both touch '{}'", text_of(access.by),
                                        text_of(other.by), layout_[buffer].name));
        }
        return true;
    }

    /// Who touched which bytes of a pool by which buffer.
    struct PoolAccess {
        InstructionId by;
        BufferId buffer;
        PoolBytes bytes;
        bool writes = false;
    };

    /// Two that touch the same bytes by different buffers follow each other, if one of them writes.
    bool look_at_pool(InstructionId id, const std::vector<Use>& reads, const std::vector<Use>& writes) {
        std::vector<PoolAccess> now;
        for (const std::vector<Use>* uses : {&reads, &writes}) {
            for (const Use& use : *uses) {
                if (layout_[use.buffer].pool_byte >= 0 && !use.box.empty())
                    now.push_back({id, use.buffer, bytes_in_pool(layout_, use), uses == &writes});
            }
        }
        for (const PoolAccess& access : now) {
            for (const PoolAccess& other : pool_accesses_) {
                const bool apart = other.bytes.first >= access.bytes.end || access.bytes.first >= other.bytes.end;
                if (apart || other.buffer == access.buffer || !(other.writes || access.writes)) continue;
                if (!follows(id, other.by))
                    return fail(fmt::format("{} does not wait for {}: '{}' and '{}' lie in the same bytes", text_of(id),
                                            text_of(other.by), layout_[access.buffer].name,
                                            layout_[other.buffer].name));
            }
        }
        for (const PoolAccess& access : now) {
            if (!access.writes || !access.bytes.gapless) continue;
            std::erase_if(pool_accesses_, [&](const PoolAccess& other) {
                return other.buffer != access.buffer && access.bytes.first <= other.bytes.first &&
                       other.bytes.end <= access.bytes.end;
            });
        }
        pool_accesses_.insert(pool_accesses_.end(), now.begin(), now.end());
        return true;
    }

    const Graph& graph_;
    const Layout& layout_;
    const Program& program_;
    std::vector<PoolAccess> pool_accesses_;    ///< that nothing has written over
    std::vector<ChunkId> chunk_of_;            ///< by InstructionId
    std::vector<std::size_t> place_in_chunk_;  ///< likewise
    std::vector<std::vector<std::uint64_t>> before_;
    std::string fault_;
};

}  // namespace

std::string fault_of(const Graph& graph, const Layout& layout, const Program& program) {
    return SoundnessCheck(graph, layout, program).find();
}

}  // namespace maniple
