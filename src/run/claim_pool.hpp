// run/claim_pool.hpp: pieces of work that several ranks of a node may take, in memory that all of them see.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "run/stealing_deque.hpp"

namespace maniple {

/// What a rank has to give away, first in first out, and what others have done of it. Items are numbers other than 0.
/// Borrows its words, which start as zeros; a rank's own threads and those of other processes use one pool through several
/// of these objects. Never blocks, never allocates.
///
/// `range` holds where the next item is taken (low half) and where the next one is put (high half), so that one exchange
/// decides on any number of items; both only grow and wrap around. A slot is read before the exchange that takes it: if
/// that succeeds, nothing has been taken since, so that nothing can have been put in its place.
template <class Atomics = RealAtomics>
class ClaimPool {
public:
    using Word = typename Atomics::template Value<std::uint64_t>;

    /// The words of one pool. The rings have `capacity` words each, a power of two.
    struct Words {
        Word* range = nullptr;
        Word* given_back = nullptr;  ///< how many there were
        Word* slots = nullptr;
        Word* returned = nullptr;  ///< 0: nothing
        std::uint32_t capacity = 0;
    };

    explicit ClaimPool(const Words& words) : words_(words) {}

    /// One thread of the owner at a time. False, and nothing done, if there is no room.
    bool put(std::uint64_t item) {
        const std::uint64_t range = words_.range->load(std::memory_order_relaxed);  // `end` is this thread's own
        if (length(range) >= words_.capacity) return false;
        slot(end(range)).store(item, std::memory_order_relaxed);  // shown by the addition
        // Sequentially consistent: partner take(), and a worker that goes to sleep (Parking).
        words_.range->fetch_add(std::uint64_t{1} << 32, std::memory_order_seq_cst);
        return true;
    }

    /// Any thread of any process. Takes as many of the oldest as `wanted(number of items)` says, as far as there is room in
    /// `items` and `accepts(item)` holds for each. Returns how many.
    template <class Wanted, class Accepts>
    std::size_t take(std::span<std::uint64_t> items, Wanted&& wanted, Accepts&& accepts) {
        std::uint64_t range = words_.range->load(std::memory_order_seq_cst);
        for (;;) {
            const std::size_t most = std::min<std::size_t>(items.size(), wanted(length(range)));
            std::size_t count = 0;
            for (; count < most; ++count) {
                items[count] = slot(next(range) + static_cast<std::uint32_t>(count)).load(std::memory_order_relaxed);
                if (!accepts(items[count])) break;
            }
            if (count == 0) return 0;
            const std::uint32_t after = next(range) + static_cast<std::uint32_t>(count);
            const std::uint64_t taken = (range & ~std::uint64_t{0xffffffff}) | after;
            if (words_.range->compare_exchange_strong(range, taken, std::memory_order_seq_cst)) return count;
        }
    }

    /// The oldest item; 0: none.
    std::uint64_t take_one() {
        std::uint64_t item = 0;
        const auto one = [](std::uint32_t length) { return std::size_t{length > 0 ? 1U : 0U}; };
        return take(std::span(&item, 1), one, [](std::uint64_t) { return true; }) == 1 ? item : 0;
    }

    /// Any thread: as a worker that goes to sleep has to know it.
    bool is_empty() const { return length(words_.range->load(std::memory_order_seq_cst)) == 0; }

    /// Any thread of any process: `item` has been done, and what was written is visible to whoever collects it.
    /// Requires: no more than `capacity` items are away.
    void give_back(std::uint64_t item) {
        const std::uint64_t at = words_.given_back->fetch_add(1, std::memory_order_relaxed);
        returned(at).store(item, std::memory_order_release);  // partner: collect()
    }

    /// One thread of the owner at a time; `collected` is what it has collected so far. An item that has been done; 0: none.
    std::uint64_t collect(std::uint64_t& collected) {
        const std::uint64_t item = returned(collected).load(std::memory_order_acquire);  // partner: give_back()
        if (item == 0) return 0;
        returned(collected++).store(0, std::memory_order_relaxed);  // shown with the next item that is put
        return item;
    }

private:
    static std::uint32_t next(std::uint64_t range) { return static_cast<std::uint32_t>(range); }
    static std::uint32_t end(std::uint64_t range) { return static_cast<std::uint32_t>(range >> 32); }
    static std::uint32_t length(std::uint64_t range) { return end(range) - next(range); }
    Word& slot(std::uint32_t at) const { return words_.slots[at & (words_.capacity - 1)]; }
    Word& returned(std::uint64_t at) const { return words_.returned[at & (words_.capacity - 1)]; }

    Words words_;
};

}  // namespace maniple
