#include "program/row_alignment.hpp"

#include <gtest/gtest.h>

#include "example.hpp"

namespace maniple {
namespace {

Box box(Extents lo, Extents hi) { return Box(std::move(lo), std::move(hi)); }

TEST(RowAlignment, RowsOfWhatIsOwnedBeginOnCacheLines) {
    for (const std::int64_t element_bytes : {1, 2, 4, 8}) {
        for (const std::int64_t halo : {1, 3, 17}) {
            const Box owned = box({10, 4096}, {20, 8200});
            const Box need = box({9, 4096 - halo}, {21, 8200 + halo});
            const Box wide = with_aligned_rows(need, owned, element_bytes);
            EXPECT_TRUE(wide.contains(need));
            EXPECT_EQ(wide.lo[0], need.lo[0]);
            EXPECT_EQ(wide.hi[0], need.hi[0]);
            EXPECT_EQ(wide.extent(1) * element_bytes % 64, 0) << to_string(wide);
            EXPECT_EQ((owned.lo[1] - wide.lo[1]) * element_bytes % 64, 0) << to_string(wide);
            EXPECT_LT((wide.extent(1) - need.extent(1)) * element_bytes, 128) << "no more than is necessary";
        }
    }
}

TEST(RowAlignment, WhatItDoesNotFitStaysAsItIs) {
    const Box owned = box({0, 0}, {8, 4096});
    EXPECT_EQ(with_aligned_rows(owned, owned, 4), owned) << "no halo: rows stand without gaps";
    const Box rows = box({-1, 0}, {9, 4096});
    EXPECT_EQ(with_aligned_rows(rows, owned, 4), rows) << "no halo along the last axis";
    const Box one_axis = box({-1}, {4097});
    EXPECT_EQ(with_aligned_rows(one_axis, box({0}, {4096}), 4), one_axis);
    const Box short_rows = box({-1, -1}, {9, 201});
    EXPECT_EQ(with_aligned_rows(short_rows, box({0, 0}, {8, 200}), 4), short_rows) << "too much memory";
    const Box need = box({-1, -1}, {9, 4097});
    EXPECT_EQ(with_aligned_rows(need, owned, 24), need) << "no whole number of elements in a line";
    EXPECT_EQ(with_aligned_rows(need, Box::nothing(2), 4), need);
}

/// Of each rank's part, also where ranks have columns of their own; not where memory is scarce.
TEST(RowAlignment, BuffersOfALoopHaveAlignedRows) {
    for (const int ranks : {1, 2, 4}) {
        Example example(terrain, {4096, 4000}, ranks);
        for (const bool tight : {false, true}) {
            example.plan.tight = tight;
            for (int rank = 0; rank < ranks; ++rank) {
                const Layout layout = build_layout(example.graph, example.plan, Rank(rank));
                const TensorId u(std::size_t{0});
                const Box owned = owned_box(example.graph, example.plan, u, Rank(rank));
                const Box& stored = layout[layout.instances_of(u)[0].first].box;
                EXPECT_GT(stored.extent(1), owned.extent(1));
                EXPECT_EQ(stored.extent(1) % 16 == 0 && (owned.lo[1] - stored.lo[1]) % 16 == 0, !tight)
                    << to_string(stored);
            }
        }
    }
}

}  // namespace
}  // namespace maniple
