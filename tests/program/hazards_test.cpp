#include "program/hazards.hpp"

#include <gtest/gtest.h>

#include <random>

namespace maniple {
namespace {

struct Access {
    ShortVector<Use, 2> reads;
    ShortVector<Use, 1> writes;
};

bool conflict(const Access& a, const Access& b) {
    const auto meet = [](const auto& x, const auto& y) {
        for (const Use& first : x) {
            for (const Use& second : y) {
                if (first.buffer == second.buffer && overlap(first.box, second.box)) return true;
            }
        }
        return false;
    };
    return meet(a.writes, b.writes) || meet(a.writes, b.reads) || meet(a.reads, b.writes);
}

using Order = std::vector<std::vector<bool>>;  ///< by instruction: which earlier ones it waits for, also through others

void add_edge(Order& order, std::size_t later, std::size_t earlier) {
    order[later][earlier] = true;
    for (std::size_t i = 0; i < earlier; ++i) order[later][i] = order[later][i] || order[earlier][i];
}

Order asked_all(const std::vector<Access>& accesses) {
    Order order(accesses.size(), std::vector<bool>(accesses.size(), false));
    for (std::size_t later = 0; later < accesses.size(); ++later) {
        for (std::size_t earlier = 0; earlier < later; ++earlier) {
            if (conflict(accesses[later], accesses[earlier])) add_edge(order, later, earlier);
        }
    }
    return order;
}

Order found(const std::vector<Access>& accesses, std::size_t buffers, std::size_t& edges) {
    Hazards hazards{std::vector<bool>(buffers, false)};
    Order order(accesses.size(), std::vector<bool>(accesses.size(), false));
    for (std::size_t i = 0; i < accesses.size(); ++i) {
        Touched instruction{accesses[i].reads, accesses[i].writes, {}};
        hazards.order(instruction, InstructionId(i));
        for (const InstructionId earlier : instruction.after) add_edge(order, i, earlier.index());
        edges += instruction.after.size();
    }
    return order;
}

/// Boxes of rows, of columns, of tiles and of anything.
Box random_box(std::mt19937& random, int rank, std::int64_t extent) {
    const auto number = [&](std::int64_t below) {
        return std::uniform_int_distribution<std::int64_t>(0, below - 1)(random);
    };
    Box box{Extents(rank), Extents(rank)};
    const std::int64_t kind = number(4);
    for (int axis = 0; axis < rank; ++axis) {
        const bool whole = (kind == 0 && axis > 0) || (kind == 1 && axis + 1 < rank) || number(20) == 0;
        const std::int64_t length = whole ? extent : kind == 3 ? 1 + number(extent) : std::min<std::int64_t>(extent, 4);
        box.lo[axis] = whole ? 0 : number(extent - length + 1);
        box.hi[axis] = box.lo[axis] + length;
    }
    return box;
}

TEST(Hazards, OrderWhatAskingEveryPairOrders) {
    std::mt19937 random(7);
    const auto number = [&](int below) { return std::uniform_int_distribution<int>(0, below - 1)(random); };
    for (int round = 0; round < 60; ++round) {
        const int rank = round % 4;
        const std::int64_t extent = round % 3 == 0 ? 8 : 64;
        std::vector<Access> accesses(400);
        for (Access& access : accesses) {
            for (int i = number(3); i > 0; --i)
                access.reads.push_back({BufferId(std::int32_t{number(3)}), random_box(random, rank, extent)});
            for (int i = number(2); i > 0; --i)
                access.writes.push_back({BufferId(std::int32_t{number(3)}), random_box(random, rank, extent)});
        }
        std::size_t edges = 0;
        EXPECT_EQ(found(accesses, 3, edges), asked_all(accesses)) << "round " << round;
    }
}

/// A few stretches of instructions on a few buffers, again and again in any order, now and then instruction by instruction.
TEST(Hazards, AgainAsOneByOne) {
    constexpr std::size_t buffers = 3, length = 4;
    std::mt19937 random(11);
    for (int round = 0; round < 40; ++round) {
        std::vector<AccessPattern> patterns(4);
        for (AccessPattern& pattern : patterns) {
            const bool writes = random() % 3 != 0;
            for (std::uint32_t instruction = 0; instruction < length; ++instruction) {
                pattern.accesses.push_back({instruction, false, random_box(random, 2, 8)});
                if (writes && random() % 2 == 0)
                    pattern.accesses.push_back({instruction, true, random_box(random, 2, 8)});
            }
            pattern.writes = writes;
        }
        Hazards again{std::vector<bool>(buffers, false)}, by_one{std::vector<bool>(buffers, false)};
        for (std::size_t first = 0; first < 300 * length; first += length) {
            const BufferId buffer(random() % buffers);
            AccessPattern& pattern = patterns[random() % patterns.size()];
            const bool repeats = random() % 10 != 0;
            std::vector<Followed> after(length);
            if (repeats) again.order_again(buffer, pattern, {InstructionId(first), 1}, after);
            for (std::size_t i = 0; i < length; ++i) {
                Touched touched;
                for (const AccessPattern::Access& access : pattern.accesses) {
                    if (access.instruction != i) continue;
                    if (access.writes) {
                        touched.writes.push_back({buffer, access.box});
                    } else {
                        touched.reads.push_back({buffer, access.box});
                    }
                }
                Touched same = touched;
                by_one.order(touched, InstructionId(first + i));
                if (!repeats) again.order(same, InstructionId(first + i));
                Followed& found = repeats ? after[i] : same.after;
                std::sort(found.begin(), found.end());
                found.erase(std::unique(found.begin(), found.end()), found.end());
                ASSERT_EQ(found, touched.after) << "round " << round << ", instruction " << first + i;
            }
        }
    }
}

/// 200 steps of a stencil over 300 tiles: an instruction waits for its neighbours in the step before, not for all steps.
TEST(Hazards, EdgesOfAStencilDoNotGrowWithTheSteps) {
    constexpr std::int64_t tiles = 300, rows = 4, steps = 200;
    std::vector<Access> accesses;
    for (std::int64_t step = 0; step < steps; ++step) {
        const BufferId from(static_cast<std::int32_t>(step % 2)), to(static_cast<std::int32_t>((step + 1) % 2));
        for (std::int64_t tile = 0; tile < tiles; ++tile) {
            const Box made({tile * rows, 0}, {(tile + 1) * rows, 64});
            Box read = made;
            read.lo[0] -= 1;
            read.hi[0] += 1;
            accesses.push_back({{{from, read}}, {{to, made}}});
        }
    }
    Hazards hazards{std::vector<bool>(2, false)};
    std::size_t edges = 0;
    for (std::size_t i = 0; i < accesses.size(); ++i) {
        Touched instruction{accesses[i].reads, accesses[i].writes, {}};
        hazards.order(instruction, InstructionId(i));
        EXPECT_LE(instruction.after.size(), 6U);
        edges += instruction.after.size();
    }
    EXPECT_GT(edges, accesses.size());
}

}  // namespace
}  // namespace maniple
