#include "graph/microbatches.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "graph/twins.hpp"

namespace maniple {
namespace {

struct Example {
    explicit Example(const std::string& graph_lines, const std::string& rest = "")
        : registry(standard_kernels()), graph(build_graph(parse_job("maniple: 1\nname: batch\ninputs:\n"
                                                                    "  x: {shape: [10, 6], fill: normal(seed=1)}\n"
                                                                    "  w: {shape: [6, 6], fill: normal(seed=2)}\n"
                                                                    "graph:\n" +
                                                                        graph_lines + rest,
                                                                    "test.yaml"),
                                                          {}, registry)),
          batch(find_batch(graph)) {}

    OperationId named(const std::string& name) const {
        for (std::size_t i = 0; i < graph.operations.size(); ++i) {
            if (graph.operations[i].name == name) return OperationId(i);
        }
        return {};
    }
    bool is_split(const std::string& name) const { return batch.has(named(name)); }

    /// All in one stage, phase by phase and microbatch by microbatch.
    MicrobatchedGraph pieces(int microbatches) const {
        MicrobatchOrder order;
        order.microbatches = microbatches;
        order.stage_of.assign(graph.operations.size(), 0);
        order.column_of = {0};
        for (int phase = 0; phase < batch.phases; ++phase) {
            order.tasks.emplace_back();
            for (int number = 0; number < microbatches; ++number) order.tasks.back().push_back({0, number});
        }
        return in_microbatches(graph, batch, order);
    }

