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
