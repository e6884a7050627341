#include "lanes/cpu/fold_pieces.hpp"

#include <algorithm>

namespace maniple {

namespace {

Box states_of(const Operation& operation, const Box& points) {
    Box states{Extents{0}, Extents{1}};
    for (const int index : operation.bound->kept()) {
        states.lo.push_back(points.lo[index]);
        states.hi.push_back(points.hi[index]);
    }
    return states;
}

/// The outermost kept index that can be cut; -1: there is none.
int cut_index(const Operation& operation, const Box& points) {
    for (const int index : operation.bound->kept()) {
        if (!operation.bound->indices[static_cast<std::size_t>(index)].whole && points.extent(index) > 1) return index;
    }
    return -1;
}

}  // namespace

std::vector<FoldPiece> fold_pieces(const Operation& operation, const Box& points, std::int64_t most_states) {
    const Box states = states_of(operation, points);
    const int index = cut_index(operation, points);
    if (states.volume() <= most_states || index < 0) return {{points, states}};
    const std::int64_t extent = points.extent(index);
    const std::int64_t step = std::max<std::int64_t>(1, most_states / (states.volume() / extent));
    std::vector<FoldPiece> pieces;
    for (std::int64_t at = points.lo[index]; at < points.hi[index]; at += step) {
        Box part = points;
        part.lo[index] = at;
        part.hi[index] = std::min(at + step, points.hi[index]);
        for (const FoldPiece& piece : fold_pieces(operation, part, most_states)) pieces.push_back(piece);
    }
    return pieces;
}

}  // namespace maniple
