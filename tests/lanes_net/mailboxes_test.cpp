// Which ranks are near to each other, and where their messages lie.
#include "lanes/net/mailboxes.hpp"

#include <gtest/gtest.h>
#include <mpi.h>

#include <cstring>
#include <functional>

namespace maniple {
namespace {

/// Of each class.
constexpr std::size_t longest[] = {56, 512, 4096, 32768};

void for_each_other(const World& world, const std::function<void(int)>& visit) {
    for (int rank = 0; rank < world.size(); ++rank) {
        if (rank != world.rank().value) visit(rank);
    }
}

TEST(Mailboxes, AllRanksOfOneMachineAreNear) {
    const World world(MPI_COMM_WORLD);
    const Mailboxes mailboxes(world, true);
    EXPECT_FALSE(mailboxes.is_near(world.rank().value)) << "nobody needs memory for messages to itself";
    for_each_other(world, [&](int rank) { EXPECT_TRUE(mailboxes.is_near(rank)) << rank; });
}

TEST(MailboxesOnSeveralRanks, WhoDoesNotWantThemIsNearToNone) {
    const World world(MPI_COMM_WORLD);
    const int me = world.rank().value;
    const Mailboxes mailboxes(world, me != 1);
    for_each_other(world, [&](int rank) {
        const bool near = me != 1 && rank != 1;
        EXPECT_EQ(mailboxes.is_near(rank), near) << rank;
        EXPECT_EQ(mailboxes.to(rank, 8, 0).has_value(), near);
        EXPECT_EQ(mailboxes.from(rank, 8, 0).has_value(), near);
    });
}

TEST(MailboxesOnSeveralRanks, LongMessagesAndLargeTagsHaveNone) {
    const World world(MPI_COMM_WORLD);
    const Mailboxes mailboxes(world, true);
    EXPECT_EQ(Mailboxes::most_message_bytes(), 32768u);
    for_each_other(world, [&](int rank) {
        EXPECT_TRUE(mailboxes.to(rank, 32768, 0));
        EXPECT_FALSE(mailboxes.to(rank, 32769, 0));
        for (const std::size_t bytes : longest) {
            for (const auto& slot : {std::mem_fn(&Mailboxes::to), std::mem_fn(&Mailboxes::from)})
                EXPECT_FALSE(slot(mailboxes, rank, bytes, 32766)) << bytes;
        }
    });
}

/// Sender, length and tag: what lies in a slot must be told from all others.
std::uint64_t content(int from, int to, std::size_t bytes, int tag) {
    return ((static_cast<std::uint64_t>(from) * 64 + static_cast<std::uint64_t>(to)) << 48) +
           static_cast<std::uint64_t>(bytes) * 65536 + static_cast<std::uint64_t>(tag);
}

void put(std::byte* bytes, std::size_t length, std::uint64_t value) {
    for (std::size_t at = 0; at + sizeof value <= length; at += length - sizeof value) {
        std::memcpy(bytes + at, &value, sizeof value);
        if (length == sizeof value) return;
    }
}

bool holds(const std::byte* bytes, std::size_t length, std::uint64_t value) {
    return std::memcmp(bytes, &value, sizeof value) == 0 &&
           std::memcmp(bytes + length - sizeof value, &value, sizeof value) == 0;
}

TEST(MailboxesOnSeveralRanks, EachMessageHasASlotOfItsOwnThatBothFind) {
    const World world(MPI_COMM_WORLD);
    const Mailboxes mailboxes(world, true);
    const int me = world.rank().value;
    const auto for_each_slot = [&](const auto& slot_of, const auto& visit) {
        for_each_other(world, [&](int rank) {
            for (const std::size_t bytes : longest) {
                int tag = 0;
                for (std::optional<MailSlot> slot; (slot = slot_of(rank, bytes, tag)); ++tag)
                    visit(rank, bytes, tag, *slot);
                EXPECT_GE(tag, 128) << bytes;
            }
        });
    };
    const auto to = [&](int rank, std::size_t bytes, int tag) { return mailboxes.to(rank, bytes, tag); };
    const auto from = [&](int rank, std::size_t bytes, int tag) { return mailboxes.from(rank, bytes, tag); };
    for_each_slot(to, [&](int rank, std::size_t bytes, int tag, MailSlot slot) {
        EXPECT_TRUE(slot.is_empty());
        put(slot.bytes(), bytes, content(me, rank, bytes, tag));
        slot.fill();
    });
    MPI_Barrier(MPI_COMM_WORLD);
    int wrong = 0;
    for_each_slot(from, [&](int rank, std::size_t bytes, int tag, MailSlot slot) {
        if (!slot.is_full() || !holds(slot.bytes(), bytes, content(rank, me, bytes, tag))) ++wrong;
        slot.empty();
    });
    EXPECT_EQ(wrong, 0);
    MPI_Barrier(MPI_COMM_WORLD);
    for_each_slot(to, [&](int, std::size_t, int, MailSlot slot) { wrong += slot.is_empty() ? 0 : 1; });
    EXPECT_EQ(wrong, 0);
}

TEST(MailboxesOnSeveralRanks, AreNotThoseOfAnotherLane) {
    const World world(MPI_COMM_WORLD);
    const Mailboxes first(world, true), second(world, true);
    for_each_other(world, [&](int rank) { first.to(rank, 8, 3)->fill(); });
    MPI_Barrier(MPI_COMM_WORLD);
    for_each_other(world, [&](int rank) {
        EXPECT_TRUE(first.from(rank, 8, 3)->is_full());
        EXPECT_FALSE(second.from(rank, 8, 3)->is_full());
    });
}

TEST(Mailboxes, AreLeftOutWhereOpenMpiMayNotShareMemory) {
    for (const char* const ways : {"self,tcp", "tcp", "^vader", "^sm", "^openib,vader", "^vader,tcp"})
        EXPECT_FALSE(has_shared_memory(ways)) << ways;
    for (const char* const ways : {"", "self,vader,tcp", "vader", "sm,self", "^tcp", "^openib,tcp"})
        EXPECT_TRUE(has_shared_memory(ways)) << ways;
    EXPECT_TRUE(has_shared_memory(nullptr));
}

}  // namespace
}  // namespace maniple
