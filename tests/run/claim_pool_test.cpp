// A pool of claims among threads that stand for processes: plain values show whether what is done is visible.
#include "run/claim_pool.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

#include "lanes/shared_memory.hpp"

namespace maniple {
namespace {

struct PoolWords {
    static constexpr std::uint32_t capacity = 64;
    std::atomic<std::uint64_t> range{0}, given_back{0};
    std::array<std::atomic<std::uint64_t>, capacity> slots{}, returned{};
    ClaimPool<> pool() { return ClaimPool<>({&range, &given_back, slots.data(), returned.data(), capacity}); }
};

constexpr std::size_t half(std::uint32_t length) { return (std::size_t{length} + 1) / 2; }

TEST(ClaimPool, TakesTheOldestFirstAndHalfAtATime) {
    PoolWords words;
    ClaimPool<> pool = words.pool();
    for (std::uint64_t item = 1; item <= 5; ++item) EXPECT_TRUE(pool.put(item));
    std::array<std::uint64_t, 8> items{};
    const auto all = [](std::uint64_t) { return true; };
    EXPECT_EQ(pool.take(items, half, all), 3u);
    EXPECT_EQ(items[0], 1u);
    EXPECT_EQ(items[2], 3u);
    EXPECT_EQ(pool.take(items, half, [](std::uint64_t item) { return item != 4; }),
              0u);  // behind one that it cannot do
    EXPECT_EQ(pool.take_one(), 4u);
    EXPECT_EQ(pool.take_one(), 5u);
    EXPECT_EQ(pool.take_one(), 0u);
    EXPECT_TRUE(pool.is_empty());
}

TEST(ClaimPool, IsFullAndWrapsAround) {
    PoolWords words;
    words.range = 0xfffffff0fffffff0;  // shortly before both counters start again
    ClaimPool<> pool = words.pool();
    for (int round = 0; round < 3; ++round) {
        for (std::uint64_t item = 1; item <= PoolWords::capacity; ++item) EXPECT_TRUE(pool.put(item));
        EXPECT_FALSE(pool.put(99));
        for (std::uint64_t item = 1; item <= PoolWords::capacity; ++item) EXPECT_EQ(pool.take_one(), item);
    }
}

/// Each item's plain value is written by the owner, changed by whoever takes it, and read by the owner when it is back.
TEST(ClaimPool, WhatIsDoneIsVisibleToTheOwner) {
    constexpr std::uint64_t rounds = 200, count = 48;
    PoolWords words;
    std::vector<std::uint64_t> values(count + 1, 0);
    std::atomic<bool> over{false};
    std::vector<std::thread> thieves;
    for (int i = 0; i < 3; ++i) {
        thieves.emplace_back([&] {
            ClaimPool<> pool = words.pool();
            std::array<std::uint64_t, 16> items{};
            while (!over.load()) {
                const std::size_t taken = pool.take(items, half, [](std::uint64_t) { return true; });
                for (std::size_t k = 0; k < taken; ++k) {
                    values[items[k]] *= 3;
                    pool.give_back(items[k]);
                }
                if (taken == 0) std::this_thread::yield();
            }
        });
    }
    ClaimPool<> pool = words.pool();
    std::uint64_t collected = 0, wrong = 0;
    for (std::uint64_t round = 1; round <= rounds; ++round) {
        for (std::uint64_t item = 1; item <= count; ++item) {
            values[item] = round;
            ASSERT_TRUE(pool.put(item));
        }
        for (std::uint64_t ended = 0; ended < count;) {
            std::uint64_t item = pool.take_one();
            if (item != 0) values[item] *= 3;
            if (item == 0) item = pool.collect(collected);
            if (item == 0) continue;
            wrong += values[item] == 3 * round ? 0 : 1;
            ++ended;
        }
    }
    over = true;
    for (std::thread& thief : thieves) thief.join();
    EXPECT_EQ(wrong, 0u);
}

TEST(SharedMemory, IsSeenThroughItsHandleUntilSharingStops) {
    SharedMemory made(10000);
    EXPECT_EQ(made.data()[9999], std::byte{0});
    auto opened = SharedMemory::open(made.handle(), 10000);
    ASSERT_TRUE(opened);
    EXPECT_NE(opened->data(), made.data());
    made.data()[5000] = std::byte{7};
    EXPECT_EQ(opened->data()[5000], std::byte{7});
    EXPECT_FALSE(SharedMemory::open(made.handle(), 20000));  // another one's
    const std::string handle = made.handle();
    made.stop_sharing();
    EXPECT_FALSE(SharedMemory::open(handle, 10000));
    EXPECT_EQ(opened->data()[5000], std::byte{7});
}

}  // namespace
}  // namespace maniple
