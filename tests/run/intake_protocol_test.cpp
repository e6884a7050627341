// How threads bring things to whoever has the turn, in every interleaving of small cases, and mutants that must be found.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "interleavings.hpp"
#include "lanes/intake.hpp"

namespace maniple {
namespace {

using testing::Interleavings;
using testing::ModelAtomic;

struct Thing {
    ModelAtomic<Thing*> next{nullptr};
    std::size_t thread = 0;
    int number = 0;  ///< of the thread's
};

/// As the waiter has it; mutants differ in one.
struct RightTeam {
    using Inbox = Intake<Thing, ModelAtomic>;
    using Order = BasicTurn<ModelAtomic>;
    static Thing* take(Inbox& inbox) { return inbox.take_in_order(); }
    template <class Work>
    static void look_after(Inbox& inbox, Order& turn, Work&& work) {
        work_in_turn(inbox, turn, work);
    }
};

/// How many things each thread brings, one after the other.
using Counts = std::vector<int>;

/// Whoever has the turn does what there is.
template <class Team>
class InTurn {
public:
    explicit InTurn(const Counts& counts) : counts_(counts) {
        for (std::size_t thread = 0; thread < counts.size(); ++thread) {
            for (int i = 0; i < counts[thread]; ++i) {
                things_[thread][static_cast<std::size_t>(i)].thread = thread;
                things_[thread][static_cast<std::size_t>(i)].number = i;
            }
        }
    }

    void bring_all(std::size_t thread) {
        for (int i = 0; i < counts_[thread]; ++i) {
            inbox_.push(things_[thread][static_cast<std::size_t>(i)]);
            Team::look_after(inbox_, turn_, [this] { do_all(); });
        }
    }

    std::string verdict() const {
        if (faults_.peek() > 0) return "two worked at once, or not in order";
        for (std::size_t thread = 0; thread < counts_.size(); ++thread) {
            if (done_[thread].peek() != counts_[thread]) return "something was left lying";
        }
        return "";
    }

private:
    void do_all() {
        add(at_work_, 1);
        if (at_work_.peek() != 1) add(faults_, 1);
        for (Thing* one = Team::take(inbox_); one != nullptr;) {
            Thing* const next = one->next;
            if (done_[one->thread].peek() != one->number) add(faults_, 1);
            add(done_[one->thread], 1);
            one = next;
        }
        add(at_work_, -1);
    }
    static void add(ModelAtomic<int>& count, int one) { count.poke(count.peek() + one); }

    const Counts& counts_;
    typename Team::Inbox inbox_;
    typename Team::Order turn_;
    std::array<std::array<Thing, 2>, 3> things_;
    std::array<ModelAtomic<int>, 3> done_;
    ModelAtomic<int> at_work_{0}, faults_{0};
};

template <class Team>
Interleavings::Result try_turns(const Counts& counts) {
    return Interleavings::try_all([&] {
        auto state = std::make_shared<InTurn<Team>>(counts);
        InTurn<Team>& c = *state;
        Interleavings::Program program;
        program.state = state;
        for (std::size_t i = 0; i < counts.size(); ++i) program.threads.push_back([&c, i] { c.bring_all(i); });
        program.verdict = [&c] { return c.verdict(); };
        return program;
    });
}

TEST(IntakeAndTurn, EverythingIsDoneOnceInItsThreadsOrderByOneAtATime) {
    for (const Counts& counts : {Counts{1, 1}, {2, 1}}) {  // {2, 2} and {1, 1, 1} take a minute
        const auto result = try_turns<RightTeam>(counts);
        std::printf("%zu threads, %d things: %lld orders, %lld states\n", counts.size(), counts[0] + counts[1],
                    static_cast<long long>(result.orders), static_cast<long long>(result.states));
        EXPECT_EQ(result.failure, "");
        EXPECT_GT(result.orders, 1);
    }
}

/// Who has had the turn does not look once more.
struct LooksOnce : RightTeam {
    template <class Work>
    static void look_after(Inbox& inbox, Order& turn, Work&& work) {
        if (inbox.is_empty() || !turn.try_take()) return;
        work();
        turn.leave();
    }
};

TEST(IntakeAndTurn, WhoDoesNotLookAgainIsFound) { EXPECT_NE(try_turns<LooksOnce>({1, 1}).failure, ""); }

/// What has come last is done first.
struct Reverses : RightTeam {
    static Thing* take(Inbox& inbox) { return inbox.take(); }
};

TEST(IntakeAndTurn, AnotherOrderIsFound) { EXPECT_NE(try_turns<Reverses>({2, 1}).failure, ""); }

/// Looks whether the turn is free, then takes it.
struct TakesItBesideAnother : RightTeam {
    struct Order {
        ModelAtomic<bool> taken{false};
        bool try_take() {
            if (taken.load()) return false;
            taken.store(true, 0);
            return true;
        }
        void leave() { taken.store(false, 0); }
    };
    template <class Work>
    static void look_after(Inbox& inbox, Order& turn, Work&& work) {
        work_in_turn(inbox, turn, work);
    }
};

TEST(IntakeAndTurn, TwoTurnsAtOnceAreFound) { EXPECT_NE(try_turns<TakesItBesideAnother>({1, 1}).failure, ""); }

/// Links what it brings to what it has seen, whatever has come in since.
struct Overwrites : RightTeam {
    struct Inbox {
        ModelAtomic<Thing*> first{nullptr};
        void push(Thing& thing) {
            thing.next = first.load();
            first.store(&thing, 0);
        }
        Thing* take() { return first.exchange(nullptr, 0); }
        bool is_empty() const { return first.load() == nullptr; }
    };
    static Thing* take(Inbox& inbox) { return inbox.take(); }
    template <class Work>
    static void look_after(Inbox& inbox, Order& turn, Work&& work) {
        work_in_turn(inbox, turn, work);
    }
};

TEST(IntakeAndTurn, AThingThatGetsLostIsFound) { EXPECT_NE(try_turns<Overwrites>({1, 1}).failure, ""); }

}  // namespace
}  // namespace maniple
