// trace/flight_clock.hpp: a clock that runs while anything is in flight.
#pragma once

#include <atomic>
#include <cstdint>

namespace maniple {

/// For how long at least one thing has been in flight so far. What a thread does meanwhile is the difference of two
/// readings. Its resolution is 256 ns; what is shorter counts on average, not one by one.
///
/// Threads: any. Never locks. All times are now_ns(); two threads that read theirs at the same moment may come in
/// either order, which moves the clock by as much.
class FlightClock {
public:
    /// `count` more, or less, are in flight. Requires: at most 2^20 - 1 at once, none ends before it has begun.
    void begin(std::int64_t now_ns, std::uint64_t count = 1) {
        std::uint64_t state = state_.load(std::memory_order_relaxed);
        std::uint64_t next = 0;
        do {
            const std::uint64_t flying = state & count_mask;
            next = (flying == 0 ? turned(state, now_ns) : state) + count;
            // Relaxed, here and below: the clock says nothing of any other memory.
        } while (!state_.compare_exchange_weak(state, next, std::memory_order_relaxed));
    }
    void end(std::int64_t now_ns, std::uint64_t count = 1) {
        std::uint64_t state = state_.load(std::memory_order_relaxed);
        std::uint64_t next = 0;
        do {
            const std::uint64_t left = (state & count_mask) - count;
            next = left == 0 ? turned(state, now_ns) : state - count;
        } while (!state_.compare_exchange_weak(state, next, std::memory_order_relaxed));
    }

    /// A reading; begins again at 0 after 52 days in flight.
    std::int64_t reading_ns(std::int64_t now_ns) const {
        const std::uint64_t state = state_.load(std::memory_order_relaxed);
        const std::uint64_t units =
            (state & count_mask) == 0 ? state >> count_bits : turned(state, now_ns) >> count_bits;
        return static_cast<std::int64_t>(units << unit_bits);
    }
    /// From one reading to a later one, in ns.
    static std::int64_t between(std::int64_t from, std::int64_t to) {
        constexpr std::uint64_t round = std::uint64_t{1} << (64 - count_bits + unit_bits);
        const std::uint64_t passed = static_cast<std::uint64_t>(to - from) & (round - 1);
        return passed < round / 2 ? static_cast<std::int64_t>(passed) : 0;  // else a little backwards: see Threads
    }

private:
    static constexpr int count_bits = 20, unit_bits = 8;
    static constexpr std::uint64_t count_mask = (std::uint64_t{1} << count_bits) - 1;

    /// The value of a state, once the clock goes on or stops at `now_ns`; none in flight. While it stands the value is
    /// what it shows, while it runs that moment less what it shows: so one word says both, and either is the other one
    /// taken from now.
    static std::uint64_t turned(std::uint64_t state, std::int64_t now_ns) {
        const std::uint64_t now = static_cast<std::uint64_t>(now_ns) >> unit_bits;
        return (now - (state >> count_bits)) << count_bits;
    }

    /// In its low bits how many are in flight, above them the value, in units of 256 ns.
    std::atomic<std::uint64_t> state_{0};
};

}  // namespace maniple
