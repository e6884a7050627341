// program/collectives.hpp: parts of a tensor that several ranks need, handed on by those who need them themselves.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/communication.hpp"
#include "tensor/box.hpp"

namespace maniple {

/// Ranks that need the same parts, and who owns these.
struct Gathering {
    struct Part {
        Rank owner;
        Box box;
    };
    std::vector<Rank> members;  ///< ascending
    std::vector<Part> parts;    ///< disjoint, each of another owner, in ascending order of the owners

    /// Their largest; in elements.
    std::int64_t largest_part() const;
};

/// What one rank does of it: an ordinary message.
struct Hop {
    MessageKind kind = MessageKind::p2p;
    bool sends = false;
    bool own = false;  ///< sends what it owns, and nothing else
    Rank peer;
    Box box;
};

/// Whether every run of parts is one box.
bool may_double(const Gathering& gathering);

/// Whether a member or an owner has to bring its part to another member before it goes around.
bool enters(const Gathering& gathering);

/// What rank `me`, a member or an owner, sends and receives, in an order that is part of one order of all messages of all
/// ranks: so nothing waits for itself. What it forwards it has received or owns. Every member has all parts after. Of
/// `doubling` with enters() a member may get its own part once more.
/// - tree: each part down a binomial tree from its owner, the members after it in their order, the first after the last;
/// - ring: in step s each member sends the parts that have come s - 1 members far to the next; an owner that is no member
///   sends its part to one of them first;
/// - doubling: in step s member v sends what members [v, v + 2^s) had at first to member v - 2^s; where not all owners are
///   members, in their order, the parts are spread over the members first. Requires may_double().
/// Pure. O(members + parts) and, down trees, O(parts · log members).
std::vector<Hop> hops_of(const Gathering& gathering, MessageKind kind, Rank me);

}  // namespace maniple
