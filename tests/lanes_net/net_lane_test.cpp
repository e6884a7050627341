// Messages of bytes, through memory that ranks share, through MPI, and by both ways at once.
#include "lanes/net/net_lane.hpp"

#include <gtest/gtest.h>
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <random>
#include <thread>

namespace maniple {
namespace {

enum class Way {
    near,   ///< all ranks have mailboxes
    far,    ///< none has
    mixed,  ///< all but rank 1
};

/// Counts what ends.
class Count final : public Completion {
public:
    explicit Count(std::size_t chunks) : times_(chunks) {}

    void finished(ChunkId chunk, std::exception_ptr error) override {
        if (error) failures_.fetch_add(1);
        times_[chunk.index()].fetch_add(1);
        ended_.fetch_add(1);
    }
    bool has_ended(ChunkId chunk) const { return times_[chunk.index()].load() > 0; }
    int ended() const { return ended_.load(); }
    int failures() const { return failures_.load(); }
    bool each_once() const {
        return std::all_of(times_.begin(), times_.end(), [](const auto& times) { return times.load() == 1; });
    }

private:
    std::vector<std::atomic<int>> times_;
    std::atomic<int> ended_{0}, failures_{0};
};

/// False after twenty seconds.
template <class IsThere>
bool wait_for(NetLane& lane, IsThere&& is_there) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!is_there() && std::chrono::steady_clock::now() < end) {
        if (!lane.progress()) std::this_thread::yield();
    }
    return is_there();
}

class MessagesOnSeveralRanks : public testing::TestWithParam<Way> {
protected:
    int me() const { return world_.rank().value; }
    int next() const { return (me() + 1) % world_.size(); }
    int previous() const { return (me() + world_.size() - 1) % world_.size(); }

