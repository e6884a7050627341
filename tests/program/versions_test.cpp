#include "program/versions.hpp"

#include <gtest/gtest.h>

#include "example.hpp"

namespace maniple {
namespace {

std::string job(const std::string& graph, const std::string& carry) {
    return "maniple: 1\nname: t\ninputs: {a: i.h5:/a, b: i.h5:/b, c: i.h5:/c}\ngraph: {" + graph +
           "}\nloop: {steps: 9, carry: {" + carry + "}}\noutputs: {v: o.h5:/v, a: o.h5:/a, b: o.h5:/b, c: o.h5:/c}\n";
}

TensorId named(const Graph& graph, const std::string& name) {
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        if (graph.tensors[i].name == name) return TensorId(i);
    }
    return {};
}

/// In a run that looks at nothing: the slot in any of its steps.
int slot(const Versions& versions, TensorId tensor, std::int64_t step) {
    return versions.slot(tensor, BlockShape{}, step);
}

TEST(Versions, AValueAndTheInputItIsCarriedIntoShareSlots) {
    const Example example(job("v: a + b", "a: v"), {4}, 1);
    const Versions versions = find_versions(example.graph);
    const TensorId a = named(example.graph, "a"), v = named(example.graph, "v");
    EXPECT_EQ(versions[a].family, versions[v].family);
    EXPECT_TRUE(versions.copies.empty());
    EXPECT_EQ(versions.period, 2);
    for (int step = 0; step < 5; ++step) EXPECT_EQ(slot(versions, a, step + 1), slot(versions, v, step));
    EXPECT_NE(slot(versions, a, 3), slot(versions, v, 3));
}

TEST(Versions, AChainOfCarriesHasOneSlotMore) {
    const Example example(job("v: a + b", "a: v, b: a"), {4}, 1);
    const Versions versions = find_versions(example.graph);
    const TensorId a = named(example.graph, "a"), b = named(example.graph, "b"), v = named(example.graph, "v");
    EXPECT_EQ(versions.period, 3);
    EXPECT_TRUE(versions.copies.empty());
    for (int step = 0; step < 5; ++step) {
        EXPECT_EQ(slot(versions, a, step + 1), slot(versions, v, step));
        EXPECT_EQ(slot(versions, b, step + 2), slot(versions, v, step));
    }
}

TEST(Versions, ASwapAndASecondCarryOfOneValueAreCopied) {
    EXPECT_EQ(find_versions(Example(job("v: a + b", "a: b, b: a"), {4}, 1).graph).copies.size(), 2u);
    EXPECT_EQ(find_versions(Example(job("v: a + b", "a: v, b: v"), {4}, 1).graph).copies.size(), 1u);
}

TEST(Versions, WhatDoesNotChangeHasOneVersion) {
    const Example example(job("v: a + b", "a: v"), {4}, 1);
    const Versions versions = find_versions(example.graph);
    const TensorId b = named(example.graph, "b");
    EXPECT_TRUE(versions.families[static_cast<std::size_t>(versions[b].family)].stationary);
    EXPECT_EQ(slot(versions, b, 7), 0);
}

}  // namespace
}  // namespace maniple
