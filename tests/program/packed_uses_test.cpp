#include "program/packed_uses.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "program/program.hpp"

namespace maniple {
namespace {

Box drawn_box(std::mt19937& random) {
    const int rank = std::uniform_int_distribution<int>(0, max_rank)(random);
    const std::int64_t most = random() % 4 == 0 ? std::int64_t{1} << 50 : 1000;
    std::uniform_int_distribution<std::int64_t> coordinate(-most, most);
    Box box{Extents(rank), Extents(rank)};
    for (int axis = 0; axis < rank; ++axis) {
        box.lo[axis] = coordinate(random);
        box.hi[axis] = box.lo[axis] + coordinate(random);
    }
    box.absent = random() % 8 == 0;
    return box;
}

void expect_equal(const Use& found, const Use& wanted) {
    EXPECT_EQ(found.buffer, wanted.buffer);
    EXPECT_EQ(found.box, wanted.box) << to_string(found.box) << " instead of " << to_string(wanted.box);
}

TEST(PackedBox, IsTheBoxAgain) {
    std::mt19937 random(3);
    PackedBox again;
    EXPECT_EQ(again.get(), Box());
    for (int round = 0; round < 500; ++round) {
        const Box box = drawn_box(random);
        const PackedBox packed = box;
        EXPECT_EQ(packed.get(), box);
        EXPECT_EQ(packed.rank(), box.rank());
        EXPECT_EQ(packed.empty(), box.empty());
        if (box.rank() == 1) { EXPECT_EQ(packed.volume(), box.volume()); }
        again = box;
        EXPECT_EQ(again, packed);
    }
}

TEST(PackedBox, HoldsTheLargestAndTheSmallestOfAWord) {
    for (const std::int64_t edge : {std::int64_t{1} << 31, -(std::int64_t{1} << 31), std::int64_t{-1} << 62}) {
        for (std::int64_t near = edge - 1; near <= edge + 1; ++near) {
            const Box box(Extents{near}, Extents{near + 1});
            EXPECT_EQ(PackedBox(box).get(), box);
        }
    }
}

TEST(PackedUses, AreWhatWasPutIn) {
    std::mt19937 random(4);
    for (int round = 0; round < 100; ++round) {
        std::vector<Use> wanted;
        PackedUses<12> uses;
        for (std::size_t i = random() % 6; i-- > 0;) {
            wanted.push_back({BufferId(static_cast<std::int32_t>(random() % 1000)), drawn_box(random)});
            uses.push_back(wanted.back());
        }
        ASSERT_EQ(uses.size(), wanted.size());
        EXPECT_EQ(uses.empty(), wanted.empty());
        std::size_t at = 0;
        for (const Use& use : uses) expect_equal(use, wanted[at++]);
        EXPECT_EQ(at, wanted.size());
        for (std::size_t i = 0; i < wanted.size(); ++i) expect_equal(uses[i], wanted[i]);
        const PackedUses<12> copy = uses;
        if (wanted.empty()) continue;
        wanted.back() = {BufferId(std::int32_t{5}), drawn_box(random)};
        uses.set(wanted.size() - 1, wanted.back());
        uses.change([](Use& use) { ++use.buffer.value; });
        for (Use& use : wanted) ++use.buffer.value;
        for (std::size_t i = 0; i < wanted.size(); ++i) expect_equal(uses[i], wanted[i]);
        expect_equal(copy.front(),
                     wanted.size() > 1 ? Use{BufferId(wanted[0].buffer.value - 1), wanted[0].box} : copy[0]);
    }
}

/// Programs have tens of thousands: what an instruction takes is what building one takes for the most part.
TEST(PackedUses, KeepInstructionsSmall) { EXPECT_LE(sizeof(Instruction), 384U); }

}  // namespace
}  // namespace maniple
