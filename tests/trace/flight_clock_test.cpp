#include "trace/flight_clock.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "trace/activity.hpp"

namespace maniple {
namespace {

constexpr std::int64_t unit_ns = 256;
constexpr std::int64_t round_ns = std::int64_t{1} << 52;

TEST(FlightClock, RunsWhileSomethingIsInFlightAndStandsElse) {
    FlightClock clock;
    EXPECT_EQ(clock.reading_ns(1000 * unit_ns), 0);
    clock.begin(2000 * unit_ns);
    EXPECT_EQ(clock.reading_ns(2000 * unit_ns), 0);
    EXPECT_EQ(clock.reading_ns(2003 * unit_ns), 3 * unit_ns);
    clock.end(2010 * unit_ns);
    EXPECT_EQ(clock.reading_ns(2010 * unit_ns), 10 * unit_ns);
    EXPECT_EQ(clock.reading_ns(5000 * unit_ns), 10 * unit_ns);
    clock.begin(6000 * unit_ns);
    clock.end(6001 * unit_ns);
    EXPECT_EQ(clock.reading_ns(7000 * unit_ns), 11 * unit_ns);
}

TEST(FlightClock, WhatIsInFlightAtTheSameTimeCountsOnce) {
    FlightClock clock;
    clock.begin(100 * unit_ns);
    clock.begin(110 * unit_ns, 2);
    clock.end(120 * unit_ns);
    EXPECT_EQ(clock.reading_ns(130 * unit_ns), 30 * unit_ns);
    clock.begin(140 * unit_ns);
    clock.end(150 * unit_ns, 3);
    EXPECT_EQ(clock.reading_ns(200 * unit_ns), 50 * unit_ns);
}

TEST(FlightClock, ShortFlightsCountOnAverage) {
    FlightClock clock;
    std::mt19937 random(1);
    std::int64_t now = 12345, flown = 0;
    for (int i = 0; i < 100000; ++i) {
        now += random() % 5000;
        clock.begin(now);
        const std::int64_t flight = random() % 200;
        flown += flight;
        now += flight;
        clock.end(now);
    }
    EXPECT_NEAR(static_cast<double>(clock.reading_ns(now)) / static_cast<double>(flown), 1, 0.05);
}

TEST(FlightClock, GoesOnWhereItBeginsAgain) {
    FlightClock clock;
    clock.begin(0);
    clock.end(round_ns - unit_ns);
    const std::int64_t before = clock.reading_ns(round_ns);
    EXPECT_EQ(before, round_ns - unit_ns);
    clock.begin(round_ns + 10 * unit_ns);
    EXPECT_EQ(FlightClock::between(before, clock.reading_ns(round_ns + 13 * unit_ns)), 3 * unit_ns);
    clock.end(round_ns + 14 * unit_ns);
    EXPECT_EQ(FlightClock::between(before, clock.reading_ns(2 * round_ns)), 4 * unit_ns);
    EXPECT_EQ(FlightClock::between(before, before - unit_ns), 0) << "a little backwards is no time at all";
}

/// Flights of many threads inside of one long flight, and a reader beside them: the clock never stops, nor jumps.
TEST(FlightClock, CountsFlightsOfManyThreads) {
    FlightClock clock;
    const std::int64_t begin = now_ns();
    clock.begin(begin);
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 4; ++seed) {
        threads.emplace_back([&clock, seed] {
            std::mt19937 random(seed);
            for (int i = 0; i < 20000; ++i) {
                const std::uint64_t count = 1 + random() % 3;
                clock.begin(now_ns(), count);
                clock.end(now_ns(), count);
            }
        });
    }
    for (int i = 0; i < 20000; ++i) {
        const std::int64_t now = now_ns();
        EXPECT_LE(std::abs(clock.reading_ns(now) - (now - begin)), unit_ns);
    }
    for (std::thread& thread : threads) thread.join();
    const std::int64_t end = now_ns();
    clock.end(end);
    EXPECT_LE(std::abs(clock.reading_ns(end) - (end - begin)), unit_ns);
    EXPECT_EQ(clock.reading_ns(end + 1000000), clock.reading_ns(end)) << "none is in flight any more";
}

}  // namespace
}  // namespace maniple
