// tests/program/same_program.hpp: whether two programs are one, down to the last edge.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "program/program.hpp"

namespace maniple {

template <std::size_t room>
bool same_uses(const PackedUses<room>& a, const PackedUses<room>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const Use& x, const Use& y) { return x.buffer == y.buffer && x.box == y.box; });
}

inline bool same_instruction(const Instruction& a, const Instruction& b) {
    const auto same_argument = [](const Argument& x, const Argument& y) {
        return x.buffer == y.buffer && x.part == y.part;
    };
    const bool same_flags = a.chained == b.chained && a.tail == b.tail && a.claimable == b.claimable;
    const bool same_place = a.kind == b.kind && a.lane == b.lane && a.gpu == b.gpu && a.step == b.step &&
                            a.position == b.position && a.bytes == b.bytes;
    const bool same_subject = a.operation == b.operation && a.tensor == b.tensor && a.box == b.box;
    const bool same_message = a.peer == b.peer && a.tag == b.tag && a.file_number == b.file_number &&
                              a.domain == b.domain && a.every == b.every;
    return same_flags && same_place && same_subject && same_message && a.after == b.after &&
           same_uses(a.reads, b.reads) && same_uses(a.writes, b.writes) &&
           std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), b.arguments.end(), same_argument);
}

inline bool same_chunk(const Chunk& a, const Chunk& b) {
    return a.lane == b.lane && a.gpu == b.gpu && a.instructions == b.instructions && a.dependents == b.dependents &&
           a.predecessors == b.predecessors && a.claimable == b.claimable;
}

inline void expect_same_program(const Program& a, const Program& b) {
    ASSERT_EQ(a.instructions.size(), b.instructions.size());
    for (std::size_t i = 0; i < a.instructions.size(); ++i)
        ASSERT_TRUE(same_instruction(a.instructions[i], b.instructions[i])) << "instruction " << i;
    ASSERT_EQ(a.chunks.size(), b.chunks.size());
    for (std::size_t i = 0; i < a.chunks.size(); ++i)
        ASSERT_TRUE(same_chunk(a.chunks[i], b.chunks[i])) << "chunk " << i;
    EXPECT_EQ(a.flops, b.flops);
    EXPECT_EQ(a.message_count, b.message_count);
    EXPECT_EQ(a.message_bytes, b.message_bytes);
    EXPECT_EQ(a.sweeps_back, b.sweeps_back);
    EXPECT_EQ(a.verdicts, b.verdicts);
}

}  // namespace maniple
