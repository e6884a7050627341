// plan/block_grid.hpp: an index space cut along up to three indices into blocks.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "tensor/box.hpp"

namespace maniple {

/// The most indices that one grid cuts.
inline constexpr int most_cuts = 3;

/// One index in `parts` parts. Without `ends` their lengths differ by one at most, the longer ones come first.
struct Cut {
    int index = 0;
    int parts = 1;
    std::vector<std::int64_t> ends = {};  ///< of each part, counted from the first coordinate; ascending, none twice

    /// Part `part` of the coordinates of `space` along `index`.
    Box part(const Box& space, int number) const;
    /// The parts that have a coordinate in [lo, hi), ascending. Requires: no more parts than coordinates.
    std::vector<int> meeting(const Box& space, std::int64_t lo, std::int64_t hi) const;
    bool operator==(const Cut&) const = default;
};

/// Block p belongs to rank first + p. Blocks are numbered with the last cut varying fastest; without cuts there is one,
/// the whole on rank `first`. Ranks without a block are idle.
struct BlockGrid {
    std::vector<Cut> cuts;
    Rank first = Rank(std::int32_t{0});

    int count() const;
    /// Whether `rank` has a block.
    bool holds(Rank rank) const { return rank >= first && rank.value < first.value + count(); }
    /// How many parts `index` is cut into; 1: not cut.
    int parts_along(int index) const;
    /// The part of `rank` along cut number `cut`. Requires: holds(rank).
    int part_of(Rank rank, std::size_t cut) const;
    /// Rank `rank`'s block of `space`; empty where it has none.
    Box block(const Box& space, Rank rank) const;
    /// The ranks whose part along each cut is one of `parts` (ascending, by cut), ascending.
    std::vector<Rank> ranks_at(const std::vector<std::vector<int>>& parts) const;
    bool operator==(const BlockGrid&) const = default;
};

}  // namespace maniple
