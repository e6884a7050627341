// lanes/net/near_messages.hpp: messages between ranks of one node, carried by copies into memory that both see.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lanes/box_copy.hpp"
#include "lanes/intake.hpp"
#include "lanes/lane.hpp"
#include "lanes/net/box_runs.hpp"
#include "lanes/net/mailboxes.hpp"
#include "lanes/net/other_memory.hpp"
#include "trace/flight_clock.hpp"

namespace maniple {

/// A slot, and which of its ends is this rank's.
struct NearEnd {
    MailSlot slot;
    bool receives = false;

    /// Whether the other rank has done its part, of this message and of those before.
    bool is_ready() const { return receives ? slot.is_full() : slot.is_empty(); }
};

/// A message that stays in the sender's memory until the receiver has read it there: one copy, in which the sender has no
/// part. Bytes that others cannot read where they are are packed first.
class ReadMessage {
public:
    /// Whether it is worth it, as both ends see it: the system takes its time for each run of bytes, and a row of the box
    /// is the shortest that there is.
    static bool is_for(const Box& box, std::size_t element_bytes);

    /// The sender's. Borrows the block's bytes.
    ReadMessage(const Block& block, const Box& box);
    /// The receiver's: of what `sender` has.
    ReadMessage(const Block& block, const Box& box, pid_t sender);

    /// Says where the bytes are, in a slot that is empty. They have to stay until it is empty again.
    void show(const MailSlot& slot) const;
    /// Reads what a full slot says. Errors: LinkError.
    void read(const MailSlot& slot) const;

private:
    BoxRuns readable(const Block& block, const Box& box);

    std::unique_ptr<std::byte[]> packed_;  ///< null: the bytes are read where they are
    std::optional<BoxCopy> packs_;         ///< into packed_
    BoxRuns runs_;
    RemoteRuns shown_;
    pid_t sender_ = 0;
};

/// What one rank does for a message: to fill its slot, or to empty it. Borrows all that it points to.
struct NearMessage {
    const NearEnd* end = nullptr;
    std::byte* bytes = nullptr;  ///< `count` of them, where there is no `copy`
    std::size_t count = 0;
    const BoxCopy* copy = nullptr;      ///< between a box and the slot; null: the bytes lie one after the other
    const ReadMessage* read = nullptr;  ///< the slot holds where the bytes are; null: the bytes themselves

    /// Does this rank's part. Requires: end->is_ready(). Errors: LinkError where `read`.
    void carry() const;
    /// Whether the message has to be looked at once more, when the other rank has done its part.
    bool is_awaited() const { return read != nullptr && !end->receives; }
};

/// Those that wait for the other rank. Threads: any.
class NearMessages {
public:
    /// Ends of messages are told to `flights`, which is borrowed; null: to nobody. While none waits.
    void time_with(FlightClock* flights) { flights_ = flights; }

    /// Its memory is the caller's, until `done` has heard of it.
    struct Waiting {
        NearMessage message;
        ChunkId chunk;
        bool carried = false;  ///< what is_awaited(): nothing is left to do but to tell
        Completion* done = nullptr;
        Waiting* next = nullptr;  ///< for the intake
    };

    /// Room for that many, so that chance, which decides how many wait at once, allocates nothing later.
    void reserve(std::size_t messages);
    void add(Waiting& waiting);
    int size() const { return size_.load(std::memory_order_relaxed); }  // a hint

    /// Carries some of those that are ready, and tells of them; false: none was, or another thread looks just now.
    bool progress();
    /// Tells of all that they have failed. What lies in the slots stays there.
    void give_up(const std::exception_ptr& error);

    /// Carried by progress() so far, and the time that took; the time in ticks(). Call when nothing is in flight.
    std::int64_t carried() const { return carried_.load(std::memory_order_relaxed); }
    std::int64_t busy_ticks() const { return busy_ticks_.load(std::memory_order_relaxed); }

private:
    void take_in();
    std::size_t take_ready(std::span<Waiting*> ready);
    void finish(Waiting& ready);

    FlightClock* flights_ = nullptr;
    Intake<Waiting> added_;
    std::atomic<int> size_{0};       ///< relaxed: how many wait, in the intake or below
    Turn turn_;                      ///< guards the two below; never held for a copy or a callback
    std::vector<Waiting*> waiting_;  ///< in no order: one tag has one message at a time
    std::size_t next_ = 0;           ///< the first that the next look looks at
    std::atomic<std::int64_t> carried_{0};
    std::atomic<std::int64_t> busy_ticks_{0};
};

}  // namespace maniple
