// run/stealing_deque.hpp: chunks that may start, kept by one worker, taken by it at one end and by others at the other.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/ids.hpp"

namespace maniple {

/// The atomic variables of the scheduler's protocols. Tests put in ones that try every interleaving.
struct RealAtomics {
    template <class T>
    using Value = std::atomic<T>;
};

/// The deque of Chase and Lev (SPAA 2005), of a fixed size. The owner pushes and pops at the bottom, last in first out;
/// thieves take from the top. Allocates when made and never again.
/// Orders: `bottom_` and `top_` are sequentially consistent where an owner's pop and a thief, or a push and a worker that
/// goes to sleep (Parking), must not both miss the other; a slot is published by the store of `bottom_` after it.
template <class Atomics = RealAtomics>
class StealingDeque {
public:
    /// `capacity` is rounded up to a power of two.
    explicit StealingDeque(std::size_t capacity)
        : mask_(static_cast<std::int64_t>(std::bit_ceil(capacity)) - 1),
          slots_(new Slot[static_cast<std::size_t>(mask_) + 1]) {}

    /// Owner only. Puts `chunk` where publish() will show it; false, and nothing done, if there is no room.
    bool stage(ChunkId chunk) {
        if (staged_ - known_top_ > mask_) {
            known_top_ =
                top_.load(std::memory_order_acquire);  // partner: the thieves' exchange; the slot has been read
            if (staged_ - known_top_ > mask_) return false;
        }
        slots_[staged_++ & mask_].store(chunk.value, std::memory_order_relaxed);  // shown by publish()
        return true;
    }

    /// Owner only. Whoever looks after this sees what was staged.
    void publish() {
        published_ = staged_;
        bottom_.store(published_, std::memory_order_seq_cst);
    }

    /// Owner only. None if it is empty.
    ChunkId pop() {
        // Only the owner adds: what looks empty is empty.
        if (top_.load(std::memory_order_relaxed) >= published_) return {};
        const std::int64_t last = published_ - 1;
        bottom_.store(last, std::memory_order_seq_cst);
        std::int64_t top = top_.load(std::memory_order_seq_cst);
        if (top < last) {
            staged_ = published_ = last;
            return ChunkId(slots_[last & mask_].load(std::memory_order_relaxed));  // stored by this thread
        }
        // The last one, or none: thieves decide with this exchange.
        const bool won = top == last && top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst);
        bottom_.store(published_, std::memory_order_release);
        return won ? ChunkId(slots_[last & mask_].load(std::memory_order_relaxed)) : ChunkId();
    }

    /// Any thread. None if it is empty or another thread was faster.
    ChunkId steal() {
        std::int64_t top = top_.load(std::memory_order_seq_cst);
        if (top >= bottom_.load(std::memory_order_seq_cst)) return {};
        const ChunkId chunk(slots_[top & mask_].load(std::memory_order_relaxed));  // valid if the exchange succeeds
        return top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst) ? chunk : ChunkId();
    }

    /// Any thread: whether there is anything to steal, as a worker that goes to sleep has to know it.
    bool is_empty() const { return top_.load(std::memory_order_seq_cst) >= bottom_.load(std::memory_order_seq_cst); }

private:
    using Slot = typename Atomics::template Value<std::int32_t>;

    std::int64_t mask_;
    std::unique_ptr<Slot[]> slots_;
    std::int64_t staged_ = 0;     ///< the owner's: one past what it has staged
    std::int64_t published_ = 0;  ///< the owner's copy of bottom_
    std::int64_t known_top_ = 0;  ///< the owner's: at most top_
    alignas(64) typename Atomics::template Value<std::int64_t> bottom_{0};
    alignas(64) typename Atomics::template Value<std::int64_t> top_{0};
};

}  // namespace maniple
