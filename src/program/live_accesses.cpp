#include "program/live_accesses.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace maniple {

namespace {
/// So many are looked through faster than they are found.
constexpr std::size_t few = 48;
/// Likewise beside trees: so many make a new one.
constexpr std::size_t few_beside = 24;
/// An index takes as long to make as looking through all so many times: most buffers are written over before.
constexpr std::size_t looks_an_index = 4;
/// Of a leaf's pieces.
constexpr std::size_t most_in_leaf = 4;
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

std::int64_t centre(const Box& box, int axis) { return box.lo[axis] + box.extent(axis) / 2; }
}  // namespace

template <class Visit>
void LiveAccesses::for_each_in(const Box& box, Visit&& visit) {
    std::size_t first = 0;
    if (is_indexed()) {
        update_index();
        for (Tree& tree : index_->trees) {
            ++visited_;
            if (tree.numbers.empty() || !overlap(tree.around, box)) continue;
            if (!visit_node(tree, 0, box, visit)) tree.numbers.clear();
        }
        first = index_->known;
    } else {
        looked_at_ += pieces_.size();
    }
    visited_ += pieces_.size() - first;
    for (std::size_t i = first; i < pieces_.size(); ++i) {
        if (pieces_[i].by.valid() && overlap(pieces_[i].box, box)) visit(i);
    }
}

/// Returns whether one of its pieces is left: what has none is not looked at again.
template <class Visit>
bool LiveAccesses::visit_node(Tree& tree, std::size_t at, const Box& box, Visit& visit) {
    Node& node = tree.nodes[at];
    ++visited_;
    if (node.axis >= 0) {
        if (box.lo[node.axis] < node.low_end && !visit_node(tree, at + 1, box, visit)) node.low_end = lowest;
        if (node.high_begin < box.hi[node.axis] && !visit_node(tree, node.first, box, visit)) node.high_begin = highest;
        return node.low_end != lowest || node.high_begin != highest;
    }
    visited_ += node.end - node.first;
    for (std::uint32_t i = node.first; i < node.end;) {
        const std::uint32_t number = tree.numbers[i];
        const Piece& piece = pieces_[number];
        if (piece.by.valid() && overlap(piece.box, box)) visit(number);
        if (piece.by.valid()) {
            ++i;
        } else {
            std::swap(tree.numbers[i], tree.numbers[--node.end]);
        }
    }
    return node.first < node.end;
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
            left.push_back({rest, piece.by});
        }
        if (box.hi[axis] < hi) {
            rest.lo[axis] = box.hi[axis];
            rest.hi[axis] = hi;
            left.push_back({rest, piece.by});
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
        visited_ += pieces_.size();
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
    if (!index_) index_ = std::make_unique<Index>();
    Index& index = *index_;
    if (dead_ > few && 2 * dead_ > pieces_.size()) {
        erase_if(pieces_, [](const Piece& piece) { return !piece.by.valid(); });
        dead_ = 0;
        index = {};
    }
    if (pieces_.size() - index.known < few_beside) return;
    std::vector<std::uint32_t> numbers;
    const auto add = [&](std::size_t number) {
        if (pieces_[number].by.valid()) numbers.push_back(static_cast<std::uint32_t>(number));
    };
    for (; index.known < pieces_.size(); ++index.known) add(index.known);
    while (!index.trees.empty() && index.trees.back().numbers.size() < 2 * numbers.size()) {
        for (const std::uint32_t number : index.trees.back().numbers) add(number);
        index.trees.pop_back();
    }
    if (!numbers.empty()) index.trees.push_back(tree_of(std::move(numbers)));
}

LiveAccesses::Tree LiveAccesses::tree_of(std::vector<std::uint32_t> numbers) const {
    Tree tree;
    tree.around = pieces_[numbers.front()].box;
    for (const std::uint32_t number : numbers) tree.around = bounding(tree.around, pieces_[number].box);
    tree.numbers = std::move(numbers);
    tree.nodes.reserve(tree.numbers.size());
    add_node(tree, 0, tree.numbers.size());
    return tree;
}

/// Returns its number.
std::uint32_t LiveAccesses::add_node(Tree& tree, std::size_t first, std::size_t end) const {
    const std::size_t at = tree.nodes.size();
    const std::span<std::uint32_t> numbers(tree.numbers.data() + first, end - first);
    tree.nodes.push_back({0, 0, -1, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end)});
    const int axis = numbers.size() > most_in_leaf ? axis_to_halve(numbers) : -1;
    if (axis < 0) return static_cast<std::uint32_t>(at);
    const std::size_t middle = halve(numbers, axis);
    std::int64_t low_end = lowest, high_begin = highest;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const Box& box = pieces_[numbers[i]].box;
        if (i < middle) {
            low_end = std::max(low_end, box.hi[axis]);
        } else {
            high_begin = std::min(high_begin, box.lo[axis]);
        }
    }
    add_node(tree, first, first + middle);
    const std::uint32_t second = add_node(tree, first + middle, end);
    tree.nodes[at] = {low_end, high_begin, axis, second, 0};
    return static_cast<std::uint32_t>(at);
}

/// The axis along which the pieces lie furthest apart for how long they are; -1: all at one place.
int LiveAccesses::axis_to_halve(std::span<const std::uint32_t> numbers) const {
    int best = -1;
    double furthest = 0;
    for (int axis = 0; axis < pieces_[numbers.front()].box.rank(); ++axis) {
        std::int64_t least = highest, most = lowest;
        double lengths = 0;
        for (const std::uint32_t number : numbers) {
            const Box& box = pieces_[number].box;
            const std::int64_t place = centre(box, axis);
            least = std::min(least, place);
            most = std::max(most, place);
            lengths += static_cast<double>(box.extent(axis));
        }
        const double apart = static_cast<double>(most - least) / lengths;
        if (apart <= furthest) continue;
        furthest = apart;
        best = axis;
    }
    return best;
}

/// Puts those that lie lower first; returns how many these are: about half of them, where those at one place stay
/// together. Requires: not all lie at one place.
std::size_t LiveAccesses::halve(std::span<std::uint32_t> numbers, int axis) const {
    const auto place = [&](std::uint32_t number) { return centre(pieces_[number].box, axis); };
    const auto half = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
    std::nth_element(numbers.begin(), half, numbers.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return place(a) < place(b); });
    const std::int64_t middle = place(*half);
    const auto before = std::partition(numbers.begin(), half, [&](std::uint32_t n) { return place(n) < middle; });
    const auto behind = std::partition(half, numbers.end(), [&](std::uint32_t n) { return place(n) == middle; });
    const bool is_before = before != numbers.begin() && (behind == numbers.end() || half - before < behind - half);
    return static_cast<std::size_t>((is_before ? before : behind) - numbers.begin());
}

}  // namespace maniple
