#include "program/blocks.hpp"

#include <gtest/gtest.h>

#include "example.hpp"

namespace maniple {
namespace {

std::vector<StepBlock> blocks_of(const std::string& loop, const std::string& outputs) {
    const Example example(
        "maniple: 1\nname: t\ninputs: {a: i.h5:/a}\ngraph: {v: a + a}\n" + loop + "outputs: {" + outputs + "}\n", {4},
        1);
    std::vector<StepBlock> blocks;
    for (std::int64_t first = 0; first < example.graph.steps; first = blocks.back().end()) {
        blocks.push_back(block_at(example.graph, example.layouts[0].versions, first));
    }
    return blocks;
}

TEST(BlockAt, AJobWithoutALoopIsOneBlock) {
    const auto blocks = blocks_of("", "v: o.h5:/v");
    ASSERT_EQ(blocks.size(), 1u);
    EXPECT_TRUE(blocks[0].shape.loads);
    EXPECT_EQ(blocks[0].shape.observed, std::vector<std::size_t>{0});
}

TEST(BlockAt, EndsWhereASeriesIsWritten) {
    const auto blocks = blocks_of("loop: {steps: 11, carry: {a: v}}\n", "v: {to: 'o.h5:/v', every: 4}, a: o.h5:/a");
    ASSERT_EQ(blocks.size(), 3u);
    EXPECT_EQ(blocks[0].end(), 4);
    EXPECT_EQ(blocks[1].end(), 8);
    EXPECT_EQ(blocks[2].end(), 11);
    EXPECT_EQ(blocks[1].shape.observed, std::vector<std::size_t>{0});
    EXPECT_EQ(blocks[2].shape.observed, std::vector<std::size_t>{1});
    EXPECT_TRUE(blocks[0].shape.loads);
    EXPECT_FALSE(blocks[1].shape.loads);
}

TEST(BlockAt, LongStretchesRepeatOneShape) {
    const auto blocks = blocks_of("loop: {steps: 160, carry: {a: v}}\n", "v: o.h5:/v");
    for (std::size_t i = 2; i + 1 < blocks.size(); ++i) EXPECT_EQ(blocks[i].shape, blocks[1].shape);
}

}  // namespace
}  // namespace maniple
