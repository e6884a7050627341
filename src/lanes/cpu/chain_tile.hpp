// lanes/cpu/chain_tile.hpp: a tile that goes through a chain of elementwise operations, piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lanes/cpu/kernel_call.hpp"
#include "program/layout.hpp"

namespace maniple {

/// What a chain reads or writes of a tensor in memory, for one tile: consecutive bytes for each row of the cut.
struct ChainStream {
    std::byte* first = nullptr;  ///< of the tile
    std::int64_t row_bytes = 0;
};

/// The result of a chain that is too large to stay in any cache: the last operation writes a piece of its own, which is
/// stored past the cache.
struct ChainStore {
    ChainStream to;
    std::int64_t half = 0;  ///< where the last operation writes
};

/// Borrows the operations. Immutable but for the pointers in them: one worker at a time.
class ChainTile {
public:
    /// `streams`: what is worth fetching early. `half_bytes`: room for one piece of a tensor.
    ChainTile(const Box& tile, std::vector<KernelWork*> operations, std::vector<ChainStream> streams,
              std::optional<ChainStore> store, std::int64_t half_bytes);

    /// Each piece goes through all operations before the next one does. Meanwhile the next piece of what lies in memory
    /// is fetched into the cache, so that the memory is as busy as the core. `pieces`: twice half_bytes, the worker's own.
    void run(std::byte* pieces) const;

private:
    void fetch(std::int64_t lo, std::int64_t hi, std::size_t share) const;

    PieceCut cut_;
    std::int64_t begin_ = 0, end_ = 1;  ///< of the tile along the cut
    std::vector<KernelWork*> operations_;
    std::vector<ChainStream> streams_;
    std::optional<ChainStore> store_;
    std::int64_t half_bytes_;
};

}  // namespace maniple
