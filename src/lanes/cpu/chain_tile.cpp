#include "lanes/cpu/chain_tile.hpp"

#include <algorithm>

#include "lanes/cpu/around_cache.hpp"

namespace maniple {

namespace {

constexpr std::int64_t cache_line_bytes = 64;

}  // namespace

ChainTile::ChainTile(const Box& tile, std::vector<KernelWork*> operations, std::vector<ChainStream> streams,
                     std::optional<ChainStore> store, std::int64_t half_bytes)
    : cut_(piece_cut(tile)), operations_(std::move(operations)), streams_(std::move(streams)), store_(store),
      half_bytes_(half_bytes) {
    if (tile.rank() == 0) return;
    begin_ = tile.lo[cut_.axis];
    end_ = tile.hi[cut_.axis];
}

void ChainTile::run(std::byte* pieces) const {
    const auto axis = static_cast<std::size_t>(cut_.axis);
    for (std::int64_t lo = begin_; lo < end_; lo += cut_.rows) {
        const std::int64_t hi = std::min(end_, lo + cut_.rows);
        for (std::size_t i = 0; i < operations_.size(); ++i) {
            fetch(hi, std::min(end_, hi + cut_.rows), i);
            KernelWork& work = *operations_[i];
            KernelCall& call = work.calls.front();
            call.call.lo[axis] = lo;
            call.call.hi[axis] = hi;
            for (const KernelCall::Piece& piece : call.pieces) {
                maniple_tensor& tensor = call.tensors[piece.tensor];
                tensor.data = pieces + piece.half * half_bytes_;
                tensor.offset = piece.offset - (lo - begin_) * cut_.row_elements;
            }
            call.run(work.operation->parameters, nullptr);
        }
        if (store_) {
            copy_around_cache(store_->to.first + (lo - begin_) * store_->to.row_bytes,
                              pieces + store_->half * half_bytes_,
                              static_cast<std::size_t>((hi - lo) * store_->to.row_bytes));
        }
    }
    if (store_) finish_around_cache();
}

/// Before operation number `share` its share of the rows [lo, hi): a core can wait for a few lines at a time only.
void ChainTile::fetch(std::int64_t lo, std::int64_t hi, std::size_t share) const {
    const auto shares = static_cast<std::int64_t>(operations_.size());
    const auto number = static_cast<std::int64_t>(share);
    for (const ChainStream& stream : streams_) {
        const std::byte* const first = stream.first + (lo - begin_) * stream.row_bytes;
        const std::int64_t bytes = (hi - lo) * stream.row_bytes;
        const std::int64_t end = bytes * (number + 1) / shares;
        for (std::int64_t at = bytes * number / shares; at < end; at += cache_line_bytes)
            __builtin_prefetch(first + at, 0, 3);
    }
}

}  // namespace maniple
