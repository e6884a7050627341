// program/halo.hpp: what the coordinates of a box outside a tensor stand for under a boundary rule.
#pragma once

#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// A part of a box that is filled in one go.
struct HaloPiece {
    enum class Kind {
        move,  ///< an element of the tensor: `source` lies inside of it and has target's extents
        clamp,  ///< repeats `source`, which lies in the same box: inside along clamped axes, anywhere along periodic ones
        zero,
    };
    Kind kind = Kind::move;
    Box target;
    Box source;
};

/// Cuts `box` (coordinates of a tensor of `shape`, may leave it) into pieces; together they cover it, disjointly.
/// Moves come before clamps and zeros: the order in which they can be carried out.
/// Requires: every axis along which box leaves the tensor has a rule.
std::vector<HaloPiece> halo_pieces(const Box& box, const Shape& shape, const BoundaryRule& rule);

}  // namespace maniple
