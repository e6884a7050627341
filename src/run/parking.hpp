// run/parking.hpp: how workers without work sleep, so that whoever brings some wakes one.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "run/stealing_deque.hpp"

namespace maniple {

/// The sleeping place of the operating system: a futex on Linux.
class FutexBed {
public:
    /// Returns when `word` is not `seen`, after a wake-up, after `at_most`, or for no reason.
    static void sleep(std::atomic<std::uint32_t>& word, std::uint32_t seen, std::chrono::nanoseconds at_most);
    static void wake(std::atomic<std::uint32_t>& word, int threads);
};

/// A worker that finds nothing takes a Ticket, looks once more, and sleeps or gives it back. Whoever makes work visible
/// (a sequentially consistent store) calls wake_one() afterwards. Then no work is left lying while all sleep: either the
/// worker's second look sees it, or the store's owner sees the sleeper.
/// One waking worker at a time: it calls wake_one() itself when it has found something, since there may be more.
/// Threads: any. wake_one() is one load while nobody sleeps.
template <class Atomics = RealAtomics, class Bed = FutexBed>
class Parking {
public:
    struct Ticket {
        std::uint32_t wakes;
    };

    /// All operations are sequentially consistent: each is one half of "I write, then look at what you write".
    Ticket announce() {
        const Ticket ticket = {wakes_.load(std::memory_order_seq_cst)};
        sleepers_.fetch_add(1, std::memory_order_seq_cst);
        // A wake-up under way was meant for somebody who may have found it himself. After the ticket: one that is
        // claimed from here on changes `wakes_` afterwards, and this worker does not sleep through it.
        waking_.store(false, std::memory_order_seq_cst);
        return ticket;
    }

    void sleep(Ticket ticket, std::chrono::nanoseconds at_most) {
        Bed::sleep(wakes_, ticket.wakes, at_most);
        leave();
    }

    /// Gives a ticket back unused.
    void leave() {
        sleepers_.fetch_sub(1, std::memory_order_seq_cst);
        waking_.store(false, std::memory_order_seq_cst);
    }

    void wake_one() {
        if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
        if (waking_.exchange(true, std::memory_order_seq_cst)) return;
        wakes_.fetch_add(1, std::memory_order_seq_cst);
        Bed::wake(wakes_, 1);
    }

    void wake_all() {
        wakes_.fetch_add(1, std::memory_order_seq_cst);
        if (sleepers_.load(std::memory_order_seq_cst) > 0) Bed::wake(wakes_, every_thread);
    }

private:
    static constexpr int every_thread = 0x7fffffff;
    alignas(64) typename Atomics::template Value<std::int32_t> sleepers_{0};
    alignas(64) typename Atomics::template Value<std::uint32_t> wakes_{0};
    typename Atomics::template Value<bool> waking_{false};
};

}  // namespace maniple
