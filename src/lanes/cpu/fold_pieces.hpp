// lanes/cpu/fold_pieces.hpp: a fold that one instruction computes wholly, in pieces whose states stay in the cache.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// A part of a box of points with the states of its results, [0:1, kept…].
struct FoldPiece {
    Box points;
    Box states;
};

/// `points` cut along kept indices, the outermost first, so that no piece has more than `most_states` states unless
/// an index that is whole forbids it. Contracted indices stay uncut: the pieces give the bits of the whole.
std::vector<FoldPiece> fold_pieces(const Operation& operation, const Box& points, std::int64_t most_states);

}  // namespace maniple
