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

/// The block that begins with step `first`. Requires: first < graph.steps.
StepBlock block_at(const Graph& graph, const Versions& versions, std::int64_t first);
/// The same in place of another block: allocates nothing once `block` has held one that observes as much.
void set_block_at(const Graph& graph, const Versions& versions, std::int64_t first, StepBlock& block);

/// The block without a step that writes the final outputs of a graph with `until`, after `performed` steps.
/// `stopped`: until ended the loop, so the last carry was not performed.
StepBlock closing_block(const Graph& graph, const Versions& versions, std::int64_t performed, bool stopped);
void set_closing_block(const Graph& graph, const Versions& versions, std::int64_t performed, bool stopped,
                       StepBlock& block);

}  // namespace maniple
