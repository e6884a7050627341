// Parts that are handed on: everybody gets everything once, nobody waits for ever, and who sends how much.
#include "program/collectives.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "tensor/box.hpp"

namespace maniple {
namespace {

Box rows(std::int64_t lo, std::int64_t hi) { return Box(Extents{lo, 0}, Extents{hi, 3}); }

/// `members` ranks from `first` on; those of `owners` own two rows each, in their order.
Gathering gathering(int first, int members, const std::vector<int>& owners) {
    Gathering result;
    for (int i = 0; i < members; ++i) result.members.emplace_back(first + i);
    std::int64_t row = 0;
    for (const int owner : owners) {
        result.parts.push_back({Rank(owner), rows(row, row + 2)});
        row += 2;
    }
    return result;
}

/// What was sent, by rank.
struct Sent {
    std::map<int, int> messages;
    std::map<int, std::int64_t> elements;
    int all = 0;
    std::set<std::pair<int, int>> links;
};

/// Carries out what all ranks do, each in its order, where a message waits for both its ends and nobody does anything before
/// its time: a stricter order than that of a run.
Sent carry_out(const Gathering& gathering, MessageKind kind) {
    std::set<Rank> ranks(gathering.members.begin(), gathering.members.end());
    std::map<Rank, Region> has;
    for (const Gathering::Part& part : gathering.parts) {
        ranks.insert(part.owner);
        has[part.owner].add(part.box);
    }
    // Messages between two ranks meet in their order.
    std::map<Rank, std::deque<Hop>> left;
    for (const Rank rank : ranks) {
        const std::vector<Hop> hops = hops_of(gathering, kind, rank);
        left[rank] = {hops.begin(), hops.end()};
    }
    std::map<std::pair<Rank, Rank>, std::deque<Box>> under_way;
    Sent sent;
    for (bool moves = true; moves;) {
        moves = false;
        for (const Rank rank : ranks) {
            while (!left[rank].empty()) {
                const Hop hop = left[rank].front();
                if (hop.sends) {
                    EXPECT_TRUE(has[rank].contains(hop.box)) << "rank " << rank.value << " sends what it does not have";
                    under_way[{rank, hop.peer}].push_back(hop.box);
                    ++sent.messages[rank.value];
                    sent.elements[rank.value] += hop.box.volume();
                    sent.links.insert({rank.value, hop.peer.value});
                    ++sent.all;
                } else {
                    std::deque<Box>& waiting = under_way[{hop.peer, rank}];
                    if (waiting.empty()) break;
                    EXPECT_EQ(waiting.front(), hop.box);
                    waiting.pop_front();
                    if (kind != MessageKind::doubling || !enters(gathering)) {
                        EXPECT_FALSE(has[rank].meets(hop.box)) << "rank " << rank.value << " gets something twice";
                    }
                    has[rank].add(hop.box);
                }
                left[rank].pop_front();
                moves = true;
            }
        }
    }
    for (const auto& [rank, hops] : left) EXPECT_TRUE(hops.empty()) << "rank " << rank.value << " waits for ever";
    for (const auto& [link, boxes] : under_way) EXPECT_TRUE(boxes.empty()) << "nobody receives what was sent";
    for (const Rank member : gathering.members) {
        for (const Gathering::Part& part : gathering.parts)
            EXPECT_TRUE(has[member].contains(part.box)) << "rank " << member.value << " lacks a part";
    }
    return sent;
}

TEST(Collectives, EveryMemberGetsEveryPartOnce) {
    for (int members = 2; members <= 17; ++members) {
        for (const int first : {0, 3}) {
            std::vector<std::vector<int>> all_owners = {{first}, {first + members - 1}, {0}, {first + members + 2}};
            std::vector<int> each, outside;
            for (int i = 0; i < members; ++i) {
                each.push_back(first + i);
                if (i % 2 == 0) outside.push_back(first + i + 1);
            }
            all_owners.insert(all_owners.end(), {each, outside});
            for (const std::vector<int>& owners : all_owners) {
                const Gathering one = gathering(first, members, owners);
                SCOPED_TRACE(fmt::format("{} members from {}, {} parts", members, first, owners.size()));
                carry_out(one, MessageKind::tree);
                carry_out(one, MessageKind::ring);
                if (may_double(one)) carry_out(one, MessageKind::doubling);
            }
            EXPECT_TRUE(may_double(gathering(first, members, each)));
        }
    }
}

TEST(Collectives, ATreeTakesItsRootAsManyMessagesAsItHasLevels) {
    const Sent four = carry_out(gathering(0, 4, {0}), MessageKind::tree);
    EXPECT_EQ(four.messages, (std::map<int, int>{{0, 2}, {2, 1}}));
    const Sent five = carry_out(gathering(0, 5, {0}), MessageKind::tree);
    EXPECT_EQ(five.messages, (std::map<int, int>{{0, 3}, {2, 1}}));
    const Sent from_two = carry_out(gathering(0, 5, {2}), MessageKind::tree);
    EXPECT_EQ(from_two.messages, (std::map<int, int>{{2, 3}, {4, 1}}));
    const Sent many = carry_out(gathering(0, 64, {0}), MessageKind::tree);
    EXPECT_EQ(many.messages.at(0), 6);
    EXPECT_EQ(many.all, 63);
}

TEST(Collectives, ARingSendsToOneNeighbourAlone) {
    for (const int members : {4, 5}) {
        std::vector<int> owners;
        for (int i = 0; i < members; ++i) owners.push_back(i);
        const Sent sent = carry_out(gathering(0, members, owners), MessageKind::ring);
        EXPECT_EQ(sent.links.size(), static_cast<std::size_t>(members));
        for (int rank = 0; rank < members; ++rank) {
            EXPECT_EQ(sent.messages.at(rank), members - 1);
            EXPECT_EQ(sent.elements.at(rank), (members - 1) * 6);
            EXPECT_TRUE(sent.links.contains({rank, (rank + 1) % members}));
        }
    }
}

/// Of four: one part, then two; of five: one, two, and the one that is left. Around the end two messages each.
TEST(Collectives, DoublingTakesAsManyStepsAsThereAreBits) {
    const Sent four = carry_out(gathering(0, 4, {0, 1, 2, 3}), MessageKind::doubling);
    EXPECT_EQ(four.messages, (std::map<int, int>{{0, 2}, {1, 2}, {2, 2}, {3, 3}}));
    const Sent five = carry_out(gathering(0, 5, {0, 1, 2, 3, 4}), MessageKind::doubling);
    EXPECT_EQ(five.messages, (std::map<int, int>{{0, 3}, {1, 3}, {2, 3}, {3, 3}, {4, 4}}));
    for (const auto& [rank, elements] : five.elements) EXPECT_EQ(elements, 4 * 6);
}

TEST(Collectives, OnlyRunsOfBoxesAreDoubled) {
    EXPECT_FALSE(may_double(gathering(0, 4, {0})));
    EXPECT_TRUE(may_double(gathering(0, 4, {0, 1, 2, 7})));
    Gathering apart = gathering(0, 3, {0, 1, 2});
    std::swap(apart.parts[0].box, apart.parts[1].box);
    EXPECT_FALSE(may_double(apart));
}

// --- The choice ------------------------------------------------------------------------------------------------------

std::vector<Rank> ranks(int count) {
    std::vector<Rank> all;
    for (int rank = 0; rank < count; ++rank) all.emplace_back(rank);
    return all;
}

Communication cluster(int count, int on_node, CommMode mode = CommMode::automatic) {
    RankFacts facts;
    Machine machine = Machine::uniform(count, facts);
    for (int rank = 0; rank < count; ++rank)
        machine.ranks[static_cast<std::size_t>(rank)].host = std::to_string(rank / on_node);
    return communication_on(machine, mode);
}

MessageKind kind_of(const Communication& communication, int count, int parts, std::int64_t bytes) {
    const std::vector<Rank> members = ranks(count);
    return choose_kind(communication, {members, parts, bytes, parts > 1, false});
}

TEST(ChooseKind, FollowsSizeAndRanks) {
    EXPECT_EQ(kind_of(cluster(2, 1), 2, 1, 4), MessageKind::p2p);
    EXPECT_EQ(kind_of(cluster(4, 4), 4, 1, 4), MessageKind::p2p);  // short ones leave one after the other
    EXPECT_EQ(kind_of(cluster(64, 64), 64, 1, 4), MessageKind::tree);
    EXPECT_EQ(kind_of(cluster(64, 1), 64, 1, 1 << 20), MessageKind::tree);
    EXPECT_EQ(kind_of(cluster(64, 64), 64, 64, 64), MessageKind::doubling);
    EXPECT_EQ(kind_of(cluster(64, 16), 64, 64, 1 << 20), MessageKind::ring);  // once through each card
}

TEST(ChooseKind, WhatIsAskedForIsDone) {
    for (const int count : {3, 4, 5, 64}) {
        EXPECT_EQ(kind_of(cluster(count, 1, CommMode::direct), count, 1, 1 << 20), MessageKind::p2p);
        EXPECT_EQ(kind_of(cluster(count, 1, CommMode::direct), count, count, 1 << 20), MessageKind::p2p);
        EXPECT_EQ(kind_of(cluster(count, 1, CommMode::collective), count, 1, 4), MessageKind::tree);
        EXPECT_NE(kind_of(cluster(count, 1, CommMode::collective), count, count, 4), MessageKind::p2p);
    }
}

}  // namespace
}  // namespace maniple
