// Deque, stack, countdown, parking and the pool of claims in every interleaving of small cases, and mutants that must be found.
#include <gtest/gtest.h>

#include <array>

#include "interleavings.hpp"
#include "run/chunk_stack.hpp"
#include "run/claim_pool.hpp"
#include "run/countdown.hpp"
#include "run/parking.hpp"
#include "run/stealing_deque.hpp"

namespace maniple {
namespace {

using testing::Interleavings;
using testing::ModelAtomic;
using testing::ModelAtomics;
using testing::ModelBed;

/// How often each chunk was taken.
using Taken = std::array<int, 4>;

std::string each_once(const Taken& taken, int chunks) {
    for (int i = 0; i < chunks; ++i) {
        if (taken[static_cast<std::size_t>(i)] != 1)
            return "chunk " + std::to_string(i) + " was taken " + std::to_string(taken[static_cast<std::size_t>(i)]) +
                   " times";
    }
    return {};
}

template <class Deque>
struct DequeCase {
    explicit DequeCase(std::size_t capacity) : deque(capacity) {}
    Deque deque;
    Taken taken{};

    void count(ChunkId chunk) {
        if (chunk.valid()) ++taken[chunk.index()];
    }
};

/// The owner adds `first`, pops one, adds `second`, and pops to the end; thieves steal `steals` times each.
template <class Deque>
Interleavings::Result try_deque(std::size_t first, std::size_t second, int thieves, int steals, std::size_t capacity) {
    return Interleavings::try_all([=] {
        auto state = std::make_shared<DequeCase<Deque>>(capacity);
        DequeCase<Deque>& c = *state;
        Interleavings::Program program;
        program.state = state;
        program.threads.push_back([&c, first, second] {
            std::size_t next = 0;
            const auto add = [&](std::size_t count) {
                for (std::size_t i = 0; i < count; ++i, ++next) {
                    if (!c.deque.stage(ChunkId(next))) c.count(ChunkId(next));  // no room: it keeps it
                }
                c.deque.publish();
            };
            add(first);
            c.count(c.deque.pop());
            if (second > 0) add(second);
            for (std::size_t i = 0; i < first + second; ++i) c.count(c.deque.pop());
        });
        for (int i = 0; i < thieves; ++i) {
            program.threads.push_back([&c, steals] {
                for (int k = 0; k < steals; ++k) c.count(c.deque.steal());
            });
        }
        program.verdict = [&c, first, second] { return each_once(c.taken, static_cast<int>(first + second)); };
        return program;
    });
}

TEST(Deque, EveryChunkIsTakenOnceInEveryOrder) {
    for (const auto& [first, second, thieves, steals, capacity] : {std::tuple{1, 0, 2, 1, 4},
                                                                   {2, 0, 1, 2, 4},
                                                                   {2, 1, 1, 2, 4},
                                                                   {2, 0, 2, 1, 4},
                                                                   {2, 2, 1, 2, 2},
                                                                   {3, 0, 2, 1, 2}}) {
        const auto result =
            try_deque<StealingDeque<ModelAtomics>>(static_cast<std::size_t>(first), static_cast<std::size_t>(second),
                                                   thieves, steals, static_cast<std::size_t>(capacity));
        EXPECT_EQ(result.failure, "") << first << "+" << second << " chunks, " << thieves << " thieves";
        EXPECT_GT(result.orders, 1);
    }
}

/// A thief that does not make sure of what it took.
template <class Atomics>
struct CarelessDeque : StealingDeque<Atomics> {
    using StealingDeque<Atomics>::StealingDeque;
    typename Atomics::template Value<std::int64_t> top{0};
    typename Atomics::template Value<std::int64_t> bottom{0};
    std::int64_t staged = 0;
    bool stage(ChunkId) { return ++staged > 0; }
    void publish() { bottom.store(staged, 0); }
    ChunkId pop() {
        const std::int64_t last = bottom.load() - 1;
        if (top.load() > last) return {};
        bottom.store(last, 0);
        return ChunkId(static_cast<std::size_t>(last));
    }
    ChunkId steal() {
        const std::int64_t at = top.load();
        if (at >= bottom.load()) return {};
        top.store(at + 1, 0);
        return ChunkId(static_cast<std::size_t>(at));
    }
};

TEST(Deque, AThiefWithoutAnExchangeIsFound) {
    EXPECT_NE(try_deque<CarelessDeque<ModelAtomics>>(1, 0, 1, 1, 4).failure, "");
    EXPECT_NE(try_deque<CarelessDeque<ModelAtomics>>(2, 0, 1, 2, 4).failure, "");
}

// --- Stack ---------------------------------------------------------------------------------------------------------

template <class Stack>
struct StackCase {
    explicit StackCase(std::size_t chunks) { stack.reserve(chunks); }
    Stack stack;
    Taken taken{};