    KernelRegistry registry;
    Graph graph;
    Batch batch;
};

int copies(const Graph& graph, const std::string& name, bool joins = false) {
    return static_cast<int>(
        std::count_if(graph.operations.begin(), graph.operations.end(),
                      [&](const Operation& operation) { return operation.name == name && operation.joins == joins; }));
}

TEST(Microbatches, TheBatchRunsThroughLayers) {
    const Example example("  a: matmul(x, w)\n  b: relu(a)\n  c: softmax(b, axis=1)\n  d: sum(c)\n",
                          "outputs: {b: out.h5:/b, d: out.h5:/d}\n");
    EXPECT_EQ(example.batch.rows, 10);
    EXPECT_TRUE(example.is_split("a"));
    EXPECT_TRUE(example.is_split("b"));
    EXPECT_FALSE(example.is_split("d"));  // contracts the batch
    const Graph graph = example.pieces(4).graph;
    EXPECT_EQ(copies(graph, "a"), 4);
    EXPECT_EQ(copies(graph, "b"), 4);
    EXPECT_EQ(copies(graph, "b", true), 1);  // an output
    EXPECT_EQ(copies(graph, "a", true), 0);
    EXPECT_EQ(copies(graph, "d"), 1);
    std::int64_t rows = 0;
    for (const Operation& operation : graph.operations) {
        if (operation.name != "a") continue;
        EXPECT_EQ(operation.bound->index_space().lo[0], rows);
        rows = operation.bound->index_space().hi[0];
    }
    EXPECT_EQ(rows, 10);
}

TEST(Microbatches, EveryInputIsMadeBefore) {
    const Example example("  a: matmul(x, w)\n  m: mean(a, axis=0)\n  b: a - m\n  c: matmul(b, w)\n",
                          "outputs: {c: out.h5:/c}\n");
    EXPECT_EQ(example.batch.phases, 2);  // b needs the mean over the whole batch
    const Graph graph = example.pieces(3).graph;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        for (const TensorId input : graph.operations[i].inputs) {
            const Tensor& tensor = graph[input];
            EXPECT_TRUE(tensor.kind != Tensor::Kind::computed || tensor.producer < OperationId(i));
            EXPECT_NE(std::find(tensor.readers.begin(), tensor.readers.end(), OperationId(i)), tensor.readers.end());
        }
        for (const OperationId before : graph.operations[i].after) EXPECT_LT(before, OperationId(i));
    }
    EXPECT_EQ(copies(graph, "a", true), 1);
    EXPECT_FALSE(example.is_split("m"));
}

TEST(Microbatches, WhatReadsBeyondItsRowIsLeftWhole) {
    const Example stencil("  a: heat_step(x, alpha=0.1)\n", "outputs: {a: out.h5:/a}\n");
    EXPECT_EQ(stencil.batch.rows, 0);
    const Example column("  a: softmax(x, axis=0)\n", "outputs: {a: out.h5:/a}\n");
    EXPECT_FALSE(column.is_split("a"));
}

TEST(Microbatches, AWholeReadOfTheBatchStartsAnotherPhase) {
    const Example example("  a: relu(x)\n  b: matmul(a, transpose(a))\n", "outputs: {b: out.h5:/b}\n");
    EXPECT_TRUE(example.is_split("a"));
    const Graph graph = example.pieces(2).graph;
    EXPECT_EQ(copies(graph, "a", true), 1);
}

TEST(Microbatches, CarriedBatchesAreJoined) {
    const Example example("  a: relu(matmul(x, w))\n", "loop: {steps: 3, carry: {x: a}}\noutputs: {a: out.h5:/a}\n");
    EXPECT_EQ(example.batch.rows, 10);
    const Graph graph = example.pieces(2).graph;
    ASSERT_EQ(graph.carries.size(), 1u);
    EXPECT_TRUE(graph[graph[graph.carries[0].value].producer].joins);
    EXPECT_EQ(graph.outputs[0].tensor, graph.carries[0].value);
}

TEST(Microbatches, PiecesFollowThoseThatHaveBeenRead) {
    const Example example("  a: matmul(x, w)\n  b: relu(a)\n  c: matmul(b, w)\n", "outputs: {c: out.h5:/c}\n");
    const Graph graph = example.pieces(5).graph;
    int follow = 0;
    for (const Tensor& tensor : graph.tensors) {
        if (!tensor.follows.valid()) continue;
        ++follow;
        EXPECT_EQ(graph[tensor.follows].microbatch + 1, tensor.microbatch);
        for (const OperationId reader : graph[tensor.follows].readers) EXPECT_LT(reader, tensor.producer);
    }
    EXPECT_EQ(follow, 8);  // of a and b, all but the first microbatch
}

/// `a` is made on column 0 and read there by `c`, after column 1 has made `b` of it, so many microbatches later.
Graph there_and_back(const Example& example, int ahead) {
    MicrobatchOrder order;
    order.microbatches = 5;
    order.depth = 4;
    order.column_of = {0, 1, 0};
    for (const Operation& operation : example.graph.operations)
        order.stage_of.push_back(operation.name == "a" ? 0 : operation.name == "b" ? 1 : 2);
    std::vector<MicrobatchTask>& tasks = order.tasks.emplace_back();
    for (int number = 0; number < order.microbatches + ahead; ++number) {
        if (number < order.microbatches) tasks.push_back({0, number});
        if (number >= ahead) tasks.push_back({1, number - ahead});
        if (number >= ahead) tasks.push_back({2, number - ahead});
    }
    return in_microbatches(example.graph, example.batch, order).graph;
}

TEST(Microbatches, WhatComesBackHasMemoryForAsManyAsAreThere) {
    const Example example("  a: matmul(x, w)\n  b: matmul(a, w)\n  c: a + b\n", "outputs: {c: out.h5:/c}\n");
    for (const int ahead : {0, 1, 2, 3}) {
        const Graph graph = there_and_back(example, ahead);
        for (const Tensor& tensor : graph.tensors) {
            if (tensor.microbatch < 0 || (tensor.name != "a" && tensor.name != "b")) continue;
            const int alive =
                tensor.name == "a" ? std::max(2, ahead + 1) : 4;  // b is read by others, when they come to it
            EXPECT_EQ(tensor.alive, alive) << tensor.name << " " << ahead;
            ASSERT_EQ(tensor.follows.valid(), tensor.microbatch >= alive) << tensor.name << " " << ahead;
            if (!tensor.follows.valid()) continue;
            EXPECT_EQ(graph[tensor.follows].microbatch, tensor.microbatch - alive);
        }
    }
}

TEST(Microbatches, InputsMayBePiecesToo) {
    const Example example("  a: matmul(x, w)\n", "outputs: {a: out.h5:/a}\n");
    MicrobatchOrder order;
    order.microbatches = 2;
    order.stage_of = {0};
    order.column_of = {0};
    order.tasks = {{{0, 0}, {0, 1}}, {}};
    order.splits_inputs = true;
    const Graph graph = in_microbatches(example.graph, example.batch, order).graph;
    int rows = 0, weights = 0;
    for (const Tensor& tensor : graph.tensors) {
        if (tensor.name == "x") rows += tensor.readers.size() == 1 ? 1 : 0;
        if (tensor.name == "w") weights += tensor.readers.size() == 2 ? 1 : 0;
    }
    EXPECT_EQ(rows, 2);
    EXPECT_EQ(weights, 1);
}

/// The same, with every operation a second time.
Example with_twins_of(const std::string& graph_lines, const std::string& rest) {
    Example example(graph_lines, rest);
    example.graph = with_twins(std::move(example.graph));
    example.batch = find_batch(example.graph);
    return example;
}

void expect_twins_beside_originals(const Graph& graph, int count) {
    int twins = 0;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const Operation& twin = graph.operations[i];
        if (!twin.twin_of.valid()) continue;
        ++twins;
        ASSERT_LT(twin.twin_of, OperationId(i));
        const Operation& original = graph[twin.twin_of];
        EXPECT_EQ(twin.name, original.name + "/again");
        EXPECT_EQ(twin.bound->index_space(), original.bound->index_space()) << twin.name;
        EXPECT_EQ(graph[twin.outputs[0]].microbatch, graph[original.outputs[0]].microbatch) << twin.name;
    }
    EXPECT_EQ(twins, count);
}

