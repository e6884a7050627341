// program/live_accesses.hpp: who touched which part of a buffer last, found by where it lies.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "base/ids.hpp"
#include "base/short_vector.hpp"
#include "tensor/box.hpp"

namespace maniple {

/// Those that an instruction has to follow, while they are being found: some come more than once.
using Followed = ShortVector<InstructionId, 24>;

/// Boxes of one buffer with who accessed them; of each box there is left what has not been cut away since. A few are
/// looked through one by one, many that are looked for again and again by an index along the axis on which they differ most.
class LiveAccesses {
public:
    void add(const Box& box, InstructionId by) {
        if (box.empty()) return;
        if (pieces_.size() == 1) pieces_.reserve(6);  // most often a tile and its edges
        new (pieces_.extend(1)) Piece{box, by, 0};
    }
    /// Appends those who accessed a part of `box` that is left; one more than once, if several parts are.
    void find(const Box& box, Followed& by);
    /// Boxes that have been accessed, in pieces; some may not be left.
    std::size_t size() const { return pieces_.size(); }
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

private:
    struct Piece {
        Box box;
        InstructionId by;                 ///< invalid: nothing is left of it
        std::uint32_t first_stretch = 0;  ///< of those of the index that it touches
    };
    /// The pieces [0, known) by the stretches of one axis that they touch.
    struct Index {
        int axis = 0;
        std::int64_t first = 0;   ///< coordinate at which the first stretch begins
        std::int64_t length = 1;  ///< of a stretch
        std::size_t known = 0;
        std::size_t built_with = 0;                         ///< pieces
        std::vector<std::vector<std::uint32_t>> stretches;  ///< what lies outside of all belongs to the nearest

        std::size_t stretch_of(std::int64_t coordinate) const;
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
    void rebuild_index();
    int most_varied_axis() const;

    ShortVector<Piece, 1> pieces_;
    std::unique_ptr<Index> index_;
    std::size_t dead_ = 0;
    std::size_t looked_at_ = 0;  ///< pieces, one by one, since all of them were dead
};

}  // namespace maniple
