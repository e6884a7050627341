// run/chunk_stack.hpp: chunks that may start and belong to no worker, for whoever comes first.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "run/stealing_deque.hpp"

namespace maniple {

/// A stack as Treiber's, last in first out, linked through an array by ChunkId: so push() always has room and none
/// allocates but reserve(). Each chunk lies in it once at most.
/// Threads: any for all but reserve(), of which there is one at a time, while the stack is empty.
/// Orders: `head_` is sequentially consistent, so that a push and a worker that goes to sleep (Parking) do not both miss the
/// other; it shows the links, which are relaxed.
template <class Atomics = RealAtomics>
class ChunkStack {
public:
    /// Room for chunks below `chunks`.
    void reserve(std::size_t chunks) {
        if (chunks <= room_) return;
        room_ = std::bit_ceil(chunks);
        arrays_.push_back(std::make_unique<Link[]>(room_));
        links_.store(arrays_.back().get(), std::memory_order_release);  // partner: pop()
    }

    void push(ChunkId chunk) {
        Link* const links = links_.load(std::memory_order_relaxed);  // whoever has a chunk comes after reserve()
        std::uint64_t head = head_.load(std::memory_order_relaxed);
        do {
            links[chunk.index()].store(top_of(head), std::memory_order_relaxed);
        } while (
            !head_.compare_exchange_strong(head, (head & ~top_mask) | number_of(chunk), std::memory_order_seq_cst));
    }

    /// None if it is empty.
    ChunkId pop() {
        std::uint64_t head = head_.load(std::memory_order_seq_cst);
        while (top_of(head) != 0) {
            // Not older than what showed `head`. If that is out of date so may be the link, and the exchange fails.
            Link* const links = links_.load(std::memory_order_acquire);  // partner: reserve()
            const std::uint32_t below = links[top_of(head) - 1].load(std::memory_order_relaxed);
            const std::uint64_t next = ((head & ~top_mask) + one_pop) | below;
            if (head_.compare_exchange_strong(head, next, std::memory_order_seq_cst))
                return ChunkId(static_cast<std::size_t>(top_of(head) - 1));
        }
        return {};
    }

    bool is_empty() const { return top_of(head_.load(std::memory_order_seq_cst)) == 0; }
    /// The same, but perhaps out of date.
    bool seems_empty() const { return top_of(head_.load(std::memory_order_relaxed)) == 0; }

private:
    using Link = typename Atomics::template Value<std::uint32_t>;
    static constexpr std::uint64_t top_mask = 0xffffffff;
    static constexpr std::uint64_t one_pop = std::uint64_t{1} << 32;

    /// Chunks count from 1 here; 0: there is none.
    static std::uint32_t number_of(ChunkId chunk) { return static_cast<std::uint32_t>(chunk.index()) + 1; }
    static std::uint32_t top_of(std::uint64_t head) { return static_cast<std::uint32_t>(head & top_mask); }

    /// The number of the top chunk, above it how many have been taken: else a thread that was held up between its look at
    /// the link and its exchange would not see that the same chunk has come back with another one below. After 2^32 it
    /// begins again, which nobody is held up for.
    alignas(64) typename Atomics::template Value<std::uint64_t> head_{0};
    std::atomic<Link*> links_{nullptr};
    std::size_t room_ = 0;
    std::vector<std::unique_ptr<Link[]>>
        arrays_;  ///< the last one counts: a thread that was held up may read the others
};

}  // namespace maniple
