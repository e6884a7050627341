// Boxes as runs of bytes, held against copies by coordinates.
#include "lanes/net/box_runs.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace maniple {
namespace {

/// A box in a block of up to four axes, of elements of `element_bytes`.
struct Case {
    explicit Case(std::uint32_t seed) : random(seed) {
        static constexpr std::size_t sizes[] = {1, 2, 4, 8, 16};
        element_bytes = sizes[random() % std::size(sizes)];
        const int rank = static_cast<int>(random() % 5);
        for (int axis = 0; axis < rank; ++axis) {
            const auto lowest = static_cast<std::int64_t>(random() % 5) - 2;
            const auto extent = static_cast<std::int64_t>(1 + random() % 6);
            const auto from = static_cast<std::int64_t>(random() % static_cast<unsigned>(extent));
            const auto to = from + 1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(extent - from));
            const bool whole = random() % 3 == 0;
            all.lo.push_back(lowest);
            all.hi.push_back(lowest + extent);
            part.lo.push_back(whole ? lowest : lowest + from);
            part.hi.push_back(whole ? lowest + extent : lowest + to);
        }
        bytes = some_bytes(static_cast<std::size_t>(all.volume()) * element_bytes);
    }

    std::vector<std::byte> some_bytes(std::size_t count) {
        std::vector<std::byte> result(count);
        for (std::byte& one : result) one = static_cast<std::byte>(random());
        return result;
    }
    Block block() { return {bytes.data(), element_bytes, all}; }
    std::size_t part_bytes() const { return static_cast<std::size_t>(part.volume()) * element_bytes; }

    std::mt19937 random;
    std::size_t element_bytes;
    Box all, part;
    std::vector<std::byte> bytes;
};

TEST(BoxRuns, GathersTheBytesOfTheBox) {
    for (std::uint32_t seed = 0; seed < 2000; ++seed) {
        Case one(seed);
        const BoxRuns runs(one.block(), one.part);
        ASSERT_EQ(runs.bytes(), one.part_bytes()) << seed;
        std::vector<std::byte> want(one.part_bytes()), got(one.part_bytes());
        copy_box(read_only(one.block()), one.part, {want.data(), one.element_bytes, one.part}, one.part);
        runs.gather_to(got.data());
        ASSERT_EQ(got, want) << seed << ": " << to_string(one.part) << " of " << to_string(one.all);
    }
}

TEST(BoxRuns, ScattersIntoTheBoxAlone) {
    for (std::uint32_t seed = 0; seed < 2000; ++seed) {
        Case one(seed);
        std::vector<std::byte> from = one.some_bytes(one.part_bytes());
        std::vector<std::byte> want = one.bytes;
        copy_box({from.data(), one.element_bytes, one.part}, one.part, {want.data(), one.element_bytes, one.all},
                 one.part);
        BoxRuns(one.block(), one.part).scatter_from(from.data());
        ASSERT_EQ(one.bytes, want) << seed << ": " << to_string(one.part) << " of " << to_string(one.all);
    }
}

TEST(BoxRuns, WholeRowsAreOneRun) {
    std::vector<std::byte> bytes(5 * 7 * 4);
    const Block block{bytes.data(), 4, Box::whole({5, 7})};
    EXPECT_TRUE(BoxRuns(block, Box(Extents{1, 0}, Extents{4, 7})).axes().empty());
    EXPECT_EQ(BoxRuns(block, Box(Extents{1, 0}, Extents{4, 7})).run_bytes(), 3 * 7 * 4);
    EXPECT_TRUE(BoxRuns(block, Box(Extents{2, 3}, Extents{3, 6})).axes().empty());
    EXPECT_EQ(BoxRuns(block, Box(Extents{1, 2}, Extents{4, 3})).axes().size(), 1u);
}

}  // namespace
}  // namespace maniple
