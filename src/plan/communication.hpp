// plan/communication.hpp: how parts of a tensor that several ranks need reach them: straight, or handed on by readers.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/machine.hpp"

namespace maniple {

/// What `plan: {comm: …}` asks for.
enum class CommMode : std::uint8_t {
    automatic,   ///< whatever takes least time by the α-β model
    direct,      ///< `p2p`: every part goes straight from its owner to each reader
    collective,  ///< trees, rings and doubling wherever several ranks need the same
};
CommMode comm_mode(const std::string& word);  ///< "" is `auto`
std::string_view name_of(CommMode mode);

/// How a message came to be sent.
enum class MessageKind : std::uint8_t {
    p2p,       ///< from the owner to the reader
    tree,      ///< down a binomial tree of those who need the same part, or states of a fold up one
    ring,      ///< from each of those who need the same parts to the next
    doubling,  ///< all that a rank has so far, to one that is twice as far away as before
};
inline constexpr int message_kinds = 4;
std::string_view name_of(MessageKind kind);

/// Messages that were sent, and their bytes, by kind.
struct MessageCounts {
    struct Count {
        std::int64_t count = 0;
        std::int64_t bytes = 0;

        void add(std::int64_t message_bytes) {
            ++count;
            bytes += message_bytes;
        }
    };
    std::array<Count, message_kinds> by_kind;

    Count& operator[](MessageKind kind) { return by_kind[static_cast<std::size_t>(kind)]; }
    const Count& operator[](MessageKind kind) const { return by_kind[static_cast<std::size_t>(kind)]; }
    MessageCounts& operator+=(const MessageCounts& other);
};

/// What the choice follows from. The same on every rank.
struct Communication {
    CommMode mode = CommMode::automatic;
    LinkRates within;        ///< between ranks of one node
    LinkRates between;       ///< between nodes; the bytes are those of a node's card
    double message_ns = 0;   ///< what each message costs its sender besides
    std::vector<int> nodes;  ///< by rank: number of its node; empty: all are on one

    bool operator==(const Communication&) const = default;
};

Communication communication_on(const Machine& machine, CommMode mode);

/// Ranks that all need the same parts of a tensor.
struct Sharing {
    std::span<const Rank> members;  ///< ascending
    int parts = 1;
    std::int64_t part_bytes = 0;  ///< of the largest
    bool may_double = false;      ///< parts side by side are one box
    bool enters = false;          ///< parts have to be brought to members first
};

/// How the parts travel: one part down a tree or straight; several along a ring, by doubling or straight. What takes least
/// time as simulate_block() would find it: messages leave a rank one after the other, and a node's card one after the other.
/// Pure; O(members).
MessageKind choose_kind(const Communication& communication, const Sharing& sharing);

}  // namespace maniple
