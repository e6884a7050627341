// Which tensors lie in the same memory, and which need none.
#include "program/sharing.hpp"

#include <gtest/gtest.h>

#include "example.hpp"
#include "program/chains.hpp"

namespace maniple {
namespace {

std::string job(const std::string& graph, const std::string& outputs) {
    return "maniple: 1\nname: t\ninputs:\n  x: {shape: [256, 1024], fill: 1}\ngraph:\n" + graph + "outputs: {" +
           outputs + "}\n";
}

constexpr std::int64_t tensor_bytes = 256 * 1024 * 4;

Layout layout_of(const Example& example) { return build_layout(example.graph, example.plan, Rank(0)); }

TEST(Sharing, AChainOfEightOperationsThatAreNotFusedNeedsTwoTensors) {
    const Example example(
        job("  y: softmax(softmax(softmax(softmax(softmax(softmax(softmax(softmax(x, axis=1), axis=1), "
            "axis=1), axis=1), axis=1), axis=1), axis=1), axis=1)\n",
            "y: out.h5:/y"),
        {}, 1);
    EXPECT_LE(layout_of(example).host_bytes(), 2 * tensor_bytes + tensor_bytes / 4);
}

TEST(Sharing, AnElementwiseChainNeedsItsInputAndItsResult) {
    const Example example(job("  y: tanh(relu(((x*2 - 1)*x + 0.5)*0.25) - x)*3 + 1\n", "y: out.h5:/y"), {}, 1);
    const Layout layout = layout_of(example);
    EXPECT_LE(layout.host_bytes(), 2 * tensor_bytes + 2 * chain_piece_bytes * layout.lanes.threads + 4096);
}

TEST(Sharing, WhatIsWrittenOrReadLaterKeepsItsMemory) {
    const Example example(job("  a: softmax(x, axis=1)\n  b: softmax(a, axis=1)\n  c: softmax(b, axis=1)\n"
                              "  d: softmax(c, axis=1)\n  y: d + b\n",
                              "y: out.h5:/y, a: out.h5:/a"),
                          {}, 1);
    const Layout layout = layout_of(example);
    const std::vector<TensorId> shared = find_sharing(example.graph, layout, {}, {});
    for (std::size_t i = 0; i < shared.size(); ++i) {
        if (!shared[i].valid()) continue;
        EXPECT_NE(example.graph[shared[i]].name, "a") << "is written";
        EXPECT_NE(example.graph[shared[i]].name, "b") << "is read at the end";
    }
}

TEST(Chains, GoOnOnlyWhereNobodyElseReads) {
    const Example example(job("  a: x*2\n  b: relu(a)\n  c: tanh(b)\n  y: c + b\n", "y: out.h5:/y"), {}, 1);
    std::vector<std::string> fused;
    for (const Chain& chain : find_chains(example.graph, example.plan, {})) {
        for (const OperationId id : chain.operations) fused.push_back(example.graph[example.graph[id].outputs[0]].name);
    }
    EXPECT_EQ(fused, (std::vector<std::string>{"a", "b", "c", "y"})) << "a into b, c into y; b is read twice";
}

}  // namespace
}  // namespace maniple
