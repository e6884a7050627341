// lanes/file/slabs.hpp: a box in pieces of bounded size.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor/box.hpp"

namespace maniple {

/// Calls `visit(piece)` for pieces of `box` in row-major order, each of at most `max_elements` elements (at least
/// 1). The elements of the pieces, one after another, are the elements of the box in row-major order.
template <class Visit>
void for_each_slab(const Box& box, std::int64_t max_elements, Visit&& visit) {
    if (box.empty()) return;
    const std::int64_t volume = box.volume();
    int axis = 0;
    while (axis < box.rank() && box.extent(axis) == 1) ++axis;
    if (volume <= max_elements || axis == box.rank()) {
        visit(box);
        return;
    }
    const std::int64_t inner = volume / box.extent(axis);
    const std::int64_t thickness = std::max<std::int64_t>(1, max_elements / inner);
    for (std::int64_t at = box.lo[axis]; at < box.hi[axis]; at += thickness) {
        Box piece = box;
        piece.lo[axis] = at;
        piece.hi[axis] = std::min(at + thickness, box.hi[axis]);
        for_each_slab(piece, max_elements, visit);
    }
}

}  // namespace maniple
