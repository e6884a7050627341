// program/rank_proof.hpp: what one rank's program has to keep to by itself: its part of a proof (proof.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// What an instruction moves or computes, by name.
std::string tensor_name(const Graph& graph, const Instruction& instruction);

/// "rank 1: 12 receive 'u' [0:1, 0:8] of step 3 from rank 0, 32 B".
std::string instruction_text(const Graph& graph, const Layout& layout, const Program& program, std::size_t number);

/// What is wrong with a rank's memory, chunks (none of which may wait for itself) and the order of what touches the same bytes,
/// or read before it is written in the block that a run begins with, in one line; empty: nothing.
/// Hazards are found anew; nothing that the program says of what waits for what is believed but its chunks' edges. Pure;
/// near-linear in the instructions, where these wait directly for what they have to follow.
std::string fault_of_rank(const Graph& graph, const Layout& layout, const Program& program);

/// A number in [0, message_sums) that a rank's messages come to. Of programs of all ranks, where every message that is sent is
/// received, from the same rank, with the same number, tensor and bytes, the sum is a multiple of message_sums; where not it is
/// one by chance alone. Pure.
/// `number` tells programs that are executed one after the other apart, the same on all ranks.
std::int64_t message_sum(const Graph& graph, const Layout& layout, const Program& program, std::size_t number);
/// As many numbers of ranks as there may be add up to one that a double holds.
constexpr std::int64_t message_sums = std::int64_t{1} << 36;

}  // namespace maniple
