#include "plan/grid_shapes.hpp"

#include <gtest/gtest.h>

#include <set>

#include "plan/block_grid.hpp"

namespace maniple {
namespace {

using Shapes = std::vector<std::vector<int>>;

TEST(GridShapes, EveryFactorisationOnceAndThePreferredFirst) {
    EXPECT_EQ(grid_shapes({100, 100}, 4), (Shapes{{4, 1}, {1, 4}, {2, 2}}));
    const Shapes eight = grid_shapes({100, 100, 100}, 8);
    EXPECT_EQ(eight.front(), (std::vector<int>{8, 1, 1}));
    EXPECT_EQ(std::set(eight.begin(), eight.end()).size(), 10u);
    EXPECT_EQ(eight.size(), 10u);
}

TEST(GridShapes, NoAxisIsCutFinerThanItIsLong) {
    EXPECT_EQ(grid_shapes({2, 100}, 4), (Shapes{{1, 4}, {2, 2}}));
    EXPECT_EQ(grid_shapes({1, 100, 1}, 4), (Shapes{{1, 4, 1}}));
}

TEST(GridShapes, WhereNoFactorisationFitsMostRanksAreUsed) {
    EXPECT_EQ(grid_shapes({3, 4}, 7), (Shapes{{3, 2}, {2, 3}}));
    EXPECT_EQ(grid_shapes({3}, 8), (Shapes{{3}}));
    EXPECT_EQ(grid_shapes({1, 1}, 8), (Shapes{{1, 1}}));
    EXPECT_EQ(grid_shapes({}, 8), (Shapes{{}}));
}

TEST(GridShapes, APrimeNumberOfRanksMayLeaveSomeIdle) {
    const Shapes shapes = grid_shapes({1000, 1000}, 61);
    EXPECT_NE(std::find(shapes.begin(), shapes.end(), std::vector<int>{6, 10}), shapes.end());
    EXPECT_EQ(shapes.front(), (std::vector<int>{61, 1}));
}

TEST(GridShapes, AtMostThreeAxesAreCut) {
    for (const std::vector<int>& shape : grid_shapes(Extents(8, 50), 64)) {
        EXPECT_LE(std::count_if(shape.begin(), shape.end(), [](int parts) { return parts > 1; }), most_cuts);
        int blocks = 1;
        for (const int parts : shape) blocks *= parts;
        EXPECT_LE(blocks, 64);
        EXPECT_GE(blocks, 60);
    }
}

TEST(BlockGrid, BlocksAreNumberedWithTheLastCutFastest) {
    const BlockGrid grid{{{1, 2}, {0, 3}}};
    const Box space = Box::whole({7, 5});
    EXPECT_EQ(grid.block(space, Rank(0)), Box({0, 0}, {3, 3}));
    EXPECT_EQ(grid.block(space, Rank(1)), Box({3, 0}, {5, 3}));
    EXPECT_EQ(grid.block(space, Rank(3)), Box({0, 3}, {3, 5}));
    EXPECT_TRUE(grid.block(space, Rank(6)).empty());
    EXPECT_EQ(grid.ranks_at({{0, 1}, {2}}), (std::vector<Rank>{Rank(2), Rank(5)}));
}

TEST(Cut, FindsThePartsThatMeetAStretch) {
    for (int extent = 1; extent < 20; ++extent) {
        const Box space({3}, {3 + extent});
        for (int parts = 1; parts <= extent; ++parts) {
            const Cut cut{0, parts};
            for (std::int64_t lo = 0; lo < 25; ++lo) {
                for (std::int64_t hi = lo; hi < 25; ++hi) {
                    std::vector<int> expected;
                    for (int part = 0; part < parts; ++part) {
                        if (overlap(cut.part(space, part), Box({lo}, {hi}))) expected.push_back(part);
                    }
                    ASSERT_EQ(cut.meeting(space, lo, hi), expected);
                }
            }
        }
    }
}

}  // namespace
}  // namespace maniple
