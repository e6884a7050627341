#include "program/halo.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace maniple {

namespace {

/// A stretch of one axis: target [lo, hi), source starting at `source`; a clamped one repeats one coordinate.
struct Stretch {
    HaloPiece::Kind kind;
    std::int64_t lo, hi;
    std::int64_t source;
};
/// Below, inside and above.
using Stretches = ShortVector<Stretch, 3>;

void add_clamped(std::int64_t lo, std::int64_t hi, std::int64_t extent, HaloPiece::Kind kind, Stretches& out) {
    if (lo < 0) out.push_back({kind, lo, std::min<std::int64_t>(hi, 0), 0});
    const std::int64_t inside_lo = std::max<std::int64_t>(lo, 0);
    const std::int64_t inside_hi = std::min(hi, extent);
    if (inside_lo < inside_hi) out.push_back({HaloPiece::Kind::move, inside_lo, inside_hi, inside_lo});
    if (hi > extent) out.push_back({kind, std::max(lo, extent), hi, extent - 1});
}

void add_periodic(std::int64_t lo, std::int64_t hi, std::int64_t extent, Stretches& out) {
    std::int64_t at = lo;
    while (at < hi) {
        const std::int64_t source = ((at % extent) + extent) % extent;
        const std::int64_t length = std::min(hi - at, extent - source);
        out.push_back({HaloPiece::Kind::move, at, at + length, source});
        at += length;
    }
}

Stretches stretches_of(const Box& box, const Shape& shape, const BoundaryRule& rule, int axis) {
    Stretches result;
    const std::int64_t lo = box.lo[axis];
    const std::int64_t hi = box.hi[axis];
    const bool inside = lo >= 0 && hi <= shape[axis];
    const Boundary boundary = rule.empty() ? Boundary::none : rule[static_cast<std::size_t>(axis)];
    MANIPLE_CHECK(inside || boundary != Boundary::none,
                  "a box leaves its tensor without a boundary rule: " + to_string(box));
    if (inside) {
        result.push_back({HaloPiece::Kind::move, lo, hi, lo});
    } else if (boundary == Boundary::periodic) {
        add_periodic(lo, hi, shape[axis], result);
    } else {
        add_clamped(lo, hi, shape[axis], boundary == Boundary::zero ? HaloPiece::Kind::zero : HaloPiece::Kind::clamp,
                    result);
    }
    return result;
}

/// Adds one axis to every piece so far. A clamped source stays at the target's place along all other axes.
void extend(std::vector<HaloPiece>& pieces, const Stretches& stretches) {
    // From the last to the first, so that a piece's parts take no other's place.
    const std::size_t before = pieces.size();
    pieces.resize(before * stretches.size());
    for (std::size_t i = before; i-- > 0;) {
        const HaloPiece piece = pieces[i];
        for (std::size_t k = 0; k < stretches.size(); ++k) {
            const Stretch& stretch = stretches[k];
            HaloPiece& next = pieces[i * stretches.size() + k];
            next = piece;
            next.kind = std::max(piece.kind, stretch.kind);
            next.target.lo.push_back(stretch.lo);
            next.target.hi.push_back(stretch.hi);
            next.source.lo.push_back(stretch.source);
            next.source.hi.push_back(stretch.kind == HaloPiece::Kind::move ? stretch.source + stretch.hi - stretch.lo
                                                                           : stretch.source + 1);
        }
    }
}

/// A clamp reads its own box after the moves: along unclamped axes at the target's coordinates, not the wrapped ones.
void unwrap_clamp_source(HaloPiece& piece, const Shape& shape, const BoundaryRule& rule) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
        const bool outside = piece.target.lo[axis] < 0 || piece.target.hi[axis] > shape[axis];
        const bool clamped = outside && rule[static_cast<std::size_t>(axis)] == Boundary::clamp;
        if (clamped) continue;
        piece.source.lo[axis] = piece.target.lo[axis];
        piece.source.hi[axis] = piece.target.hi[axis];
    }
}

}  // namespace

std::vector<HaloPiece> halo_pieces(const Box& box, const Shape& shape, const BoundaryRule& rule) {
    if (box.empty()) return {};
    if (Box::whole(shape).contains(box)) return {{HaloPiece::Kind::move, box, box}};
    std::vector<HaloPiece> pieces;
    pieces.reserve(9);  // of two axes
    pieces.emplace_back();
    for (int axis = 0; axis < shape.rank(); ++axis) extend(pieces, stretches_of(box, shape, rule, axis));
    for (HaloPiece& piece : pieces) {
        if (piece.kind == HaloPiece::Kind::clamp) unwrap_clamp_source(piece, shape, rule);
    }
    std::vector<HaloPiece> sorted;
    sorted.reserve(pieces.size());
    for (const HaloPiece::Kind kind : {HaloPiece::Kind::move, HaloPiece::Kind::clamp, HaloPiece::Kind::zero}) {
        for (const HaloPiece& piece : pieces) {
            if (piece.kind == kind) sorted.push_back(piece);
        }
    }
    return sorted;
}

}  // namespace maniple
