#include "program/live_accesses.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <random>

namespace maniple {
namespace {

using Boxes = std::vector<Box>;

/// Tiles of equal extents, the last axis fastest.
Boxes row_wise(const Extents& counts) {
    constexpr std::int64_t length = 4;
    Boxes tiles{Box{Extents(counts.rank()), Extents(counts.rank(), length)}};
    for (int axis = counts.rank() - 1; axis >= 0; --axis) {
        const Boxes row = tiles;
        for (std::int64_t i = 1; i < counts[axis]; ++i) {
            for (Box tile : row) {
                tile.lo[axis] += i * length;
                tile.hi[axis] += i * length;
                tiles.push_back(tile);
            }
        }
    }
    return tiles;
}

Boxes descending(Boxes tiles) {
    std::reverse(tiles.begin(), tiles.end());
    return tiles;
}

Boxes shuffled(Boxes tiles) {
    std::shuffle(tiles.begin(), tiles.end(), std::mt19937(5));
    return tiles;
}

/// Half of the tiles in a thousandth of the extent.
Boxes uneven() {
    Boxes tiles;
    for (std::int64_t i = 0; i < 4096; ++i) tiles.emplace_back(Extents{i}, Extents{i + 1});
    for (std::int64_t i = 1; i < 4096; ++i) tiles.emplace_back(Extents{i * 4096}, Extents{(i + 1) * 4096});
    return tiles;
}

std::vector<std::pair<std::string, Boxes>> orders() {
    const Boxes line = row_wise({16384}), plane = row_wise({128, 128}), space = row_wise({24, 26, 28});
    return {{"ascending", line},
            {"descending", descending(line)},
            {"random", shuffled(line)},
            {"rows", plane},
            {"rows, descending", descending(plane)},
            {"rows, random", shuffled(plane)},
            {"rows of a space", space},
            {"rows of a space, random", shuffled(space)},
            {"long rows", row_wise({4, 4096})},
            {"many short rows", row_wise({4096, 4})},
            {"uneven", uneven()},
            {"uneven, random", shuffled(uneven())}};
}

/// So many looks for each of `count` are as few as a tree's height times as few as there are trees.
std::size_t few_looks(std::size_t count) {
    const auto height = static_cast<std::size_t>(std::bit_width(count));
    return 32 + 4 * height * height;
}

/// What a program does with tiles: each is looked for, written and taken again.
TEST(LiveAccesses, LookAtFewHoweverManyThereAre) {
    for (const auto& [name, tiles] : orders()) {
        LiveAccesses accesses;
        std::size_t most = 0;
        for (int round = 0; round < 3; ++round) {
            for (std::size_t i = 0; i < tiles.size(); ++i) {
                const std::size_t before = accesses.visited();
                Followed by;
                accesses.take(tiles[i], by);
                accesses.add(tiles[i], InstructionId(i));
                ASSERT_EQ(by.size(), round == 0 ? 0U : 1U) << name;
                if (round > 0) { ASSERT_EQ(by[0], InstructionId(i)) << name; }
                most = std::max(most, accesses.visited() - before);
            }
        }
        EXPECT_LE(accesses.visited(), 3 * tiles.size() * few_looks(tiles.size()) / 4) << name;
        EXPECT_LE(most, 4 * few_looks(tiles.size())) << name;
        Box around = tiles[0];
        for (const Box& tile : tiles) around = bounding(around, tile);
        EXPECT_EQ(accesses.volume_in(around), around.volume()) << name;
    }
}

/// One place written again and again among many: those that are gone are not looked at each time.
TEST(LiveAccesses, ForgetWhatIsGone) {
    const Boxes tiles = row_wise({4096});
    LiveAccesses accesses;
    for (std::size_t i = 0; i < tiles.size(); ++i) {
        Followed none;
        accesses.take(tiles[i], none);
        accesses.add(tiles[i], InstructionId(i));
    }
    constexpr std::size_t times = 10'000;
    const std::size_t before = accesses.visited();
    for (std::size_t i = 0; i < times; ++i) {
        Followed by;
        accesses.take(tiles[1000], by);
        accesses.add(tiles[1000], InstructionId(i));
        ASSERT_EQ(by.size(), 1U);
    }
    EXPECT_LE(accesses.visited() - before, times * few_looks(tiles.size()));
    EXPECT_LE(accesses.size(), 3 * tiles.size());
}

/// What overlaps is taken away first: no element is there twice.
TEST(LiveAccesses, HaveEachElementOnce) {
    std::mt19937 random(9);
    constexpr std::int64_t extent = 4096;
    LiveAccesses accesses;
    std::vector<bool> accessed(extent, false);
    for (int i = 0; i < 3000; ++i) {
        const auto lo = static_cast<std::int64_t>(random() % extent);
        const std::int64_t hi = std::min(extent, lo + 1 + static_cast<std::int64_t>(random() % 6));
        accesses.cut(Box({lo}, {hi}));
        if (random() % 3 == 0) {
            std::fill(accessed.begin() + lo, accessed.begin() + hi, false);
        } else {
            accesses.add(Box({lo}, {hi}), InstructionId(std::int32_t{i}));
            std::fill(accessed.begin() + lo, accessed.begin() + hi, true);
        }
        if (i % 7 == 0) {
            ASSERT_EQ(accesses.volume_in(Box({0}, {extent})), std::count(accessed.begin(), accessed.end(), true))
                << "after " << i;
        }
    }
}

/// Against a list of pieces that is searched one by one: overlapping boxes of any rank, cut in any way.
TEST(LiveAccesses, FindWhatSearchingAllFinds) {
    std::mt19937 random(3);
    const auto number = [&](std::int64_t below) { return static_cast<std::int64_t>(random()) % below; };
    for (int round = 0; round < 40; ++round) {
        const int rank = round % 4;
        LiveAccesses accesses;
        // By coordinate: who has accessed it.
        const std::int64_t extent = rank < 2 ? 4096 : rank == 2 ? 64 : 16;
        std::vector<std::vector<InstructionId>> by_place(
            static_cast<std::size_t>(element_count(Extents(rank, extent))));
        const auto for_each_place = [&](const Box& box, const std::function<void(std::vector<InstructionId>&)>& visit) {
            Extents at = box.lo;
            for (std::int64_t i = 0; i < box.volume(); ++i) {
                std::int64_t place = 0;
                for (int axis = 0; axis < rank; ++axis) place = place * extent + at[axis];
                visit(by_place[static_cast<std::size_t>(place)]);
                for (int axis = rank - 1; axis >= 0 && ++at[axis] == box.hi[axis]; --axis) at[axis] = box.lo[axis];
            }
        };
        for (int i = 0; i < 600; ++i) {
            Box box{Extents(rank), Extents(rank)};
            for (int axis = 0; axis < rank; ++axis) {
                box.lo[axis] = number(extent);
                box.hi[axis] = std::min(extent, box.lo[axis] + 1 + number(number(10) == 0 ? extent : 6));
            }
            std::vector<InstructionId> expected;
            for_each_place(box, [&](const auto& by) { expected.insert(expected.end(), by.begin(), by.end()); });
            std::sort(expected.begin(), expected.end());
            expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
            Followed found;
            const bool takes = number(3) == 0;
            takes ? accesses.take(box, found) : accesses.find(box, found);
            std::sort(found.begin(), found.end());
            found.erase(std::unique(found.begin(), found.end()), found.end());
            ASSERT_EQ(std::vector<InstructionId>(found.begin(), found.end()), expected) << "round " << round;
            if (takes) for_each_place(box, [](auto& by) { by.clear(); });
            accesses.add(box, InstructionId(std::int32_t{i}));
            for_each_place(box, [&](auto& by) { by.push_back(InstructionId(std::int32_t{i})); });
        }
    }
}

}  // namespace
}  // namespace maniple
