#include "mutation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace maniple {

namespace {

using Said = std::optional<std::string>;

struct At {
    std::size_t rank = 0;
    std::size_t index = 0;
};

/// One of all instructions that `fits`, drawn at random.
template <class Fits>
std::optional<At> draw(const BlockPrograms& block, std::mt19937& random, Fits&& fits) {
    std::vector<At> all;
    for (std::size_t rank = 0; rank < block.programs.size(); ++rank) {
        for (std::size_t i = 0; i < block.programs[rank].instructions.size(); ++i) {
            if (fits(block.programs[rank].instructions[i], rank, i)) all.push_back({rank, i});
        }
    }
    if (all.empty()) return std::nullopt;
    return all[random() % all.size()];
}

bool is_send(const Instruction& one) { return one.kind == InstructionKind::send; }
bool is_receive(const Instruction& one) { return one.kind == InstructionKind::receive; }

ChunkId chunk_of(const Program& program, std::size_t instruction) {
    for (std::size_t i = 0; i < program.chunks.size(); ++i) {
        for (const InstructionId id : program.chunks[i].instructions) {
            if (id.index() == instruction) return ChunkId(i);
        }
    }
    return {};
}

/// Takes an instruction out; who waited for it waits for what it waited for.
void remove(Program& program, std::size_t index) {
    const auto before = program.instructions[index].after;
    program.instructions.erase(program.instructions.begin() + static_cast<std::ptrdiff_t>(index));
    for (Instruction& other : program.instructions) {
        std::vector<InstructionId> after;
        for (const InstructionId id : other.after) {
            if (id.index() == index) {
                after.insert(after.end(), before.begin(), before.end());
            } else {
                after.emplace_back(id.index() - (id.index() > index ? 1 : 0));
            }
        }
        std::sort(after.begin(), after.end());
        after.erase(std::unique(after.begin(), after.end()), after.end());
        other.after = {after.begin(), after.end()};
    }
    program.chunks = build_chunks(program.instructions);
}

/// Whether both touch the same bytes and one writes them: looked at box by box, not as the proof does.
bool conflict(const Layout& layout, const Instruction& a, const Instruction& b) {
    const auto meet = [&](std::span<const Use> some, std::span<const Use> others) {
        for (const Use& one : some) {
            for (const Use& other : others) {
                const Use x = in_storage(layout, one), y = in_storage(layout, other);
                const bool apart = layout[x.buffer].memory.kind == Memory::Kind::piece;
                if (!apart && x.buffer == y.buffer && overlap(x.box, y.box)) return true;
            }
        }
        return false;
    };
    const auto writes = a.writes.all(), others = b.writes.all();
    return meet(writes, others) || meet(writes, b.reads.all()) || meet(a.reads.all(), others);
}

bool reaches(const Program& program, ChunkId from, ChunkId to) {
    std::vector<bool> seen(program.chunks.size(), false);
    std::vector<ChunkId> open = {from};
    while (!open.empty()) {
        const ChunkId chunk = open.back();
        open.pop_back();
        if (chunk == to) return true;
        for (const ChunkId next : program.chunks[chunk.index()].dependents) {
            if (!seen[next.index()]) open.push_back(next);
            seen[next.index()] = true;
        }
    }
    return false;
}

/// An edge between two chunks, drawn from `tries` random ones that `fits`.
template <class Fits>
std::optional<std::pair<std::size_t, std::pair<ChunkId, std::size_t>>> draw_edge(const BlockPrograms& block,
                                                                                 std::mt19937& random, Fits&& fits) {
    for (int tries = 0; tries < 200; ++tries) {
        const std::size_t rank = random() % block.programs.size();
        const Program& program = block.programs[rank];
        if (program.chunks.empty()) continue;
        const ChunkId chunk(random() % program.chunks.size());
        const auto& to = program.chunks[chunk.index()].dependents;
        if (to.empty()) continue;
        const std::size_t edge = random() % to.size();
        if (fits(rank, chunk, edge)) return std::pair(rank, std::pair(chunk, edge));
    }
    return std::nullopt;
}

void add_edge(Program& program, ChunkId from, ChunkId to) {
    program.chunks[from.index()].dependents.push_back(to);
    ++program.chunks[to.index()].predecessors;
}

// --- Messages ----------------------------------------------------------------------------------------------------

Said drop(BlockPrograms& block, std::mt19937& random, bool (*kind)(const Instruction&)) {
    const auto at = draw(block, random, [&](const Instruction& one, std::size_t, std::size_t) { return kind(one); });
    if (!at) return std::nullopt;
    remove(block.programs[at->rank], at->index);
    return fmt::format("rank {} without instruction {}", at->rank, at->index);
}

Said drop_receive(BlockPrograms& block, std::mt19937& random) { return drop(block, random, is_receive); }
Said drop_send(BlockPrograms& block, std::mt19937& random) { return drop(block, random, is_send); }

Said redirect_send(BlockPrograms& block, std::mt19937& random) {
    const auto at = draw(block, random, [](const Instruction& one, std::size_t, std::size_t) { return is_send(one); });
    if (!at || block.programs.size() < 3) return std::nullopt;
    Instruction& send = block.programs[at->rank].instructions[at->index];
    for (std::size_t rank = 0; rank < block.programs.size(); ++rank) {
        if (rank == at->rank || Rank(rank) == send.peer) continue;
        send.peer = Rank(rank);
        return fmt::format("rank {} sends {} to rank {}", at->rank, at->index, rank);
    }
    return std::nullopt;
}

Said swap_messages(BlockPrograms& block, std::mt19937& random) {
    const auto at = draw(block, random, [](const Instruction& one, std::size_t, std::size_t) { return is_send(one); });
    if (!at) return std::nullopt;
    Program& program = block.programs[at->rank];
    Instruction& first = program.instructions[at->index];
    for (std::size_t i = 0; i < program.instructions.size(); ++i) {
        Instruction& other = program.instructions[i];
        const bool differs =
            block.graph->tensors[first.tensor.index()].name !=
            block.graph->tensors[other.tensor.valid() ? other.tensor.index() : first.tensor.index()].name;
        if (!is_send(other) || other.peer != first.peer || other.tag == first.tag) continue;
        if (!differs && other.bytes == first.bytes) continue;
        std::swap(first.tag, other.tag);
        return fmt::format("rank {}: messages of {} and {} in each other's place", at->rank, at->index, i);
    }
    return std::nullopt;
}

Said shorten_message(BlockPrograms& block, std::mt19937& random) {
    const auto at = draw(block, random, [](const Instruction& one, std::size_t, std::size_t) {
        if (!is_send(one) && !is_receive(one)) return false;
        const Box box = is_send(one) ? one.reads[0].box : one.writes[0].box;
        return box.volume() > 1;
    });
    if (!at) return std::nullopt;
    Instruction& one = block.programs[at->rank].instructions[at->index];
    Use use = is_send(one) ? one.reads[0] : one.writes[0];
    for (int axis = 0; axis < use.box.rank(); ++axis) {
        if (use.box.extent(axis) < 2) continue;
        --use.box.hi[axis];
        if (is_send(one)) one.reads.set(0, use);
        if (!is_send(one)) one.writes.set(0, use);
        return fmt::format("rank {}: message {} one row shorter", at->rank, at->index);
    }
    return std::nullopt;
}

/// Message A waits for message B on one of their ranks, and B for A on the other.
Said wait_crosswise(BlockPrograms& block, std::mt19937& random) {
    const auto at = draw(block, random, [](const Instruction& one, std::size_t, std::size_t) { return is_send(one); });
    if (!at) return std::nullopt;
    const Instruction& send = block.programs[at->rank].instructions[at->index];
    const std::size_t peer = send.peer.index();
    const Program& there = block.programs[peer];
    std::size_t received = there.instructions.size(), back = there.instructions.size();
    for (std::size_t i = 0; i < there.instructions.size(); ++i) {
        const Instruction& one = there.instructions[i];
        if (one.peer != Rank(at->rank)) continue;
        if (is_receive(one) && one.tag == send.tag) received = i;
        if (is_send(one) && (back == there.instructions.size() || random() % 2 == 0)) back = i;
    }
    if (received == there.instructions.size() || back == there.instructions.size()) return std::nullopt;
    const Program& here = block.programs[at->rank];
    for (std::size_t i = 0; i < here.instructions.size(); ++i) {
        const Instruction& one = here.instructions[i];
        if (!is_receive(one) || one.peer != Rank(peer) || one.tag != there.instructions[back].tag) continue;
        const ChunkId own_send = chunk_of(here, at->index), own_receive = chunk_of(here, i);
        const ChunkId their_receive = chunk_of(there, received), their_send = chunk_of(there, back);
        add_edge(block.programs[at->rank], own_receive, own_send);
        add_edge(block.programs[peer], their_receive, their_send);
        return fmt::format("ranks {} and {} each receive before they send", at->rank, peer);
    }
    return std::nullopt;
}

/// Whether instruction `index` is the first to write some bytes that another one reads, in a block that begins with nothing.
bool makes_what_is_read(const BlockPrograms& block, At at) {
    const Program& program = block.programs[at.rank];
    const Layout& layout = block.layouts[at.rank];
    const Instruction& maker = program.instructions[at.index];
    if (!program.shape.loads || maker.writes.size() != 1) return false;
    const Use made = in_storage(layout, maker.writes[0]);
    if (layout[made.buffer].memory.kind == Memory::Kind::piece) return false;
    bool is_read = false;
    for (std::size_t i = 0; i < program.instructions.size() && !is_read; ++i) {
        const Instruction& other = program.instructions[i];
        for (const Use& use : other.writes) {
            if (i == at.index) break;
            const Use written = in_storage(layout, use);
            if (written.buffer == made.buffer && overlap(written.box, made.box)) return false;
        }
        for (const Use& use : other.reads) {
            if (i <= at.index) break;
            const Use read = in_storage(layout, use);
            is_read = is_read || (read.buffer == made.buffer && overlap(read.box, made.box));
        }
    }
    return is_read;
}

Said drop_message(BlockPrograms& block, std::mt19937& random) {
    const auto at = draw(block, random, [&](const Instruction& one, std::size_t rank, std::size_t i) {
        return is_receive(one) && makes_what_is_read(block, {rank, i});
    });
    if (!at) return std::nullopt;
    const Instruction receive = block.programs[at->rank].instructions[at->index];
    Program& peer = block.programs[receive.peer.index()];
    for (std::size_t i = 0; i < peer.instructions.size(); ++i) {
        const Instruction& one = peer.instructions[i];
        if (!is_send(one) || one.peer != Rank(at->rank) || one.tag != receive.tag) continue;
        remove(peer, i);
        remove(block.programs[at->rank], at->index);
        return fmt::format("rank {}: neither sent nor received: {}", at->rank, at->index);
    }
    return std::nullopt;
}

Said drop_source(BlockPrograms& block, std::mt19937& random) {
    const auto at = draw(block, random, [&](const Instruction& one, std::size_t rank, std::size_t i) {
        const bool moves = one.kind == InstructionKind::read || one.kind == InstructionKind::fill ||
                           one.kind == InstructionKind::boundary || one.kind == InstructionKind::upload ||
                           one.kind == InstructionKind::unpack || one.kind == InstructionKind::copy;
        return moves && makes_what_is_read(block, {rank, i});
    });
    if (!at) return std::nullopt;
    remove(block.programs[at->rank], at->index);
    return fmt::format("rank {} without instruction {}", at->rank, at->index);
}

// --- Memory ------------------------------------------------------------------------------------------------------

/// What it writes, else what it reads.
ShortVector<Use, 2> touched(const Instruction& one) { return one.writes.empty() ? one.reads.all() : one.writes.all(); }

Said shrink_buffer(BlockPrograms& block, std::mt19937& random) {
    const auto at = draw(block, random, [&](const Instruction& one, std::size_t rank, std::size_t) {
        const ShortVector<Use, 2> uses = touched(one);
        if (uses.empty() || uses[0].box.empty() || uses[0].box.rank() == 0) return false;
        return uses[0].box.hi[0] == block.layouts[rank][uses[0].buffer].box.hi[0];
    });
    if (!at) return std::nullopt;
    const Instruction& one = block.programs[at->rank].instructions[at->index];
    const BufferId buffer = touched(one)[0].buffer;
    --block.layouts[at->rank].buffers[buffer.index()].box.hi[0];
    return fmt::format("rank {}: buffer {} one row shorter than instruction {} needs", at->rank, buffer.value,
                       at->index);
}

Said move_out_of_storage(BlockPrograms& block, std::mt19937& random) {
    std::vector<At> all;
    for (std::size_t rank = 0; rank < block.layouts.size(); ++rank) {
        for (std::size_t i = 0; i < block.layouts[rank].buffers.size(); ++i) {
            const BufferSpec& buffer = block.layouts[rank].buffers[i];
            if (buffer.storage.valid() && !buffer.box.empty() && buffer.box.rank() > 0) all.push_back({rank, i});
        }
    }
    if (all.empty()) return std::nullopt;
    const At at = all[random() % all.size()];
    BufferSpec& buffer = block.layouts[at.rank].buffers[at.index];
    const BufferSpec& storage = block.layouts[at.rank][buffer.storage];
    const std::int64_t row = buffer.bytes() / buffer.box.extent(0);
    if (buffer.pool_byte >= 0) {
        buffer.pool_byte = storage.bytes() - buffer.bytes() + row;
        return fmt::format("rank {}: buffer {} ends a row behind the pool", at.rank, at.index);
    }
    buffer.storage_row = storage.bytes() / row - buffer.box.extent(0) + 1;
    return fmt::format("rank {}: buffer {} ends a row behind the bytes it is given", at.rank, at.index);
}

/// Two pieces of a batch that are there at a time, in the same bytes.
Said double_use(BlockPrograms& block, std::mt19937& random) {
    for (int tries = 0; tries < 100; ++tries) {
        const std::size_t rank = random() % block.layouts.size();
        Layout& layout = block.layouts[rank];
        if (layout.buffers.size() < 2) continue;
        const std::size_t a = random() % layout.buffers.size(), b = random() % layout.buffers.size();
        const BufferSpec &one = layout.buffers[a], &other = layout.buffers[b];
        const bool alike = a != b && one.box == other.box && one.element_bytes == other.element_bytes &&
                           one.memory.kind == Memory::Kind::host && one.memory == other.memory &&
                           !one.storage.valid() && !other.storage.valid() && !one.box.empty();
        const auto has_parts = [&](std::size_t buffer) {
            return std::any_of(layout.buffers.begin(), layout.buffers.end(),
                               [&](const BufferSpec& part) { return part.storage == BufferId(buffer); });
        };
        if (!alike || has_parts(b)) continue;
        layout.buffers[b].storage = BufferId(a);
        // Wrong only where two instructions now meet that nothing orders.
        const Program& program = block.programs[rank];
        for (std::size_t i = 0; i < program.instructions.size(); ++i) {
            for (std::size_t j = i + 1; j < program.instructions.size(); ++j) {
                if (!conflict(layout, program.instructions[i], program.instructions[j])) continue;
                const ChunkId first = chunk_of(program, i), second = chunk_of(program, j);
                if (first == second || reaches(program, first, second) || reaches(program, second, first)) continue;
                return fmt::format("rank {}: buffers {} and {} in the same bytes", rank, a, b);
            }
        }
        layout.buffers[b].storage = {};
    }
    return std::nullopt;
}

// --- Order -------------------------------------------------------------------------------------------------------

Said remove_edge(BlockPrograms& block, std::mt19937& random) {
    const auto found = draw_edge(block, random, [&](std::size_t rank, ChunkId from, std::size_t edge) {
        Program program = block.programs[rank];
        auto& dependents = program.chunks[from.index()].dependents;
        const ChunkId to = dependents[edge];
        bool needed = false;
        for (const InstructionId a : program.chunks[from.index()].instructions) {
            for (const InstructionId b : program.chunks[to.index()].instructions) {
                needed = needed || conflict(block.layouts[rank], program.instructions[a.index()],
                                            program.instructions[b.index()]);
            }
        }
        dependents.erase(dependents.begin() + static_cast<std::ptrdiff_t>(edge));
        return needed && !reaches(program, from, to);
    });
    if (!found) return std::nullopt;
    Program& program = block.programs[found->first];
    const auto [from, edge] = found->second;
    auto& dependents = program.chunks[from.index()].dependents;
    const ChunkId to = dependents[edge];
    dependents.erase(dependents.begin() + static_cast<std::ptrdiff_t>(edge));
    --program.chunks[to.index()].predecessors;
    return fmt::format("rank {}: chunk {} does not wait for {}", found->first, to.value, from.value);
}

Said forget_to_tell(BlockPrograms& block, std::mt19937& random) {
    const auto found = draw_edge(block, random, [](std::size_t, ChunkId, std::size_t) { return true; });
    if (!found) return std::nullopt;
    const auto [from, edge] = found->second;
    auto& dependents = block.programs[found->first].chunks[from.index()].dependents;
    dependents.erase(dependents.begin() + static_cast<std::ptrdiff_t>(edge));
    return fmt::format("rank {}: chunk {} tells one less", found->first, from.value);
}

Said wait_backwards(BlockPrograms& block, std::mt19937& random) {
    const auto found = draw_edge(block, random, [](std::size_t, ChunkId, std::size_t) { return true; });
    if (!found) return std::nullopt;
    Program& program = block.programs[found->first];
    const ChunkId from = found->second.first;
    const ChunkId to = program.chunks[from.index()].dependents[found->second.second];
    add_edge(program, to, from);
    return fmt::format("rank {}: chunks {} and {} wait for each other", found->first, from.value, to.value);
}

Said swap_in_chunk(BlockPrograms& block, std::mt19937& random) {
    std::vector<std::pair<At, std::size_t>> all;
    for (std::size_t rank = 0; rank < block.programs.size(); ++rank) {
        const Program& program = block.programs[rank];
        for (std::size_t i = 0; i < program.chunks.size(); ++i) {
            const auto& held = program.chunks[i].instructions;
            for (std::size_t place = 1; place < held.size(); ++place) {
                if (conflict(block.layouts[rank], program.instructions[held[place - 1].index()],
                             program.instructions[held[place].index()]))
                    all.push_back({{rank, i}, place});
            }
        }
    }
    if (all.empty()) return std::nullopt;
    const auto [at, place] = all[random() % all.size()];
    auto& held = block.programs[at.rank].chunks[at.index].instructions;
    std::swap(held[place - 1], held[place]);
    return fmt::format("rank {}: instructions {} and {} of a chunk swapped", at.rank, held[place].value,
                       held[place - 1].value);
}

// --- Files -------------------------------------------------------------------------------------------------------

Said drop_write(BlockPrograms& block, std::mt19937& random) {
    const auto at = draw(block, random, [](const Instruction& one, std::size_t, std::size_t) {
        return one.kind == InstructionKind::write && !one.box.empty();
    });
    if (!at) return std::nullopt;
    remove(block.programs[at->rank], at->index);
    return fmt::format("rank {} does not write {}", at->rank, at->index);
}

Said swap_outputs(BlockPrograms& block, std::mt19937& random) {
    const auto at = draw(block, random, [](const Instruction& one, std::size_t, std::size_t) {
        return one.kind == InstructionKind::write && !one.box.empty();
    });
    if (!at) return std::nullopt;
    Program& program = block.programs[at->rank];
    Instruction& first = program.instructions[at->index];
    for (std::size_t i = 0; i < program.instructions.size(); ++i) {
        Instruction& other = program.instructions[i];
        if (other.kind != InstructionKind::write || other.file_number == first.file_number) continue;
        if (other.tensor == first.tensor) continue;
        std::swap(first.file_number, other.file_number);
        return fmt::format("rank {}: writes {} and {} go to each other's output", at->rank, at->index, i);
    }
    return std::nullopt;
}

}  // namespace