TEST(Microbatches, TwinsAreCutWhereTheirOriginalsAre) {
    const Example layers =
        with_twins_of("  a: matmul(x, w)\n  b: relu(a)\n  d: sum(b, axis=0)\n", "outputs: {d: out.h5:/d}\n");
    EXPECT_TRUE(layers.is_split("a/again"));
    EXPECT_FALSE(layers.is_split("d/again"));
    expect_twins_beside_originals(layers.pieces(4).graph, 4 + 4 + 1);
}

/// Nothing but each other says that their rows belong together.
TEST(Microbatches, TwinsThatReadNothingByRowsAreCutToo) {
    const std::string image = "  m: mandelbrot(width=7, height=9, xmin=-2, xmax=1, ymin=-1, ymax=1, iterations=5)\n";
    const Example alone = with_twins_of(image, "outputs: {m: out.h5:/m}\n");
    EXPECT_EQ(alone.batch.rows, 9);
    EXPECT_TRUE(alone.is_split("m"));
    EXPECT_TRUE(alone.is_split("m/again"));
    expect_twins_beside_originals(alone.pieces(3).graph, 3);
}

/// An exp of f64 has none: with the others' twins, what is done to `x` would be more than what is done to `w`.
TEST(Microbatches, TwinsAreNoWorkOfTheBatch) {
    const std::string lines = "  a: relu(relu(relu(x)))\n  b: exp(exp(exp(exp(exp(c)))))\n  c: cast(w, dtype=f64)\n";
    const std::string outputs = "outputs: {a: out.h5:/a, b: out.h5:/b}\n";
    EXPECT_EQ(Example(lines, outputs).batch.rows, 6);
    const Example twice = with_twins_of(lines, outputs);
    EXPECT_EQ(twice.batch.rows, 6);
    EXPECT_TRUE(twice.named("a/again").valid());
    EXPECT_FALSE(twice.named("b/again").valid());
}

TEST(Microbatches, RowsAreAsEvenAsCanBe) {
    std::int64_t at = 0;
    for (int number = 0; number < 4; ++number) {
        const Rows rows = rows_of(10, 4, number);
        EXPECT_EQ(rows.first, at);
        EXPECT_GE(rows.end - rows.first, 2);
        EXPECT_LE(rows.end - rows.first, 3);
        at = rows.end;
    }
    EXPECT_EQ(at, 10);
}

}  // namespace
}  // namespace maniple