    bool take() {
        const ChunkId chunk = stack.pop();
        if (chunk.valid()) ++taken[chunk.index()];
        return chunk.valid();
    }
};

/// One thread pushes `chunks`, takes two and puts the first of these back, as the next execution may do; others take
/// `takes` each. What is left is taken at the end.
template <class Stack>
Interleavings::Result try_stack(std::size_t chunks, int takers, int takes) {
    return Interleavings::try_all([=] {
        auto state = std::make_shared<StackCase<Stack>>(chunks);
        StackCase<Stack>& c = *state;
        Interleavings::Program program;
        program.state = state;
        program.threads.push_back([&c, chunks] {
            for (std::size_t i = 0; i < chunks; ++i) c.stack.push(ChunkId(i));
            const ChunkId again = c.stack.pop();
            c.take();
            if (again.valid()) c.stack.push(again);
        });
        for (int i = 0; i < takers; ++i) {
            program.threads.push_back([&c, takes] {
                for (int k = 0; k < takes; ++k) c.take();
            });
        }
        program.verdict = [&c, chunks] {
            for (std::size_t i = 0; i < chunks && c.take(); ++i) {}
            return c.stack.is_empty() ? each_once(c.taken, static_cast<int>(chunks)) : "the stack has no end";
        };
        return program;
    });
}

TEST(Stack, EveryChunkIsTakenOnceInEveryOrder) {
    for (const auto& [chunks, takers, takes] : {std::tuple{1, 2, 1}, {2, 1, 2}, {2, 2, 1}, {3, 1, 2}}) {
        const auto result = try_stack<ChunkStack<ModelAtomics>>(static_cast<std::size_t>(chunks), takers, takes);
        EXPECT_EQ(result.failure, "") << chunks << " chunks, " << takers << " takers";
        EXPECT_GT(result.orders, 1);
    }
}

/// Does not count what has been taken.
template <class Atomics>
struct ForgetfulStack {
    typename Atomics::template Value<std::uint32_t> top{0};
    typename Atomics::template Value<std::uint32_t> below[4];
    void reserve(std::size_t) {}
    void push(ChunkId chunk) {
        const auto number = static_cast<std::uint32_t>(chunk.index()) + 1;
        std::uint32_t seen = top.load();
        do { below[chunk.index()].store(seen, 0); } while (!top.compare_exchange_strong(seen, number, 0));
    }
    ChunkId pop() {
        std::uint32_t seen = top.load();
        while (seen != 0) {
            const std::uint32_t next = below[seen - 1].load();
            if (top.compare_exchange_strong(seen, next, 0)) return ChunkId(std::size_t{seen - 1});
        }
        return {};
    }
    bool is_empty() const { return top.load() == 0; }
};

TEST(Stack, AChunkThatComesBackUnnoticedIsFound) {
    EXPECT_NE(try_stack<ForgetfulStack<ModelAtomics>>(3, 1, 1).failure, "");
}

// --- Claims --------------------------------------------------------------------------------------------------------

/// The words of a pool whose items are 1, 2, …
template <class Pool>
struct ClaimCase {
    static constexpr std::uint32_t capacity = 2;
    std::array<ModelAtomic<std::uint64_t>, 2> counters;
    std::array<ModelAtomic<std::uint64_t>, capacity> slots, returned;
    Pool pool{{&counters[0], &counters[1], slots.data(), returned.data(), capacity}};
    Taken taken{};
    int collected = 0;

