// program/live_accesses.hpp: who touched which part of a buffer last, found by where it lies.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "base/ids.hpp"
#include "base/short_vector.hpp"
#include "tensor/box.hpp"

namespace maniple {

/// Those that an instruction has to follow, while they are being found: some come more than once.
using Followed = ShortVector<InstructionId, 24>;

/// Boxes of one buffer with who accessed them; of each box there is left what has not been cut away since. A few are
/// looked through one by one, many that are looked for again and again by trees.
class LiveAccesses {
public:
    void add(const Box& box, InstructionId by) {
        if (box.empty()) return;
        if (pieces_.size() == 1) pieces_.reserve(6);  // most often a tile and its edges
        new (pieces_.extend(1)) Piece{box, by};
    }
    /// Appends those who accessed a part of `box` that is left; one more than once, if several parts are.
    void find(const Box& box, Followed& by);
    /// Boxes that have been accessed, in pieces; some may not be left.
    std::size_t size() const { return pieces_.size(); }
    /// Whether none of them is left.
    bool is_empty() const { return dead_ == pieces_.size(); }
    /// Calls `visit` with each box that is left and with who accessed it.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const Piece& piece : pieces_) {
            if (piece.by.valid()) visit(piece.box, piece.by);
        }
    }
    /// How many coordinates of `box` are left of all boxes together. Requires: these do not overlap.
    std::int64_t volume_in(const Box& box);
    /// find() and cut() in one.
    void take(const Box& box, Followed& by);
    /// Takes `box` away from all.
    void cut(const Box& box);

    /// Pieces and nodes of trees that have been looked at so far: what finding costs.
    std::size_t visited() const { return visited_; }

private:
    struct Piece {
        Box box;
        InstructionId by;  ///< invalid: nothing is left of it
    };
    /// Halves its pieces along one axis, and the halves along others.
    struct Node {
        std::int64_t low_end = 0;  ///< along the axis: where the pieces of the first half end; the least: none is left
        std::int64_t high_begin = 0;  ///< likewise where those of the second begin; the largest: none is left
        int axis = -1;                ///< -1: a leaf
        std::uint32_t first =
            0;                  ///< a leaf's: of the numbers; else the second half's node, the first's is the next one
        std::uint32_t end = 0;  ///< a leaf's
    };
    struct Tree {
        Box around;                          ///< all of its pieces
        std::vector<Node> nodes;             ///< the root first
        std::vector<std::uint32_t> numbers;  ///< of pieces; empty: none is left
    };
    /// The pieces [0, known): each tree has at least twice as many as the next one, so that a piece moves to another
    /// tree, and a lookup asks, as often as the pieces can be halved, in whatever order they come.
    struct Index {
        std::size_t known = 0;
        std::vector<Tree> trees;
    };

    /// Calls `visit` with the numbers of all pieces that have a part of `box`, each once.
    template <class Visit>
    void for_each_in(const Box& box, Visit&& visit);
    template <class Visit>
    void cut(const Box& box, Visit&& visit);
    using Pieces = ShortVector<Piece, 4>;
    static void add_rest(const Piece& piece, const Box& box, Pieces& left);
    void keep(std::size_t count);
    bool is_indexed();
    void forget_dead();
    void update_index();
    template <class Visit>
    bool visit_node(Tree& tree, std::size_t at, const Box& box, Visit& visit);
    Tree tree_of(std::vector<std::uint32_t> numbers) const;
    std::uint32_t add_node(Tree& tree, std::size_t first, std::size_t end) const;
    int axis_to_halve(std::span<const std::uint32_t> numbers) const;
    std::size_t halve(std::span<std::uint32_t> numbers, int axis) const;

    ShortVector<Piece, 1> pieces_;
    std::unique_ptr<Index> index_;
    std::size_t dead_ = 0;
    std::size_t looked_at_ = 0;  ///< pieces, one by one, since all of them were dead
    std::size_t visited_ = 0;
};

}  // namespace maniple
