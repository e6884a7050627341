// program/lane_claims.hpp: tiles that the lanes of a rank take one by one, as they fall free (`sharing: dynamic`).
#pragma once

#include <cstdint>
#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// Whether the lanes of `operation` claim its tiles. Pure.
bool is_claimed_by_lanes(const Plan& plan, const LaneChoice& lanes, OperationId operation);

/// Gives each gpu lane with a memory of its own room for what it may claim: Layout::claim_buffers. Requires: all
/// else of the layout is there.
void add_claim_buffers(const Graph& graph, Layout& layout);

/// Bytes between a box of a host buffer and the same elements one after the other in a staging buffer.
struct ClaimPassage {
    BufferId host;
    Box box;
    BufferId staging;
    std::int64_t offset_bytes = 0;
};

/// What a gpu lane does instead of the cpu where it claims a chunk.
struct ClaimForm {
    ChunkId chunk;                               ///< of LaneForms::program; none: this lane cannot claim it
    std::vector<ClaimPassage> packed, unpacked;  ///< by the host, before and after
};

/// The claimable chunks of a program as one gpu lane carries them out. They wait for nothing: what they do must be done one
/// after the other, each when the chunk that it stands for may run.
struct LaneForms {
    Program program;
    std::vector<ClaimForm> by_chunk;  ///< by ChunkId of the program they were made for
};

/// Pure. `gpu` is a lane of `layout`.
LaneForms build_lane_forms(const Layout& layout, const Program& program, int gpu);

}  // namespace maniple