    bool count(std::uint64_t item) {
        if (item != 0) ++taken[item - 1];
        return item != 0;
    }
};

/// The owner puts `items`, takes and collects until all have ended; thieves take half of what there is, `claims` times, and
/// give it back.
template <class Pool>
Interleavings::Result try_claims(std::size_t items, int thieves, int claims) {
    return Interleavings::try_all([=] {
        auto state = std::make_shared<ClaimCase<Pool>>();
        ClaimCase<Pool>& c = *state;
        Interleavings::Program program;
        program.state = state;
        program.threads.push_back([&c, items] {
            std::uint64_t collected = 0;
            std::size_t ended = 0;
            const auto end_one = [&] { ended += c.count(c.pool.take_one()) || c.pool.collect(collected) != 0 ? 1 : 0; };
            for (std::uint64_t item = 1; item <= items; ++item) {
                if (item > ClaimCase<Pool>::capacity) end_one();
                // No room: it keeps it. As in Stealing, no more are out than there are places for what comes back.
                const bool fits = item - 1 - ended < ClaimCase<Pool>::capacity;
                if (!fits || !c.pool.put(item)) ended += c.count(item) ? 1 : 0;
            }
            while (ended < items) {
                Interleavings::start_over();
                end_one();
            }
        });
        for (int i = 0; i < thieves; ++i) {
            program.threads.push_back([&c, claims] {
                for (int k = 0; k < claims; ++k) {
                    std::array<std::uint64_t, 4> taken{};
                    const std::size_t count = c.pool.take(
                        taken, [](std::uint32_t length) { return (std::size_t{length} + 1) / 2; },
                        [](std::uint64_t item) { return item != 0; });
                    for (std::size_t at = 0; at < count; ++at) {
                        c.count(taken[at]);
                        c.pool.give_back(taken[at]);
                    }
                }
            });
        }
        program.verdict = [&c, items] { return each_once(c.taken, static_cast<int>(items)); };
        return program;
    });
}

TEST(Claims, EveryItemIsTakenOnceAndComesBackInEveryOrder) {
    for (const auto& [items, thieves, claims] :
         {std::tuple{1, 1, 1}, {2, 1, 1}, {2, 1, 2}, {1, 2, 1}, {2, 2, 1}, {3, 1, 1}, {3, 1, 2}}) {
        const auto result = try_claims<ClaimPool<ModelAtomics>>(static_cast<std::size_t>(items), thieves, claims);
        std::printf("%d items, %d thieves, %d claims: %lld orders, %lld states\n", items, thieves, claims,
                    static_cast<long long>(result.orders), static_cast<long long>(result.states));
        EXPECT_EQ(result.failure, "") << items << " items, " << thieves << " thieves, " << claims << " claims";
        EXPECT_GT(result.orders, 1);
    }
}

/// Reads what it takes after the exchange, when something else may lie there.
template <class Atomics>
struct LateReader : ClaimPool<Atomics> {
    using Base = ClaimPool<Atomics>;
    typename Base::Words words;
    explicit LateReader(const typename Base::Words& the_words) : Base(the_words), words(the_words) {}
    template <class Wanted, class Accepts>
    std::size_t take(std::span<std::uint64_t> items, Wanted&&, Accepts&&) {
        std::uint64_t range = words.range->load();
        const auto next = static_cast<std::uint32_t>(range), end = static_cast<std::uint32_t>(range >> 32);
        if (next == end || !words.range->compare_exchange_strong(range, range + 1, 0)) return 0;
        items[0] = words.slots[next & (words.capacity - 1)].load();
        return 1;
    }
};

TEST(Claims, AThiefThatReadsTooLateIsFound) { EXPECT_NE(try_claims<LateReader<ModelAtomics>>(4, 1, 1).failure, ""); }

// --- Countdown ---------------------------------------------------------------------------------------------------

template <bool careless>
Interleavings::Result try_countdown(int predecessors) {
    struct Case {
        explicit Case(int count) : remaining(count) {}
        ModelAtomic<std::int32_t> remaining;
        int released = 0;
    };
    return Interleavings::try_all([=] {
        auto state = std::make_shared<Case>(predecessors);
        Case& c = *state;
        Interleavings::Program program;
        program.state = state;
        for (int i = 0; i < predecessors; ++i) {
            program.threads.push_back([&c] {
                if constexpr (careless) {
                    const std::int32_t left = c.remaining.load() - 1;
                    c.remaining.store(left, 0);
                    c.released += left == 0 ? 1 : 0;
                } else {
                    c.released += take_to_zero(c.remaining) ? 1 : 0;
                }
            });
        }
        program.verdict = [&c] {
            return c.released == 1 ? std::string() : "released " + std::to_string(c.released) + " times";
        };
        return program;
    });
}

TEST(Countdown, OneOfThePredecessorsReleasesInEveryOrder) {
    for (const int predecessors : {1, 2, 3, 4}) EXPECT_EQ(try_countdown<false>(predecessors).failure, "");
}

TEST(Countdown, ALostDecrementIsFound) { EXPECT_NE(try_countdown<true>(2).failure, ""); }

// --- Parking -----------------------------------------------------------------------------------------------------

/// Work appears as a count; workers take from it, or sleep, until all has been taken.
template <class Place>
struct ParkingCase {
    ModelAtomic<int> work{0};
    ModelAtomic<int> left;
    Place parking;

