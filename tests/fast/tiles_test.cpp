// How products are cut, and folds that one instruction computes from their inputs to their results.
#include <gtest/gtest.h>

#include <algorithm>

#include "job/job.hpp"
#include "lanes/cpu/fold_pieces.hpp"
#include "program/blocks.hpp"
#include "program/layout.hpp"
#include "program/product_tiles.hpp"

extern "C" const maniple_pack maniple_pack_fast;

namespace maniple {
namespace {

/// x [m, k] times w [k, n], both generated, on one rank.
struct Product {
    Product(std::int64_t m, std::int64_t n, std::int64_t k, int threads, LaneChoice lanes = {})
        : registry(maniple_pack_fast), job(parse_job(text(m, n, k), "t.yaml")), graph(build_graph(job, {}, registry)),
          plan(make_plan(graph, Machine::uniform(1, {}), {})) {
        lanes.threads = threads;
        layout = build_layout(graph, plan, Rank(0), lanes);
    }
    static std::string text(std::int64_t m, std::int64_t n, std::int64_t k) {
        const auto matrix = [](std::int64_t rows, std::int64_t columns) {
            return "{shape: [" + std::to_string(rows) + ", " + std::to_string(columns) + "], fill: 1, dtype: f32}";
        };
        return "maniple: 1\nname: t\ninputs: {x: " + matrix(m, k) + ", w: " + matrix(k, n) +
               "}\ngraph: {y: 'product(x, w)'}\noutputs: {y: 't.h5:/y'}\n";
    }
    const std::vector<Tile>& tiles() const { return layout.tiles[0]; }

    KernelRegistry registry;
    Job job;
    Graph graph;
    Plan plan;
    Layout layout;
};

/// Disjoint boxes whose points together are those of `whole`.
void expect_partition(std::vector<Box> boxes, const Box& whole) {
    std::int64_t points = 0;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
        EXPECT_FALSE(boxes[i].empty());
        EXPECT_EQ(intersect(boxes[i], whole), boxes[i]);
        points += boxes[i].volume();
        for (std::size_t k = 0; k < i; ++k) EXPECT_TRUE(intersect(boxes[i], boxes[k]).empty());
    }
    EXPECT_EQ(points, whole.volume());
}

std::vector<Box> boxes_of(const Product& product) {
    std::vector<Box> boxes;
    for (const Tile& tile : product.tiles()) boxes.push_back(tile.box);
    return boxes;
}

TEST(ProductTiles, CoverTheProductAndAreFew) {
    for (const auto& [m, n, k, threads] : std::vector<std::array<std::int64_t, 4>>{{2048, 2048, 2048, 2},
                                                                                   {2048, 2048, 2048, 64},
                                                                                   {1, 4096, 4096, 4},
                                                                                   {4096, 1, 4096, 4},
                                                                                   {256, 128, 784, 8},
                                                                                   {37, 5, 100'000, 3},
                                                                                   {5000, 3, 7, 2},
                                                                                   {100'000, 64, 64, 5}}) {
        const Product product(m, n, k, static_cast<int>(threads));
        expect_partition(boxes_of(product), product.graph.operations[0].bound->index_space());
        EXPECT_LE(static_cast<std::int64_t>(product.tiles().size()), 8 * threads);
        for (const Tile& tile : product.tiles()) EXPECT_EQ(tile.contracted_part, 0);
    }
}

TEST(ProductTiles, AreWorthACallEach) {
    EXPECT_EQ(Product(64, 64, 64, 16).tiles().size(), 1u);
    EXPECT_EQ(Product(2048, 2048, 2048, 2).tiles().size(), 8u);
    const Product wide(2048, 2048, 2048, 64);
    for (const Tile& tile : wide.tiles()) EXPECT_GE(tile.box.volume(), 1 << 23);
    // A matrix and a vector: memory is what takes the time.
    EXPECT_GE(Product(1, 4096, 4096, 4).tiles().size(), 4u);
    EXPECT_GE(Product(4096, 1, 4096, 4).tiles().size(), 4u);
}

TEST(ProductTiles, KeepAllThreadsBusy) {
    for (const int threads : {2, 3, 4, 7, 16}) {
        EXPECT_GE(Product(1024, 1024, 1024, threads).tiles().size(), static_cast<std::size_t>(threads));
        EXPECT_GE(Product(1000, 30, 2000, threads).tiles().size(), static_cast<std::size_t>(std::min(threads, 7)));
    }
}

TEST(WholeFolds, HaveNoStatesOutsideOfTheirTiles) {
    const Product product(512, 512, 512, 2);
    EXPECT_TRUE(product.layout.folds[0].by_tile);
    EXPECT_EQ(product.layout.buffers.size(), 3u);
    const BlockShape shape = block_at(product.graph, product.layout.versions, 0).shape;
    const Program program = build_program(product.graph, product.plan, product.layout, shape);
    std::size_t computed = 0;
    for (const Instruction& instruction : program.instructions) {
        EXPECT_NE(instruction.kind, InstructionKind::accumulate);
        EXPECT_NE(instruction.kind, InstructionKind::finish);
        computed += instruction.kind == InstructionKind::compute ? 1 : 0;
    }
    EXPECT_EQ(computed, product.tiles().size());
}

TEST(WholeFolds, AreThoseOfTheCpuAlone) {
    LaneChoice lanes;
    lanes.gpus = {GpuFacts{}};
    lanes.lanes = {{0}};
    EXPECT_FALSE(Product(512, 512, 512, 2, lanes).layout.folds[0].by_tile);
    lanes.lanes = {{LaneChoice::cpu_lane, 0}};
    EXPECT_FALSE(Product(512, 512, 512, 2, lanes).layout.folds[0].by_tile);
}

TEST(WholeFolds, AreComputedInPiecesOfFewStates) {
    const Product product(300, 200, 10, 1);
    const Operation& operation = product.graph.operations[0];
    const Box points = operation.bound->index_space();
    for (const std::int64_t most : {1, 7, 199, 200, 1000, 59'999, 60'000}) {
        std::vector<Box> boxes;
        for (const FoldPiece& piece : fold_pieces(operation, points, most)) {
            EXPECT_LE(piece.states.volume(), most);
            EXPECT_EQ(piece.states.volume() * points.extent(2), piece.points.volume());
            boxes.push_back(piece.points);
        }
        if (most > 100) expect_partition(boxes, points);
        std::int64_t covered = 0;
        for (const Box& box : boxes) covered += box.volume();
        EXPECT_EQ(covered, points.volume());
    }
}

}  // namespace
}  // namespace maniple