    /// None is in flight: the clock stands.
    bool clock_stands() const {
        const std::int64_t now = now_ns();
        return clock_.reading_ns(now) == clock_.reading_ns(now + 1'000'000'000);
    }

    World world_{MPI_COMM_WORLD};
    Mailboxes mailboxes_{world_, GetParam() == Way::near || (GetParam() == Way::mixed && world_.rank().value != 1)};
    NetLane lane_{world_, &mailboxes_};
    const FlightClock& clock_ = lane_.time_messages();
};

/// Of one message: who sent it, its place among all, and the place in it.
std::byte letter(int from, std::size_t message, std::size_t at) {
    return static_cast<std::byte>(static_cast<std::size_t>(from) * 101 + message * 37 + at * 7 + at / 256);
}

std::vector<std::byte> text(int from, std::size_t message, std::size_t length) {
    std::vector<std::byte> bytes(length);
    for (std::size_t at = 0; at < length; ++at) bytes[at] = letter(from, message, at);
    return bytes;
}

/// Of all classes, of none, and of nothing at all.
const std::vector<std::size_t> lengths = {0,     1,     8,     55,     56, 57, 511,   512,   513,   4095,   4096, 4097,
                                          32767, 32768, 32769, 100000, 8,  8,  16000, 16000, 40000, 300000, 56,   57};

TEST_P(MessagesOnSeveralRanks, OfAnyLengthArrive) {
    const std::size_t count = lengths.size();
    std::vector<std::vector<std::byte>> sent, received;
    std::vector<ByteMessage> messages;
    for (std::size_t i = 0; i < count; ++i) {
        sent.push_back(text(me(), i, lengths[i]));
        received.emplace_back(lengths[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
        const int tag = static_cast<int>(i);
        messages.push_back({ChunkId(2 * i), sent[i].data(), lengths[i], next(), tag, false});
        messages.push_back({ChunkId(2 * i + 1), received[i].data(), lengths[i], previous(), tag, true});
    }
    const auto program = lane_.prepare_messages(messages, 2 * count);
    for (int execution = 0; execution < 5; ++execution) {
        for (auto& bytes : received) std::fill(bytes.begin(), bytes.end(), std::byte{0x5a});
        std::vector<std::size_t> order(2 * count);
        std::iota(order.begin(), order.end(), 0);
        std::shuffle(order.begin(), order.end(), std::mt19937(static_cast<unsigned>(me() * 100 + execution)));
        Count done(2 * count);
        for (const std::size_t chunk : order) program->submit(ChunkId(chunk), {}, done);
        ASSERT_TRUE(wait_for(lane_, [&] { return done.ended() == static_cast<int>(2 * count); }));
        EXPECT_TRUE(done.each_once());
        EXPECT_EQ(done.failures(), 0);
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(received[i], text(previous(), i, lengths[i])) << i;
    }
    EXPECT_EQ(lane_.activity().chunks, static_cast<std::int64_t>(5 * 2 * count));
    EXPECT_EQ(lane_.in_flight(), 0);
    EXPECT_TRUE(clock_stands());
}

/// One message at a time, as the contract wants it; the sender runs ahead as far as it can.
TEST_P(MessagesOnSeveralRanks, OfOneTagKeepTheirOrder) {
    constexpr int rounds = 300;
    std::uint64_t mine = 0, theirs = 0;
    const std::vector<ByteMessage> both = {
        {ChunkId(std::int32_t{0}), &mine, sizeof mine, next(), 7, false},
        {ChunkId(std::int32_t{1}), &theirs, sizeof theirs, previous(), 7, true},
    };
    const auto program = lane_.prepare_messages(both, 2);
    int sent = 0, received = 0;
    std::unique_ptr<Count> sends, receives;
    const auto step = [&] {
        if (sends == nullptr && sent < rounds) {
            mine = static_cast<std::uint64_t>(sent);
            sends = std::make_unique<Count>(2);
            program->submit(ChunkId(std::int32_t{0}), {}, *sends);
        }
        if (receives == nullptr && received < rounds) {
            theirs = ~std::uint64_t{0};
            receives = std::make_unique<Count>(2);
            program->submit(ChunkId(std::int32_t{1}), {}, *receives);
        }
        if (sends != nullptr && sends->ended() > 0) {
            sends.reset();
            ++sent;
        }
        if (receives != nullptr && receives->ended() > 0) {
            EXPECT_EQ(theirs, static_cast<std::uint64_t>(received));
            receives.reset();
            ++received;
        }
        return sent == rounds && received == rounds;
    };
    EXPECT_TRUE(wait_for(lane_, step));
}

TEST_P(MessagesOnSeveralRanks, ThousandsMayWaitAtOnce) {
    constexpr std::size_t count = 3000;
    std::vector<std::uint64_t> sent(count), received(count);
    std::vector<ByteMessage> messages;
    for (std::size_t i = 0; i < count; ++i) {
        sent[i] = i * 1000 + static_cast<std::size_t>(me());
        const int tag = static_cast<int>(i);
        messages.push_back({ChunkId(i), &received[i], 8, previous(), tag, true});
        messages.push_back({ChunkId(count + i), &sent[i], 8, next(), tag, false});
    }
    const auto program = lane_.prepare_messages(messages, 2 * count);
    Count done(2 * count);
    for (std::size_t i = 0; i < count; ++i) program->submit(ChunkId(i), {}, done);
    MPI_Barrier(MPI_COMM_WORLD);  // nobody has sent anything yet
    EXPECT_EQ(lane_.in_flight(), static_cast<int>(count));
    EXPECT_FALSE(clock_stands());
    MPI_Barrier(MPI_COMM_WORLD);
    for (std::size_t i = count; i-- > 0;) program->submit(ChunkId(count + i), {}, done);
    ASSERT_TRUE(wait_for(lane_, [&] { return done.ended() == static_cast<int>(2 * count); }));
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(received[i], i * 1000 + static_cast<std::size_t>(previous()));
}

TEST_P(MessagesOnSeveralRanks, MayBeLookedAfterByManyThreads) {
    constexpr std::size_t count = 200;
    constexpr int threads = 3, executions = 20;
    std::vector<std::vector<std::byte>> sent, received;
    std::vector<ByteMessage> messages;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t length = lengths[i % lengths.size()] % 5000;
        sent.push_back(text(me(), i, length));
        received.emplace_back(length);
    }
    for (std::size_t i = 0; i < count; ++i) {
        const int tag = static_cast<int>(i);
        messages.push_back({ChunkId(i), received[i].data(), received[i].size(), previous(), tag, true});
        messages.push_back({ChunkId(count + i), sent[i].data(), sent[i].size(), next(), tag, false});
    }
    const auto program = lane_.prepare_messages(messages, 2 * count);
    for (int execution = 0; execution < executions; ++execution) {
        for (auto& bytes : received) std::fill(bytes.begin(), bytes.end(), std::byte{0x5a});
        Count done(2 * count);
        std::atomic<std::size_t> next_chunk{0};
        std::atomic<bool> all_well{true};
        const auto work = [&] {
            for (std::size_t chunk = next_chunk++; chunk < 2 * count; chunk = next_chunk++) {
                program->submit(ChunkId(chunk), {}, done);
                lane_.progress();
            }
            if (!wait_for(lane_, [&] { return done.ended() == static_cast<int>(2 * count); })) all_well = false;
        };
        std::vector<std::thread> team;
        for (int i = 0; i < threads; ++i) team.emplace_back(work);
        for (std::thread& thread : team) thread.join();
        ASSERT_TRUE(all_well);
        EXPECT_TRUE(done.each_once());
        EXPECT_TRUE(clock_stands());
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(received[i], text(previous(), i, received[i].size())) << i;
    }
}

/// From when a receive could begin until its message is there, however late that was sent; not before, nor after.
TEST_P(MessagesOnSeveralRanks, AreTimedFromHandOverToArrival) {
    constexpr std::chrono::milliseconds late(30), later(10);
    std::uint64_t sent = 1, received = 0;
    const std::vector<ByteMessage> messages = {{ChunkId(std::int32_t{0}), &received, 8, previous(), 3, true},
                                               {ChunkId(std::int32_t{1}), &sent, 8, next(), 3, false}};
    const auto program = lane_.prepare_messages(messages, 2);
    Count done(2);
    std::this_thread::sleep_for(later);
    const std::int64_t before = clock_.reading_ns(now_ns());
    EXPECT_EQ(before, 0);
    const std::int64_t begin = now_ns();
    program->submit(ChunkId(std::int32_t{0}), {}, done);
    std::this_thread::sleep_for(late);
    MPI_Barrier(MPI_COMM_WORLD);
    program->submit(ChunkId(std::int32_t{1}), {}, done);
    ASSERT_TRUE(wait_for(lane_, [&] { return done.ended() == 2; }));
    const std::int64_t end = now_ns();
    std::this_thread::sleep_for(later);
    const std::int64_t flown = FlightClock::between(before, clock_.reading_ns(now_ns()));
    EXPECT_GE(flown, std::chrono::nanoseconds(late).count());
    EXPECT_LE(flown, end - begin + 1000);
}

/// The other rank never answers: neither a receive nor a send that finds its slot full waits for ever.
TEST_P(MessagesOnSeveralRanks, AreGivenUpWhenTheOtherRankHasFailed) {
    std::uint64_t value = 0;
    std::vector<ByteMessage> messages = {{ChunkId(std::int32_t{0}), &value, 8, next(), 1, false},
                                         {ChunkId(std::int32_t{1}), &value, 8, previous(), 2, true}};
    const auto program = lane_.prepare_messages(messages, 2);
    if (me() == 0) {
        lane_.announce_failure();
    } else {
        Count done(2), again(2);
        program->submit(ChunkId(std::int32_t{0}), {}, done);
        program->submit(ChunkId(std::int32_t{1}), {}, done);
        if (GetParam() == Way::near) {
            program->submit(ChunkId(std::int32_t{0}), {}, again);
            EXPECT_EQ(lane_.in_flight(), 2);
        }
        EXPECT_TRUE(wait_for(lane_, [&] { return lane_.failed_rank().valid(); }));
        EXPECT_EQ(lane_.failed_rank().value, 0);
        EXPECT_FALSE(done.has_ended(ChunkId(std::int32_t{1})));
        lane_.cancel();
        EXPECT_TRUE(wait_for(lane_, [&] { return done.each_once(); }));
        EXPECT_EQ(lane_.in_flight(), 0);
        EXPECT_TRUE(clock_stands());
        EXPECT_GE(done.failures(), 1);
        if (GetParam() == Way::near) { EXPECT_EQ(again.failures(), 1); }
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

/// A sender that computes for long does not look after its messages.
TEST(NearMessagesOnSeveralRanks, OfNearRanksArriveWhileTheSenderIsBusy) {
    const World world(MPI_COMM_WORLD);
    const Mailboxes mailboxes(world, true);
    NetLane lane(world, &mailboxes);
    const std::size_t length = std::size_t{3} << 20;
    const bool sends = world.is_root();
    if (world.rank().value < 2 && mailboxes.to_reader(1 - world.rank().value, 5)) {
        std::vector<std::byte> bytes = sends ? text(0, 0, length) : std::vector<std::byte>(length);
        const ByteMessage message{ChunkId(std::int32_t{0}), bytes.data(), length, sends ? 1 : 0, 5, !sends};
        const auto program = lane.prepare_messages(std::vector{message}, 1);
        Count done(1);
        program->submit(ChunkId(std::int32_t{0}), {}, done);
        char is_there = 0;
        if (sends) {
            MPI_Recv(&is_there, 1, MPI_CHAR, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            EXPECT_EQ(done.ended(), 0) << "nobody has looked";
        } else {
            EXPECT_TRUE(wait_for(lane, [&] { return done.each_once(); }));
            EXPECT_EQ(bytes, text(0, 0, length));
            MPI_Send(&is_there, 1, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
        }
        EXPECT_TRUE(wait_for(lane, [&] { return done.each_once(); }));
        EXPECT_EQ(done.failures(), 0);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, MessagesOnSeveralRanks, testing::Values(Way::near, Way::far, Way::mixed), [](const auto& tested) {
        return std::string(tested.param == Way::near ? "near" : tested.param == Way::far ? "far" : "mixed");
    });

}  // namespace
}  // namespace maniple