const std::vector<Mutation>& mutations() {
    static const std::vector<Mutation> all = {
        {"a receive dropped", "its sender waits for ever", drop_receive},
        {"a send dropped", "its receiver waits for ever", drop_send},
        {"a send redirected", "one rank gets what it does not expect, another waits for ever", redirect_send},
        {"two messages swapped", "they are of different tensors or sizes", swap_messages},
        {"a message shortened", "its two ends disagree on its size", shorten_message},
        {"a message dropped", "its receiver reads what nobody has written", drop_message},
        {"a source dropped", "what it would have read, filled or copied is read and was never written", drop_source},
        {"receives before sends", "each of two messages waits for the other, however messages are buffered",
         wait_crosswise},
        {"a buffer shrunk", "an instruction touches bytes behind it", shrink_buffer},
        {"a piece moved", "it ends behind the bytes it has a part of", move_out_of_storage},
        {"a buffer given twice", "two instructions that nothing orders touch the same bytes", double_use},
        {"an edge removed", "two instructions that touch the same bytes have no order left", remove_edge},
        {"a chunk not told", "it waits for ever", forget_to_tell},
        {"an edge turned", "two chunks wait for each other", wait_backwards},
        {"two instructions swapped", "one reads what the other has not made yet, or writes what it still reads",
         swap_in_chunk},
        {"a write dropped", "a part of an output is never written", drop_write},
        {"two writes swapped", "outputs hold the values of others", swap_outputs},
    };
    return all;
}

}  // namespace maniple
