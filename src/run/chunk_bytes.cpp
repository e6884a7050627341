#include "run/chunk_bytes.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace maniple {

namespace {

const Instruction& instruction_of(const Program& program, ChunkId chunk) {
    return program.instructions[program.chunks[chunk.index()].instructions.front().index()];
}

std::size_t bytes_in(const Layout& layout, const Use& use) {
    return static_cast<std::size_t>(bytes_of(layout, std::span(&use, 1)));
}

}  // namespace

std::vector<Use> reads_of(const Program& program, std::span<const ChunkId> chunks) {
    std::vector<Use> uses;
    for (const ChunkId chunk : chunks) {
        for (const Use& read : instruction_of(program, chunk).reads) {
            const bool known = std::any_of(uses.begin(), uses.end(), [&](const Use& use) {
                return use.buffer == read.buffer && use.box.contains(read.box);
            });
            if (!known && !read.box.empty()) uses.push_back(read);
        }
    }
    return uses;
}

std::vector<Use> writes_of(const Program& program, ChunkId chunk) {
    const auto& writes = instruction_of(program, chunk).writes;
    return {writes.begin(), writes.end()};
}

void pack(const Arena& arena, std::span<const Use> uses, std::vector<std::byte>& bytes) {
    std::size_t at = bytes.size();
    bytes.resize(at + static_cast<std::size_t>(bytes_of(arena.layout(), uses)));
    for (const Use& use : uses) {
        const ConstBlock block = arena.block(use.buffer);
        if (use.box.empty()) continue;
        copy_box(block, use.box, {bytes.data() + at, block.element_bytes, use.box}, use.box);
        at += bytes_in(arena.layout(), use);
    }
}

void unpack(std::span<const std::byte> bytes, std::span<const Use> uses, Arena& arena) {
    MANIPLE_CHECK(bytes.size() == static_cast<std::size_t>(bytes_of(arena.layout(), uses)), "the bytes of a chunk");
    for (const Use& use : uses) {
        const Block block = arena.block(use.buffer);
        if (use.box.empty()) continue;
        copy_box({bytes.data(), block.element_bytes, use.box}, use.box, block, use.box);
        bytes = bytes.subspan(bytes_in(arena.layout(), use));
    }
}

}  // namespace maniple
