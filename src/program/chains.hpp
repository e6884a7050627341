// program/chains.hpp: operations that pass over a tile one after the other, so that what lies between them needs no memory.
#pragma once

#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// Elementwise operations on the cpu, each reading what the one before makes, which nobody else reads. They are computed
/// where the last one stands in the graph, tile by tile, and each tile in pieces: all that is between the first reads and
/// the last writes stays in the worker's cache, in memory of its own.
struct Chain {
    std::vector<OperationId> operations;  ///< two or more, in order
};

/// The chains of a rank with these lanes. Pure. What is sent between ranks does not depend on them.
std::vector<Chain> find_chains(const Graph& graph, const Plan& plan, const LaneChoice& lanes);

/// What a worker needs for the two pieces of `chain` (its operations) over any of these tiles.
std::int64_t bytes_of_pieces(const Graph& graph, const std::vector<OperationId>& chain, const std::vector<Tile>& tiles);

}  // namespace maniple
