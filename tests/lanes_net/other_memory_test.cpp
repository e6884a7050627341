// What is read from the memory of another process: here this one's, which the system treats alike.
#include "lanes/net/other_memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/error.hpp"
#include "lanes/net/near_messages.hpp"

namespace maniple {
namespace {

/// A row-major block of numbers that count up.
struct Numbers {
    explicit Numbers(const Box& whole) : box(whole), values(static_cast<std::size_t>(whole.volume())) {
        std::iota(values.begin(), values.end(), 1u);
    }
    Block block() { return {reinterpret_cast<std::byte*>(values.data()), sizeof(std::uint32_t), box}; }
    std::vector<std::uint32_t> in(const Box& part) {
        std::vector<std::uint32_t> found;
        for_each_coordinate(
            part, [&](const Extents& at) { found.push_back(*reinterpret_cast<const std::uint32_t*>(block().at(at))); });
        return found;
    }

    Box box;
    std::vector<std::uint32_t> values;
};

TEST(OtherMemory, AnyRunsAreReadIntoAnyOthers) {
    Numbers from(Box::whole({6, 40, 50}));
    Numbers to(Box::whole({5, 9, 2400}));
    const Box source(Extents{1, 3, 4}, Extents{5, 33, 44});   // 120 runs of 40 numbers
    const Box target(Extents{0, 2, 0}, Extents{2, 3, 2400});  // 2 runs of 2400
    ASSERT_EQ(source.volume(), target.volume());
    read_runs(getpid(), RemoteRuns(BoxRuns(from.block(), source)), BoxRuns(to.block(), target));
    EXPECT_EQ(to.in(target), from.in(source));
    Numbers untouched(Box::whole({5, 9, 2400}));
    const Box other(Extents{0, 3, 0}, Extents{5, 9, 2400});
    EXPECT_EQ(to.in(other), untouched.in(other));
}

TEST(OtherMemory, MoreRunsThanTheSystemTakesAtOnce) {
    Numbers from(Box::whole({3000, 3})), to(Box::whole({3, 3000}));
    const Box column(Extents{0, 1}, Extents{3000, 2}), row(Extents{1, 0}, Extents{2, 3000});
    read_runs(getpid(), RemoteRuns(BoxRuns(from.block(), column)), BoxRuns(to.block(), row));
    EXPECT_EQ(to.in(row), from.in(column));
}

TEST(OtherMemory, OfAProcessThatIsGoneIsALinkError) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    Numbers from(Box::whole({64})), to(Box::whole({64}));
    const BoxRuns runs(to.block(), to.box);
    EXPECT_THROW(read_runs(child, RemoteRuns(BoxRuns(from.block(), from.box)), runs), LinkError);
}

TEST(OtherMemory, IsOnlyReadWhereItHoldsWhatItShould) {
    const std::uint64_t word = 0x1234'5678'9abc'def0;
    const auto address = reinterpret_cast<std::uint64_t>(&word);
    EXPECT_TRUE(can_read(getpid(), address, word));
    EXPECT_FALSE(can_read(getpid(), address, word + 1));
    EXPECT_FALSE(can_read(getpid(), 8, word));
}

/// Through a slot, from a box to a box, three times.
void expect_carried(const Box& sent, const Box& received) {
    Numbers from(Box::whole({40, 600})), to(Box::whole({50, 700}));
    alignas(8) std::array<std::byte, 256> line{};
    alignas(64) std::array<MailSlot::Count, 16> taken{}, known{};  // a line of them, as a slot expects
    const MailSlot sender(line.data(), taken.data(), known.data()), receiver(line.data(), taken.data(), nullptr);
    const ReadMessage shown(from.block(), sent);
    const ReadMessage read(to.block(), received, getpid());
    for (int time = 0; time < 3; ++time) {
        from.values[static_cast<std::size_t>(sent.lo[0] * 600 + sent.lo[1])] = static_cast<std::uint32_t>(1000 + time);
        shown.show(sender);
        sender.fill();
        ASSERT_TRUE(receiver.is_full());
        read.read(receiver);
        receiver.empty();
        EXPECT_TRUE(sender.is_empty());
        EXPECT_EQ(to.in(received), from.in(sent));
    }
}

/// What a device's driver has mapped cannot be read by others. Here it is memory that nobody may read just then.
TEST(ReadMessage, BytesThatOthersCannotReadArePackedWhenTheyAreShown) {
    constexpr std::size_t bytes = 1 << 16;
    void* const memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    const Box box = Box::whole({bytes / sizeof(std::uint32_t)});
    const Block block{static_cast<std::byte*>(memory), sizeof(std::uint32_t), box};
    EXPECT_FALSE(is_readable(BoxRuns(block, box)));
    const ReadMessage shown(block, box);
    ASSERT_EQ(mprotect(memory, bytes, PROT_READ | PROT_WRITE), 0);
    Numbers from(box), to(box);
    std::fill(to.values.begin(), to.values.end(), 0u);
    std::memcpy(memory, from.values.data(), bytes);
    const ReadMessage read(to.block(), box, getpid());
    alignas(8) std::array<std::byte, 256> line{};
    alignas(64) std::array<MailSlot::Count, 16> taken{}, known{};
    const MailSlot slot(line.data(), taken.data(), known.data());
    shown.show(slot);
    std::memset(memory, 0, bytes);  // a driver's memory is not what is read
    read.read(slot);
    EXPECT_EQ(to.values, from.values);
    munmap(memory, bytes);
}

TEST(ReadMessage, IsForRowsThatAreWorthACall) {
    EXPECT_TRUE(ReadMessage::is_for(Box::whole({4000, 16}), 4));
    EXPECT_FALSE(ReadMessage::is_for(Box::whole({4000, 15}), 4));
    EXPECT_TRUE(ReadMessage::is_for(Box::whole({4000, 8}), 8));
    EXPECT_TRUE(ReadMessage::is_for(Box::whole({40000}), 1));
}

TEST(ReadMessage, LongAndShortRunsArrive) {
    const Box rows(Extents{2, 0}, Extents{12, 600}), parts(Extents{3, 1}, Extents{23, 301});
    const Box few(Extents{0, 5}, Extents{40, 8}), fewer(Extents{7, 9}, Extents{47, 12});
    expect_carried(rows, Box(Extents{1, 50}, Extents{11, 650}));
    expect_carried(rows, Box(Extents{1, 50}, Extents{21, 350}));
    expect_carried(parts, Box(Extents{1, 50}, Extents{11, 650}));
    expect_carried(few, fewer);
}

}  // namespace
}  // namespace maniple
