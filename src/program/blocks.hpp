// program/blocks.hpp: a run as a sequence of blocks of steps; a block ends wherever something observes.
#pragma once

#include <cstdint>

#include "program/layout.hpp"
#include "program/program.hpp"

namespace maniple {

/// Consecutive steps that one program carries out.
struct StepBlock {
    std::int64_t first = 0;  ///< first step, from 0
    BlockShape shape;

    std::int64_t end() const { return first + shape.steps; }
};

// The functions that take a block to fill allocate nothing once it has held one that observes as much.

/// The block that a run begins with.
void set_first_block(const Graph& graph, const Versions& versions, StepBlock& block);

/// The block that follows after all steps of `block`. Before step `careful_until` no step is computed before it is known
/// that the loop goes on. Requires: block.end() < graph.steps.
void set_next_block(const Graph& graph, const Versions& versions, std::int64_t careful_until, StepBlock& block);

/// The steps of `block`, up to the first after which `until` is looked at: for a block whose steps are not all wanted.
/// What it begins with is still there.
void set_careful_block(const Graph& graph, const Versions& versions, StepBlock& block);

/// After a block that holds: the block without a step that writes what it has observed.
void set_writing_block(const Versions& versions, const StepBlock& last, StepBlock& block);

/// After the last block of a graph with `until`: the block without a step that writes the final outputs. `stopped`: until
/// ended the loop, so the last carry was not performed.
void set_closing_block(const Graph& graph, const Versions& versions, const StepBlock& last, bool stopped,
                       StepBlock& block);

/// The block of a run without a stop that begins with step `first`, found by going through those before it; one begins
/// there. Requires: first < graph.steps.
StepBlock block_at(const Graph& graph, const Versions& versions, std::int64_t first);
StepBlock closing_block(const Graph& graph, const Versions& versions, const StepBlock& last, bool stopped);

}  // namespace maniple
