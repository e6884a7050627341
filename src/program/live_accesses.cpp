#include "program/live_accesses.hpp"

#include <algorithm>

namespace maniple {

namespace {
/// So many are looked through faster than they are found.
constexpr std::size_t few = 16;
/// An index takes as long to make as looking through all so many times: most buffers are written over before.
constexpr std::size_t looks_an_index = 4;
}  // namespace

std::size_t LiveAccesses::Index::stretch_of(std::int64_t coordinate) const {
    const std::int64_t number = coordinate < first ? 0 : (coordinate - first) / length;
    return std::min(static_cast<std::size_t>(number), stretches.size() - 1);
}

template <class Visit>
void LiveAccesses::for_each_in(const Box& box, Visit&& visit) {
    if (!is_indexed()) {
        looked_at_ += pieces_.size();
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            if (pieces_[i].by.valid() && overlap(pieces_[i].box, box)) visit(i);
        }
        return;
    }
    update_index();
    const Index& index = *index_;
    const std::size_t first = index.stretch_of(box.lo[index.axis]);
    const std::size_t last = index.stretch_of(box.hi[index.axis] - 1);
    for (std::size_t stretch = first; stretch <= last; ++stretch) {
        std::vector<std::uint32_t>& numbers = index_->stretches[stretch];
        std::erase_if(numbers, [&](std::uint32_t number) { return !pieces_[number].by.valid(); });
        for (const std::uint32_t number : numbers) {
            const Piece& piece = pieces_[number];
            // One that lies in several stretches is met in the first of them that is looked at.
            const bool met = std::max<std::size_t>(first, piece.first_stretch) != stretch;
            if (!met && overlap(piece.box, box)) visit(number);
        }
    }
}

bool LiveAccesses::is_indexed() {
    return pieces_.size() > few && (index_ != nullptr || looked_at_ > looks_an_index * pieces_.size());
}

void LiveAccesses::find(const Box& box, Followed& by) {
    if (pieces_.empty() || box.empty()) return;
    for_each_in(box, [&](std::size_t number) { by.push_back(pieces_[number].by); });
}

std::int64_t LiveAccesses::volume_in(const Box& box) {
    std::int64_t volume = 0;
    if (pieces_.empty() || box.empty()) return volume;
    for_each_in(box, [&](std::size_t number) { volume += intersect(pieces_[number].box, box).volume(); });
    return volume;
}

void LiveAccesses::take(const Box& box, Followed& by) {
    cut(box, [&](InstructionId one) { by.push_back(one); });
}

void LiveAccesses::cut(const Box& box) {
    cut(box, [](InstructionId) {});
}

/// Adds what is left of `piece` without `box`, with which it overlaps: up to two boxes an axis.
void LiveAccesses::add_rest(const Piece& piece, const Box& box, Pieces& left) {
    Box rest = piece.box;
    for (int axis = 0; axis < rest.rank(); ++axis) {
        const std::int64_t lo = rest.lo[axis], hi = rest.hi[axis];
        if (lo < box.lo[axis]) {
            rest.hi[axis] = box.lo[axis];
            left.push_back({rest, piece.by, 0});
        }
        if (box.hi[axis] < hi) {
            rest.lo[axis] = box.hi[axis];
            rest.hi[axis] = hi;
            left.push_back({rest, piece.by, 0});
        }
        rest.lo[axis] = std::max(lo, box.lo[axis]);
        rest.hi[axis] = std::min(hi, box.hi[axis]);
    }
}

template <class Visit>
void LiveAccesses::cut(const Box& box, Visit&& visit) {
    if (pieces_.empty() || box.empty()) return;
    Pieces left;
    if (is_indexed()) {
        for_each_in(box, [&](std::size_t number) {
            Piece& piece = pieces_[number];
            visit(piece.by);
            add_rest(piece, box, left);
            piece.by = {};
            ++dead_;
        });
        forget_dead();
    } else {
        looked_at_ += pieces_.size();
        std::size_t kept = 0;
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            const Piece& piece = pieces_[i];
            if (!piece.by.valid()) continue;
            if (overlap(piece.box, box)) {
                visit(piece.by);
                add_rest(piece, box, left);
            } else if (kept++ != i) {
                pieces_[kept - 1] = piece;
            }
        }
        keep(kept);
    }
    pieces_.append(left.begin(), left.end());
}

/// Of the pieces, none of which is dead, the first ones.
void LiveAccesses::keep(std::size_t count) {
    pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(count), pieces_.end());
    index_.reset();
    dead_ = 0;
    if (count == 0) looked_at_ = 0;
}

/// Where that costs little.
void LiveAccesses::forget_dead() {
    if (dead_ == 0) return;
    if (dead_ == pieces_.size()) {
        pieces_.clear();
        index_.reset();
        dead_ = 0;
        looked_at_ = 0;
    } else if (pieces_.size() <= few) {
        erase_if(pieces_, [](const Piece& piece) { return !piece.by.valid(); });
        index_.reset();
        dead_ = 0;
    }
}

void LiveAccesses::update_index() {
    // Rebuilt whenever the pieces, dead ones included, have doubled: each costs its part of that once.
    if (!index_ || pieces_.size() > 2 * index_->built_with) rebuild_index();
    Index& index = *index_;
    for (; index.known < pieces_.size(); ++index.known) {
        Piece& piece = pieces_[index.known];
        if (!piece.by.valid()) continue;
        const std::size_t first = index.stretch_of(piece.box.lo[index.axis]);
        const std::size_t last = index.stretch_of(piece.box.hi[index.axis] - 1);
        piece.first_stretch = static_cast<std::uint32_t>(first);
        for (std::size_t stretch = first; stretch <= last; ++stretch)
            index.stretches[stretch].push_back(static_cast<std::uint32_t>(index.known));
    }
}

void LiveAccesses::rebuild_index() {
    erase_if(pieces_, [](const Piece& piece) { return !piece.by.valid(); });
    dead_ = 0;
    index_ = std::make_unique<Index>();
    index_->built_with = std::max(few, pieces_.size());
    index_->axis = most_varied_axis();
    std::int64_t lo = pieces_.front().box.lo[index_->axis];
    std::int64_t hi = lo + 1;
    for (const Piece& piece : pieces_) {
        lo = std::min(lo, piece.box.lo[index_->axis]);
        hi = std::max(hi, piece.box.hi[index_->axis]);
    }
    const auto stretches = std::min(static_cast<std::int64_t>(pieces_.size()), hi - lo);
    index_->first = lo;
    index_->length = (hi - lo + stretches - 1) / stretches;
    index_->stretches.resize(static_cast<std::size_t>(stretches));
}

/// The axis along which the pieces begin at the most places. Of rank 0 it is 0, too, along which all extents are 0: one
/// stretch holds them all.
int LiveAccesses::most_varied_axis() const {
    int best = 0;
    std::size_t most = 0;
    std::vector<std::int64_t> places(pieces_.size());
    for (int axis = 0; axis < pieces_.front().box.rank(); ++axis) {
        for (std::size_t i = 0; i < pieces_.size(); ++i) places[i] = pieces_[i].box.lo[axis];
        std::sort(places.begin(), places.end());
        const auto end = std::unique(places.begin(), places.end());
        const auto count = static_cast<std::size_t>(end - places.begin());
        if (count <= most) continue;
        most = count;
        best = axis;
    }
    return best;
}

}  // namespace maniple
