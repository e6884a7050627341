// lanes/net/mailboxes.hpp: memory in which short messages between ranks of one node lie.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "lanes/net/other_memory.hpp"
#include "lanes/net/world.hpp"
#include "lanes/shared_memory.hpp"

namespace maniple {

/// Names the ways that Open MPI may use between ranks, as set by `mpirun --mca btl …`.
inline constexpr const char* mpi_ways_variable = "OMPI_MCA_btl";
/// Whether memory that ranks share is among `ways`, the variable's value. Null: all are.
bool has_shared_memory(const char* ways);

/// The place of one message at a time, from one rank to another: a line with how many the sender has put there, and the
/// bytes of the last one. How many the receiver has taken lies elsewhere, beside those of other slots: so the line goes one
/// way only, and one transfer between cores tells the sender of many slots. Cheap to copy; borrows the memory.
class MailSlot {
public:
    using Count = std::atomic<std::uint32_t>;
    static constexpr std::size_t offset_of_bytes = 8;

    MailSlot() = default;
    /// `known`: what the sender has last seen of `taken`, its own memory; null for the receiver.
    MailSlot(std::byte* line, Count* taken, Count* known)
        : put_(std::launder(reinterpret_cast<Count*>(line))), taken_(taken), known_(known) {}

    std::byte* bytes() const { return reinterpret_cast<std::byte*>(put_) + offset_of_bytes; }

    /// The sender's: whether the bytes may be written. What the receiver did with them is over then.
    bool is_empty() const {
        const std::uint32_t put = put_->load(std::memory_order_relaxed);  // nobody else changes it
        if (known_->load(std::memory_order_acquire) == put) return true;  // partner: look()
        look();
        return known_->load(std::memory_order_acquire) == put;
    }
    /// The sender's, once the bytes are there. Release: partner is_full().
    void fill() const { put_->store(put_->load(std::memory_order_relaxed) + 1, std::memory_order_release); }

    /// The receiver's: whether the sender's bytes are there.
    bool is_full() const {
        // Acquire: partner fill(). Relaxed: nobody else changes it.
        return put_->load(std::memory_order_acquire) != taken_->load(std::memory_order_relaxed);
    }
    /// The receiver's, once the bytes have been copied. Release: partner look().
    void empty() const { taken_->store(taken_->load(std::memory_order_relaxed) + 1, std::memory_order_release); }

private:
    void look() const;

    Count* put_ = nullptr;
    Count* taken_ = nullptr;
    Count* known_ = nullptr;
};

/// For every ordered pair of ranks of one node a table of slots. A message's slot follows from its length and its tag, so
/// that nobody has to tell the other one what lies where, whatever programs the two have prepared. Since a tag has one
/// slot for each class of lengths, messages of one tag and length keep their order, as with MPI.
///
/// Owns the memory of what this rank receives: at most inbox_bytes() for each other rank of the node, and of that only the
/// pages that messages have lain in. Maps its part of the others'. Threads: any, after construction.
class Mailboxes {
public:
    /// Collective; blocks. With `wanted` false this rank is near to none. Where memory is refused, or another process'
    /// is not to be reached, those two are not near to each other, and both know. Errors: LinkError.
    Mailboxes(const World& world, bool wanted);

    /// Whether there are slots for messages to and from this rank.
    bool is_near(int rank) const;

    /// The slot of a message; none: it has to go another way. The other rank gets the same answer.
    std::optional<MailSlot> to(int rank, std::size_t bytes, int tag) const;
    std::optional<MailSlot> from(int rank, std::size_t bytes, int tag) const;

    /// For a message of any length whose receiver reads it from the sender's memory: the slot holds a RemoteRuns, and is
    /// emptied when that has been read. None: this pair cannot.
    std::optional<MailSlot> to_reader(int rank, int tag) const;
    std::optional<MailSlot> from_memory(int rank, int tag) const;
    /// Requires: is_near(rank).
    pid_t process_of(int rank) const { return near_[static_cast<std::size_t>(rank)].process; }

    /// Of the longest message that has a slot.
    static std::size_t most_message_bytes();
    /// Of memory for what one rank sends to another.
    static std::size_t inbox_bytes();

private:
    struct Near {
        std::optional<SharedMemory> opened;        ///< the other's inbox for this rank; none: not near
        std::unique_ptr<MailSlot::Count[]> known;  ///< by slot of that inbox
        std::byte* own = nullptr;                  ///< this rank's inbox for the other
        pid_t process = 0;                         ///< the other's
    };
    void open(const std::vector<int>& node, Rank me, const std::vector<std::string>& descriptions);

    std::unique_ptr<std::uint64_t> probe_;  ///< that others try to read
    std::optional<SharedMemory> own_;       ///< one inbox for each other rank of the node, ascending
    std::vector<Near> near_;                ///< by rank; empty: none is near
};

}  // namespace maniple
