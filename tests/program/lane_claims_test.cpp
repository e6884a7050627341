#include "program/lane_claims.hpp"

#include <gtest/gtest.h>

#include <map>

#include "example.hpp"
#include "program/soundness.hpp"

namespace maniple {
namespace {

/// One rank with the cpu and two gpu lanes, of which the first computes in the host's memory.
struct Claimed {
    Claimed() : example(terrain, {2000, 1000}, 1) {
        example.plan.sharing = LaneSharing::dynamic;
        choice.gpus.resize(2);
        choice.gpus[0].unified = true;
        for (std::size_t i = 0; i < example.graph.operations.size(); ++i) choice.lanes.push_back({-1, 0, 1});
        layout = build_layout(example.graph, example.plan, Rank(std::int32_t{0}), choice);
        program = build_program(example.graph, example.plan, layout, block_at(example.graph, layout.versions, 0).shape);
    }

    Example example;
    LaneChoice choice;
    Layout layout;
    Program program;
};

TEST(LaneClaims, WhatLanesShareIsManyChunksOfTheCpu) {
    const Claimed claimed;
    EXPECT_EQ(fault_of(claimed.example.graph, claimed.layout, claimed.program), "");
    std::map<OperationId, int> chunks;
    for (const Chunk& chunk : claimed.program.chunks) {
        EXPECT_NE(chunk.lane, LaneKind::gpu);
        if (!chunk.claimable) continue;
        ASSERT_EQ(chunk.instructions.size(), 1U);
        ++chunks[claimed.program.instructions[chunk.instructions.front().index()].operation];
    }
    EXPECT_EQ(chunks.size(), claimed.example.graph.operations.size() - 1) << "the slope is not needed yet";
    for (const auto& [operation, count] : chunks) EXPECT_GE(count, 4);
}

TEST(LaneClaims, ALaneInTheHostsMemoryMovesNothing) {
    const Claimed claimed;
    const LaneForms forms = build_lane_forms(claimed.layout, claimed.program, 0);
    for (std::size_t i = 0; i < claimed.program.chunks.size(); ++i) {
        const ClaimForm& form = forms.by_chunk[i];
        ASSERT_EQ(form.chunk.valid(), claimed.program.chunks[i].claimable);
        EXPECT_TRUE(form.packed.empty() && form.unpacked.empty());
        if (form.chunk.valid()) { EXPECT_EQ(forms.program.chunks[form.chunk.index()].instructions.size(), 1U); }
    }
}

TEST(LaneClaims, AnotherLaneGetsAllThatItReadsAndGivesAllThatItWrites) {
    const Claimed claimed;
    const LaneForms forms = build_lane_forms(claimed.layout, claimed.program, 1);
    const std::int64_t room = claimed.layout[claimed.layout.claim_buffers[1].staging].bytes();
    for (std::size_t i = 0; i < claimed.program.chunks.size(); ++i) {
        const ClaimForm& form = forms.by_chunk[i];
        if (!form.chunk.valid()) continue;
        const Chunk& chunk = claimed.program.chunks[i];
        const Instruction& compute = claimed.program.instructions[chunk.instructions.front().index()];
        const auto expect_covered = [&](const Use& use, const std::vector<ClaimPassage>& passages) {
            Region missing(use.box);
            for (const ClaimPassage& passage : passages) {
                if (passage.host == use.buffer) missing.subtract(passage.box);
            }
            EXPECT_TRUE(missing.empty());
        };
        for (const Use& use : compute.reads) expect_covered(use, form.packed);
        for (const Use& use : compute.writes) expect_covered(use, form.unpacked);
        for (const auto* passages : {&form.packed, &form.unpacked}) {
            for (const ClaimPassage& passage : *passages) {
                const std::int64_t bytes = passage.box.volume() * claimed.layout[passage.host].element_bytes;
                EXPECT_LE(passage.offset_bytes + bytes, room);
            }
        }
        for (const InstructionId id : forms.program.chunks[form.chunk.index()].instructions) {
            for (const Use& use : forms.program.instructions[id.index()].writes)
                EXPECT_EQ(claimed.layout[use.buffer].memory.gpu, 1) << "the host's memory is written by the host";
        }
    }
}

TEST(LaneClaims, NothingIsClaimedWhereOneLaneComputesOrRanksClaim) {
    Claimed claimed;
    EXPECT_FALSE(is_claimed_by_lanes(claimed.example.plan, LaneChoice{}, OperationId(std::size_t{0})));
    EXPECT_TRUE(is_claimed_by_lanes(claimed.example.plan, claimed.choice, OperationId(std::size_t{0})));
    claimed.example.plan.claiming_ranks = 2;
    EXPECT_FALSE(is_claimed_by_lanes(claimed.example.plan, claimed.choice, OperationId(std::size_t{0})));
}

}  // namespace
}  // namespace maniple
