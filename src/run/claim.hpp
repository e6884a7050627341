// run/claim.hpp: a chunk that may be claimed, as a number.
#pragma once

#include <cstdint>

#include "base/ids.hpp"

namespace maniple {

/// A chunk of a program of a rank as one number, never 0.
struct Claim {
    Rank owner;
    int program = 0;
    ChunkId chunk;

    static constexpr int chunk_bits = 32, program_bits = 12, rank_bits = 19;

    std::uint64_t packed() const {
        return std::uint64_t{1} << 63 | static_cast<std::uint64_t>(owner.value) << (chunk_bits + program_bits) |
               static_cast<std::uint64_t>(program) << chunk_bits | static_cast<std::uint64_t>(chunk.value);
    }
    static Claim unpacked(std::uint64_t item) {
        Claim claim;
        claim.owner = Rank(static_cast<std::int32_t>(item >> (chunk_bits + program_bits) & ((1U << rank_bits) - 1)));
        claim.program = static_cast<int>(item >> chunk_bits & ((1U << program_bits) - 1));
        claim.chunk = ChunkId(static_cast<std::int32_t>(item & 0xffffffffU));
        return claim;
    }
};

}  // namespace maniple
