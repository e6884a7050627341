// Boxes as runs of bytes.
#include "lanes/net/box_runs.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace maniple {
namespace {

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
