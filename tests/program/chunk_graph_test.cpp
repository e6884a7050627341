// Who goes first: the longest way by what points cost, then what frees most.
#include "program/chunk_graph.hpp"

#include <gtest/gtest.h>

#include "example.hpp"

namespace maniple {
namespace {

const char* const branches = R"yaml(maniple: 1
name: t
inputs: {u: in.h5:/u}
graph:
  start: heat_step(u, alpha=0.1)
  a: gradient_magnitude(start)
  b: blur(start, radius=1)
outputs: {a: out.h5:/a, b: out.h5:/b}
)yaml";

OperationId operation(const Graph& graph, const std::string& name) {
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        if (graph.operations[i].name == name) return OperationId(i);
    }
    throw std::out_of_range(name);
}

/// The chunk that computes the operation of that name; there is one.
ChunkId chunk_of(const Example& example, const Program& program, const std::string& name) {
    const OperationId id = operation(example.graph, name);
    for (std::size_t i = 0; i < program.chunks.size(); ++i) {
        for (const InstructionId instruction : program.chunks[i].instructions) {
            if (program.instructions[instruction.index()].kind == InstructionKind::compute &&
                program.instructions[instruction.index()].operation == id)
                return ChunkId(i);
        }
    }
    throw std::out_of_range(name);
}

/// What waits for a device's chunk there may wait for a part of it alone: that it has ended does not say that the chunk has.
TEST(ChunkGraph, EachChunkOfADeviceIsAnEnd) {
    const std::vector<ChunkId> second = {ChunkId(std::size_t{1})}, third = {ChunkId(std::size_t{2})};
    std::vector<ChunkNode> nodes(3);
    nodes[0].dependents = second;
    nodes[1].dependents = third;
    EXPECT_EQ(ChunkGraph(nodes).ends(), 1);
    nodes[0].lane = nodes[1].lane = LaneKind::gpu;
    nodes[0].gpu = nodes[1].gpu = 0;
    EXPECT_EQ(ChunkGraph(nodes).ends(), 3);
}

TEST(ChunkGraph, WaysAreAsLongAsPointsCost) {
    Example example(branches, {60, 60}, 1);
    for (const std::string dear : {"a", "b"}) {
        Layout layout = example.layouts[0];
        layout.lanes.point_ns.assign(example.graph.operations.size(), 1.0);
        layout.lanes.point_ns[operation(example.graph, dear).index()] = 1000;
        const Program program = build_program(example.graph, example.plan, layout, example.first_block());
        const ChunkGraph graph = chunk_graph_of(program, layout);
        EXPECT_GE(graph.cost_ns(chunk_of(example, program, dear)), 1000 * 60 * 60);
        const auto dependents = graph.dependents(chunk_of(example, program, "start"));
        ASSERT_FALSE(dependents.empty());
        const ChunkId first = dependents.back();  // the one that is gone on with
        EXPECT_EQ(graph.urgency_ns(first), graph.urgency_ns(chunk_of(example, program, dear))) << dear;
    }
}

TEST(ChunkGraph, ChunksStayShortWhereTheirCostIsKnown) {
    const std::string row =
        "maniple: 1\nname: t\ninputs: {u: {shape: [20, 20], fill: uniform(seed=1)}}\ngraph:\n"
        "  a: heat_step(u, alpha=0.1)\n  b: heat_step(a, alpha=0.1)\n  c: heat_step(b, alpha=0.1)\n"
        "outputs: {c: out.h5:/c}\n";
    Example chain(row, {}, 1);
    const auto chunks = [&](double point_ns) {
        Layout layout = chain.layouts[0];
        layout.lanes.point_ns.assign(chain.graph.operations.size(), point_ns);
        return build_program(chain.graph, chain.plan, layout, chain.first_block()).chunks.size();
    };
    EXPECT_GT(chunks(1e4), chunks(1)) << "4 ms each";
}

TEST(ChunkGraph, OfEqualWaysTheOneThatFreesMostIsLast) {
    const std::vector<ChunkId> four = {ChunkId(std::size_t{1}), ChunkId(std::size_t{2}), ChunkId(std::size_t{3}),
                                       ChunkId(std::size_t{4})};
    std::vector<ChunkNode> nodes(5);
    nodes[0].dependents = four;
    for (std::size_t i = 1; i < 5; ++i) nodes[i].cost_ns = 100;
    nodes[1].frees_bytes = -7;
    nodes[2].frees_bytes = 50;
    nodes[3].frees_bytes = 20;
    nodes[4].cost_ns = 101;
    const ChunkGraph graph(nodes);
    std::vector<int> order;
    for (const ChunkId chunk : graph.dependents(ChunkId(std::size_t{0}))) order.push_back(chunk.value);
    EXPECT_EQ(order, (std::vector<int>{1, 3, 2, 4}));
}

TEST(ChunkGraph, RootsOfLongWaysComeFirstAndNeighboursStayTogether) {
    // Chunks 0 to 3 end at once, 4 to 7 have a long way before them; all but little the same in each half.
    const std::vector<ChunkId> last = {ChunkId(std::size_t{8})};
    std::vector<ChunkNode> nodes(9);
    for (std::size_t i = 0; i < 8; ++i) nodes[i].cost_ns = 100 + static_cast<std::int64_t>(i * 7 % 5);
    for (std::size_t i = 4; i < 8; ++i) nodes[i].dependents = last;
    nodes[8].cost_ns = 1000;
    const auto order = [&](bool back) {
        std::vector<int> roots;
        const ChunkGraph graph(nodes, back);
        for (const ChunkId root : graph.cpu_roots()) roots.push_back(root.value);
        return roots;
    };
    EXPECT_EQ(order(false), (std::vector<int>{4, 5, 6, 7, 0, 1, 2, 3}));
    EXPECT_EQ(order(true), (std::vector<int>{7, 6, 5, 4, 3, 2, 1, 0}));
}

TEST(ChunkGraph, OfRootsWithEqualWaysThoseThatLeadToAMessageComeFirst) {
    // Chunk i makes 10 + i ready; what 10, 11 and 19 make is sent.
    std::vector<std::vector<ChunkId>> after(23);
    std::vector<ChunkNode> nodes(23);
    for (std::size_t i = 0; i < 10; ++i) after[i] = {ChunkId(10 + i)};
    after[10] = {ChunkId(std::size_t{20})};
    after[11] = {ChunkId(std::size_t{21})};
    after[19] = {ChunkId(std::size_t{22})};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        nodes[i].dependents = after[i];
        nodes[i].cost_ns = i < 20 ? 100 : 10;
        nodes[i].lane = i < 20 ? LaneKind::cpu : LaneKind::net;
    }
    const auto order = [&](bool back) {
        std::vector<int> roots;
        const ChunkGraph graph(nodes, back);
        for (const ChunkId root : graph.cpu_roots()) roots.push_back(root.value);
        return roots;
    };
    EXPECT_EQ(order(false), (std::vector<int>{0, 1, 9, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(order(true), (std::vector<int>{9, 1, 0, 8, 7, 6, 5, 4, 3, 2}));
}

}  // namespace
}  // namespace maniple
