// Elementwise operations behind products: on their tiles, in their chunks.
#include <gtest/gtest.h>

#include <set>

#include "example.hpp"

namespace maniple {
namespace {

std::string layer(const std::string& entries) {
    return "maniple: 1\nname: t\ninputs:\n  x: {shape: [600, 400], fill: 1}\n  w: {shape: [400, 500], fill: 1}\n"
           "  b: {shape: [500], fill: 1}\n  i: {shape: [16, 8, 96, 96], fill: 1}\n  f: {shape: [16, 8, 3, 3], fill: 1}\n"
           "  g: {shape: [16], fill: 1}\ngraph:\n" +
           entries + "outputs: {y: out.h5:/y}\n";
}

/// The chunks that hold a part of each of `operations`.
std::size_t chunks_with_all(const Program& program, const std::vector<OperationId>& operations) {
    std::size_t count = 0;
    for (const Chunk& chunk : program.chunks) {
        std::set<OperationId> held;
        for (const InstructionId id : chunk.instructions) held.insert(program.instructions[id.index()].operation);
        const bool all =
            std::all_of(operations.begin(), operations.end(), [&](OperationId id) { return held.contains(id); });
        count += all ? 1 : 0;
    }
    return count;
}

void expect_fused(const std::string& entries, std::size_t least) {
    const Example example(layer(entries), {}, 1);
    const Layout layout = build_layout(example.graph, example.plan, Rank(0));
    std::size_t product = 0;
    while (!example.graph.operations[product].kernel->is_fold()) ++product;
    const std::vector<Tile>& tiles = layout.tiles[product];
    EXPECT_GE(tiles.size(), least);
    std::vector<OperationId> fused = {OperationId(product)};
    for (std::size_t i = product + 1; i < example.graph.operations.size(); ++i) {
        if (!layout.tails[i]) continue;
        fused.push_back(OperationId(i));
        EXPECT_EQ(layout.tiles[i].size(), tiles.size()) << example.graph.operations[i].kernel->name;
    }
    EXPECT_EQ(fused.size(), 3u);
    EXPECT_EQ(example.graph[fused.back()].kernel->name, "relu");
    const Program program =
        build_program(example.graph, example.plan, layout, block_at(example.graph, layout.versions, 0).shape);
    EXPECT_EQ(chunks_with_all(program, fused), tiles.size());
}

TEST(Tails, OfDenseRunInTheChunksOfItsProduct) { expect_fused("  y: relu(dense(x, w, b))\n", 2); }
TEST(Tails, OfConvolutionsRunInTheChunksOfTheirProduct) { expect_fused("  y: relu(conv2d(i, f, g))\n", 1); }

TEST(Tails, StandWhereTheTensorIsReadTwiceOnTilesOfTheirOwn) {
    const Example example(layer("  p: matmul(x, w)\n  y: relu(p) + p\n"), {}, 1);
    const Layout layout = build_layout(example.graph, example.plan, Rank(0));
    for (const bool tail : layout.tails) EXPECT_FALSE(tail);
}

}  // namespace
}  // namespace maniple
