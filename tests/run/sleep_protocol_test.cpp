// A deque and the place where thieves sleep, together, in every interleaving of small cases, and mutants that must be found.
#include <gtest/gtest.h>

#include "interleavings.hpp"
#include "run/parking.hpp"
#include "run/stealing_deque.hpp"

namespace maniple {
namespace {

using testing::Interleavings;
using testing::ModelAtomic;
using testing::ModelAtomics;
using testing::ModelBed;

using ModelDeque = StealingDeque<ModelAtomics>;
using ModelParking = Parking<ModelAtomics, ModelBed>;

/// What a team does as the scheduler has it, or one thing otherwise.
enum class Team { right, sleeps_without_a_second_look, wakes_before_it_publishes };

/// An owner shows chunks and then computes for long: what it has not popped is the thieves'. These steal, or sleep until all
/// has been taken.
template <class Place>
class SleepingThieves {
public:
    SleepingThieves(int chunks, Team team) : team_(team) {
        for (int i = 0; i < chunks; ++i) left_.fetch_add(digit(ChunkId(std::int32_t{i})), 0);
    }

    void show(int first, int count) {
        for (int i = 0; i < count; ++i) deque_.stage(ChunkId(std::int32_t{first + i}));
        if (team_ == Team::wakes_before_it_publishes) parking_.wake_one();
        deque_.publish();
        if (team_ != Team::wakes_before_it_publishes) parking_.wake_one();
    }

    void pop() { end(deque_.pop()); }

    void steal_all() {
        for (;;) {
            Interleavings::start_over();
            if (left_.load() == 0) return;
            if (const ChunkId chunk = deque_.steal(); chunk.valid()) {
                parking_.wake_one();  // there may be more
                end(chunk);
            } else {
                sleep();
            }
        }
    }

    std::string verdict() const { return left_.peek() == 0 ? "" : "chunks were not taken, or more than once"; }

private:
    static std::int64_t digit(ChunkId chunk) { return std::int64_t{1} << 4 * chunk.value; }

    void end(ChunkId chunk) {
        if (chunk.valid() && left_.fetch_sub(digit(chunk), 0) == digit(chunk)) parking_.wake_all();
    }

    void sleep() {
        const auto ticket = parking_.announce();
        const bool looks = team_ != Team::sleeps_without_a_second_look;
        if (looks && (!deque_.is_empty() || left_.load() == 0)) {
            parking_.leave();
        } else {
            parking_.sleep(ticket, std::chrono::nanoseconds(0));
        }
    }

    Team team_;
    ModelDeque deque_{4};
    Place parking_;
    ModelAtomic<std::int64_t> left_;  ///< a hexadecimal digit for each chunk: one that is taken twice leaves no zero
};

/// The owner shows `first` chunks at once, pops `pops` times, and shows `second` more.
struct Work {
    int first = 1;
    int pops = 0;
    int second = 0;
    int thieves = 1;
};

template <class Place>
Interleavings::Result try_thieves(const Work& work, Team team = Team::right) {
    return Interleavings::try_all([=] {
        auto state = std::make_shared<SleepingThieves<Place>>(work.first + work.second, team);
        SleepingThieves<Place>& c = *state;
        Interleavings::Program program;
        program.state = state;
        program.threads.push_back([&c, work] {
            c.show(0, work.first);
            for (int i = 0; i < work.pops; ++i) c.pop();
            if (work.second > 0) c.show(work.first, work.second);
        });
        for (int i = 0; i < work.thieves; ++i) program.threads.push_back([&c] { c.steal_all(); });
        program.verdict = [&c] { return c.verdict(); };
        return program;
    });
}

TEST(DequeAndParking, NoChunkIsLeftLyingBesideASleeperInAnyOrder) {
    for (const Work& work : {Work{1, 0, 0, 1}, {2, 0, 0, 1}, {1, 1, 1, 1}, {2, 1, 1, 1}, {3, 1, 0, 1}, {1, 0, 0, 2}}) {
        const auto result = try_thieves<ModelParking>(work);
        std::printf("%d chunks, %d pops, %d chunks, %d thieves: %lld orders, %lld states\n", work.first, work.pops,
                    work.second, work.thieves, static_cast<long long>(result.orders),
                    static_cast<long long>(result.states));
        EXPECT_EQ(result.failure, "") << work.first << "+" << work.second << " chunks, " << work.thieves << " thieves";
        EXPECT_GT(result.orders, 1);
    }
}

TEST(DequeAndParking, AThiefThatDoesNotLookAgainIsFound) {
    EXPECT_NE(try_thieves<ModelParking>({1, 0, 0, 1}, Team::sleeps_without_a_second_look).failure, "");
}

TEST(DequeAndParking, AnOwnerThatWakesBeforeItPublishesIsFound) {
    EXPECT_NE(try_thieves<ModelParking>({1, 0, 0, 1}, Team::wakes_before_it_publishes).failure, "");
}

/// What an announcement amounts to that is not ordered before the second look (a relaxed one): others see it behind that.
struct LateAnnouncer {
    ModelParking parking;
    struct Ticket {};
    Ticket announce() { return {}; }
    void sleep(Ticket, std::chrono::nanoseconds at_most) { parking.sleep(parking.announce(), at_most); }
    void leave() {}
    void wake_one() { parking.wake_one(); }
    void wake_all() { parking.wake_all(); }
};

TEST(DequeAndParking, AnAnnouncementBehindTheSecondLookIsFound) {
    EXPECT_NE(try_thieves<LateAnnouncer>({1, 0, 0, 1}).failure, "");
}

}  // namespace
}  // namespace maniple
