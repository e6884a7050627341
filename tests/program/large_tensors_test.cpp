// Tensors larger than any memory: what they need is said, in programs of bounded size and numbers that do not overflow.
#include <gtest/gtest.h>

#include <limits>

#include "example.hpp"
#include "program/proof.hpp"
#include "program/tiles.hpp"

namespace maniple {
namespace {

std::string chain_of_two(const std::string& shape) {
    return "maniple: 1\nname: large\ninputs: {u: {shape: [" + shape +
           "], fill: 1}}\ngraph: {v0: u + 1, v1: v0 + 1}\noutputs: {v0: o.h5:/v0, v1: o.h5:/v1}\n";
}

TEST(LargeTensors, PiecesAreBounded) {
    for (const Shape& shape : {Shape{std::int64_t{1} << 30, std::int64_t{1} << 20}, Shape{std::int64_t{1} << 60}}) {
        const std::vector<Box> pieces = pieces_of(Box::whole(shape), 4);
        ASSERT_EQ(pieces.size(), 16384U);
        std::int64_t end = 0;
        for (const Box& piece : pieces) {
            EXPECT_EQ(piece.lo[0], end);
            end = piece.hi[0];
        }
        EXPECT_EQ(end, shape[0]);
    }
    EXPECT_EQ(pieces_of(Box::whole({1 << 22}), 4).size(), 4U);
}

TEST(LargeTensors, BytesStayAtTheMost) {
    const Example example(chain_of_two("1099511627776, 1048576"), {}, 1);
    const Layout& layout = example.layouts[0];
    EXPECT_EQ(layout.host_bytes(), std::numeric_limits<std::int64_t>::max());
    const MemoryLimit limit{std::int64_t{1} << 40, "this machine's memory"};
    EXPECT_THROW(require_memory(layout, limit), UnavailableError);
}

TEST(LargeTensors, ProgramsAreBounded) {
    const Example line(chain_of_two("1152921504606846976"), {}, 1);
    for (const Tile& tile : line.layouts[0].tiles[0]) {
        EXPECT_GE(tile.box.lo[0], 0);
        EXPECT_GT(tile.box.hi[0], tile.box.lo[0]);
    }
    EXPECT_LT(line.program(0, line.first_block()).instructions.size(), 60'000U);
    const Example rows(chain_of_two("1073741824, 1048576"), {}, 1);
    EXPECT_LT(rows.program(0, rows.first_block()).instructions.size(), 60'000U);
}

/// Of buffers that are there at the same time one begins beyond what a number holds: it begins at the most.
TEST(LargeTensors, APoolStaysAtTheMost) {
    Example example(chain_of_two("1099511627776, 1048576"), {}, 1);
    example.plan.tight = true;
    const Layout tight = build_layout(example.graph, example.plan, Rank(0));
    EXPECT_GE(tight.host_bytes(), std::int64_t{1} << 62);
    for (const BufferSpec& buffer : tight.buffers) EXPECT_GE(buffer.bytes(), 0) << buffer.name;
}

}  // namespace
}  // namespace maniple
