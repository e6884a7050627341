#include "program/transfers.hpp"

#include <algorithm>
#include <span>

#include "plan/neighbours.hpp"

namespace maniple {

namespace {

Extents difference(const Extents& a, const Extents& b) {
    Extents result(a.rank());
    for (int axis = 0; axis < a.rank(); ++axis) result[axis] = a[axis] - b[axis];
    return result;
}

/// The same set of coordinates in boxes that depend on nothing else: not on what was added or taken away before. Slabs
/// along `axis`, as thick as may be, each cut alike along the axes after it.
std::vector<Box> canonical(std::span<const Box> boxes, int axis = 0) {
    if (boxes.size() <= 1 || axis == boxes.front().rank()) return {boxes.begin(), boxes.end()};
    std::vector<std::int64_t> edges;
    for (const Box& box : boxes) {
        edges.push_back(box.lo[axis]);
        edges.push_back(box.hi[axis]);
    }
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    std::vector<Box> result, slab_before;
    for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
        std::vector<Box> slab;
        for (Box box : boxes) {
            if (box.lo[axis] > edges[i] || box.hi[axis] < edges[i + 1]) continue;
            box.lo[axis] = 0;
            box.hi[axis] = 1;
            slab.push_back(box);
        }
        slab = canonical(slab, axis + 1);
        const bool goes_on = !slab.empty() && slab == slab_before;
        for (std::size_t part = 0; part < slab.size(); ++part) {
            if (goes_on) {
                result[result.size() - slab.size() + part].hi[axis] = edges[i + 1];
                continue;
            }
            result.push_back(slab[part]);
            result.back().lo[axis] = edges[i];
            result.back().hi[axis] = edges[i + 1];
        }
        slab_before = std::move(slab);
    }
    return result;
}

/// Splits what is missing of one move over the ranks that own it: the rank itself first, then in ascending order. What
/// one owner sends is cut in a way that both ends find, though one knows more of what the other has.
void find_owners(const TransferRequest& request, const HaloPiece& piece, const Region& available,
                 std::vector<Transfer>& out) {
    const Extents shift = difference(piece.target.lo, piece.source.lo);
    Region rest(piece.source);
    const auto take = [&](Rank owner) {
        const Box owned = owned_box(*request.graph, *request.plan, request.tensor, owner);
        if (owned.empty()) return;
        Region part = rest;
        part.intersect(owned);
        rest.subtract(owned);
        Region missing;
        for (const Box& source : part.boxes()) missing.add(shifted(source, shift));
        for (const Box& have : available.boxes()) missing.subtract(have);
        for (const Box& target : canonical(missing.boxes())) {
            const Box source = shifted(target, difference(piece.source.lo, piece.target.lo));
            out.push_back({HaloPiece::Kind::move, owner, source, target});
        }
    };
    take(request.rank);
    if (rest.empty()) return;
    for (const Rank owner : owners_of(*request.graph, *request.plan, request.tensor, piece.source)) {
        if (owner != request.rank) take(owner);
    }
    for (const Box& have : available.boxes()) {
        Extents back = difference(piece.source.lo, piece.target.lo);
        rest.subtract(shifted(have, back));
    }
    MANIPLE_CHECK(rest.empty(),
                  "no rank owns " + to_string(rest.boxes().front()) + " of " + (*request.graph)[request.tensor].name);
}

/// A part of a clamp: its source follows the target along the axes that are not repeated.
Box clamp_source(const HaloPiece& piece, const Box& target) {
    Box source = piece.source;
    for (int axis = 0; axis < target.rank(); ++axis) {
        if (piece.source.lo[axis] == piece.target.lo[axis] && piece.source.hi[axis] == piece.target.hi[axis]) {
            source.lo[axis] = target.lo[axis];
            source.hi[axis] = target.hi[axis];
        }
    }
    return source;
}

void add_boundary(const TransferRequest& request, const HaloPiece& piece, const Region& available,
                  std::vector<Transfer>& out) {
    Region missing(piece.target);
    for (const Box& have : available.boxes()) missing.subtract(have);
    for (const Box& target : missing.boxes()) {
        const bool clamped = piece.kind == HaloPiece::Kind::clamp;
        out.push_back(
            {piece.kind, request.rank, clamped ? clamp_source(piece, target) : Box::nothing(target.rank()), target});
    }
}

}  // namespace

std::vector<Transfer> transfers_to(const TransferRequest& request, Region& available) {
    std::vector<Transfer> transfers;
    for (const Box& need : request.needs) {
        for (const HaloPiece& piece : halo_pieces(need, (*request.graph)[request.tensor].shape, request.rule)) {
            if (available.contains(piece.target)) continue;
            if (piece.kind == HaloPiece::Kind::move) {
                find_owners(request, piece, available, transfers);
            } else {
                add_boundary(request, piece, available, transfers);
            }
            available.add(piece.target);
        }
    }
    return transfers;
}

}  // namespace maniple
