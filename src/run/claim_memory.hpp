// run/claim_memory.hpp: the memory that a rank shares with those of its node: its buffers, and what it has to give away.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "lanes/arena.hpp"
#include "lanes/shared_memory.hpp"
#include "run/claim_pool.hpp"

namespace maniple {

/// A pool of claims and the storage of an arena, of this rank or mapped from another one. Owns the mapping.
class ClaimMemory {
public:
    /// Items that may be in a pool at once.
    static constexpr std::uint32_t capacity = 4096;
    /// Programs of one run whose chunks others may compute; those of later ones stay at home.
    static constexpr int most_programs = 256;

    /// For a rank with this layout. Errors: UnavailableError.
    explicit ClaimMemory(const Layout& layout);

    /// What the others open it by.
    std::string description() const;
    /// Another rank's; none where it is not of this node, or not to be reached.
    static std::optional<ClaimMemory> open(const std::string& description);
    /// All have opened it who can.
    void stop_sharing() { memory_.stop_sharing(); }

    ClaimPool<> pool() const;
    std::byte* storage() const;
    /// Of the layout that the storage is for.
    std::uint64_t layout_fingerprint() const;
    /// Of the owner's programs in the order in which it built them; 0: not yet. One writer, any readers.
    std::atomic<std::uint64_t>& program_fingerprint(int number) const;

private:
    struct Head;
    explicit ClaimMemory(SharedMemory memory) : memory_(std::move(memory)) {}
    Head& head() const;

    SharedMemory memory_;
};

/// A number that differs where buffers do.
std::uint64_t fingerprint(const Layout& layout);

}  // namespace maniple