    explicit ParkingCase(int total) : left(total) {}

    bool take() {
        int available = work.load();
        while (available > 0) {
            if (work.compare_exchange_strong(available, available - 1, 0)) return true;
        }
        return false;
    }

    void produce() {
        work.fetch_add(1, 0);
        parking.wake_one();
    }

    void consume() {
        for (;;) {
            testing::Interleavings::start_over();
            if (left.load() == 0) return;
            if (take()) {
                parking.wake_one();  // there may be more
                if (left.fetch_sub(1, 0) == 1) parking.wake_all();
                continue;
            }
            const auto ticket = parking.announce();
            if (work.load() > 0 || left.load() == 0) {
                parking.leave();
            } else {
                parking.sleep(ticket, std::chrono::nanoseconds(0));
            }
        }
    }
};

template <class Place>
Interleavings::Result try_parking(int producers, int each, int consumers) {
    return Interleavings::try_all([=] {
        auto state = std::make_shared<ParkingCase<Place>>(producers * each);
        ParkingCase<Place>& c = *state;
        Interleavings::Program program;
        program.state = state;
        for (int i = 0; i < producers; ++i) {
            program.threads.push_back([&c, each] {
                for (int k = 0; k < each; ++k) c.produce();
            });
        }
        for (int i = 0; i < consumers; ++i) program.threads.push_back([&c] { c.consume(); });
        program.verdict = [&c] { return c.left.peek() == 0 ? std::string() : "work was left"; };
        return program;
    });
}

using RealParking = Parking<ModelAtomics, ModelBed>;

TEST(Parking, NoWakeUpIsLostInAnyOrder) {
    for (const auto& [producers, each, consumers] : {std::tuple{1, 1, 1}, {1, 2, 1}, {2, 1, 1}, {1, 1, 2}}) {
        const auto result = try_parking<RealParking>(producers, each, consumers);
        std::printf("%d producers of %d, %d consumers: %lld orders, %lld states\n", producers, each, consumers,
                    static_cast<long long>(result.orders), static_cast<long long>(result.states));
        EXPECT_EQ(result.failure, "") << producers << " producers of " << each << ", " << consumers << " consumers";
        EXPECT_GT(result.orders, 1);
    }
}

/// Does not say that it is about to sleep.
struct SilentSleeper {
    struct Ticket {
        std::uint32_t wakes;
    };
    ModelAtomic<std::uint32_t> wakes{0};
    ModelAtomic<int> sleepers{0};
    Ticket announce() { return {wakes.load()}; }
    void sleep(Ticket ticket, std::chrono::nanoseconds) {
        sleepers.fetch_add(1, 0);
        ModelBed::sleep(wakes, ticket.wakes, 0);
        sleepers.fetch_sub(1, 0);
    }
    void leave() {}
    void wake_one() {
        if (sleepers.load() == 0) return;
        wakes.fetch_add(1, 0);
        ModelBed::wake(wakes, 1);
    }
    void wake_all() {
        wakes.fetch_add(1, 0);
        ModelBed::wake(wakes, 100);
    }
};

TEST(Parking, ASleeperThatDoesNotAnnounceItselfIsFound) { EXPECT_NE(try_parking<SilentSleeper>(1, 1, 1).failure, ""); }

}  // namespace
}  // namespace maniple
