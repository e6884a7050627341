// lanes/net/near_messages.hpp: messages between ranks of one node, carried by copies into memory that both see.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <vector>

#include "lanes/box_copy.hpp"
#include "lanes/lane.hpp"
#include "lanes/net/mailboxes.hpp"
#include "trace/flight_clock.hpp"

namespace maniple {

/// A slot, and which of its ends is this rank's.
struct NearEnd {
    MailSlot slot;
    bool receives = false;

    /// Whether the other rank has done its part, of this message and of those before.
    bool is_ready() const { return receives ? slot.is_full() : slot.is_empty(); }
};

/// What one rank does for a message: to fill its slot, or to empty it. Borrows all that it points to.
struct NearMessage {
    const NearEnd* end = nullptr;
    std::byte* bytes = nullptr;  ///< `count` of them, where there is no `copy`
    std::size_t count = 0;
    const BoxCopy* copy = nullptr;  ///< between a box and the slot; null: the bytes lie one after the other

    /// Does this rank's part. Requires: end->is_ready().
    void carry() const;
};

/// Those that wait for the other rank. Threads: any.
class NearMessages {
public:
    /// Ends of messages are told to `flights`, which is borrowed; null: to nobody. While none waits.
    void time_with(FlightClock* flights) { flights_ = flights; }

    struct Waiting {
        NearMessage message;
        ChunkId chunk;
        Completion* done = nullptr;
    };

    /// Room for that many, so that chance, which decides how many wait at once, allocates nothing later.
    void reserve(std::size_t messages);
    void add(const Waiting& waiting);
    int size() const { return size_.load(std::memory_order_relaxed); }  // a hint

    /// Carries some of those that are ready, and tells of them; false: none was, or another thread looks just now.
    bool progress();
    /// Tells of all that they have failed. What lies in the slots stays there.
    void give_up(const std::exception_ptr& error);

    /// Carried by progress() so far, and the time that took; the time in ticks(). Call when nothing is in flight.
    std::int64_t carried() const { return carried_.load(std::memory_order_relaxed); }
    std::int64_t busy_ticks() const { return busy_ticks_.load(std::memory_order_relaxed); }

private:
    std::size_t take_ready(std::span<Waiting> ready);

    FlightClock* flights_ = nullptr;
    std::mutex mutex_;              ///< guards the two below; never held for a copy or a callback
    std::vector<Waiting> waiting_;  ///< in no order: one tag has one message at a time
    std::size_t next_ = 0;          ///< the first that the next look looks at
    std::atomic<int> size_{0};      ///< relaxed: a copy of waiting_.size()
    std::atomic<std::int64_t> carried_{0};
    std::atomic<std::int64_t> busy_ticks_{0};
};

}  // namespace maniple
