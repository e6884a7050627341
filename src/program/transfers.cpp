#include "program/transfers.hpp"

namespace maniple {

namespace {

Extents difference(const Extents& a, const Extents& b) {
    Extents result(a.rank());
    for (int axis = 0; axis < a.rank(); ++axis) result[axis] = a[axis] - b[axis];
    return result;
}

/// Splits one missing part of a move over the ranks that own it: the rank itself first, then in ascending order.
void find_owners(const TransferRequest& request, const Box& target, const Extents& shift, std::vector<Transfer>& out) {
    Extents back(shift.rank());
    for (int axis = 0; axis < shift.rank(); ++axis) back[axis] = -shift[axis];
    Region rest(shifted(target, back));
    const auto take = [&](Rank owner) {
        const Box owned = owned_box(*request.graph, *request.plan, request.tensor, owner);
        if (owned.empty()) return;
        Region part = rest;
        part.intersect(owned);
        for (const Box& source : part.boxes()) {
            out.push_back({HaloPiece::Kind::move, owner, source, shifted(source, shift)});
            rest.subtract(source);
        }
    };
    take(request.rank);
    for (int owner = 0; owner < request.plan->ranks && !rest.empty(); ++owner) {
        if (owner != request.rank.value) take(Rank(owner));
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

}  // namespace

std::vector<Transfer> transfers_to(const TransferRequest& request, Region& available) {
    std::vector<Transfer> transfers;
    for (const Box& need : request.needs) {
        for (const HaloPiece& piece : halo_pieces(need, (*request.graph)[request.tensor].shape, request.rule)) {
            Region missing(piece.target);
            for (const Box& have : available.boxes()) missing.subtract(have);
            for (const Box& target : missing.boxes()) {
                if (piece.kind == HaloPiece::Kind::move) {
                    find_owners(request, target, difference(piece.target.lo, piece.source.lo), transfers);
                } else {
                    const Box source = piece.kind == HaloPiece::Kind::clamp ? clamp_source(piece, target)
                                                                            : Box::nothing(target.rank());
                    transfers.push_back({piece.kind, request.rank, source, target});
                }
            }
            available.add(piece.target);
        }
    }
    return transfers;
}

}  // namespace maniple
