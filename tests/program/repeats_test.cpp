#include "program/repeats.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "example.hpp"
#include "same_program.hpp"

namespace maniple {
namespace {

/// Every different block of a run, on every rank.
void expect_same_with_and_without(const Example& example) {
    const int ranks = static_cast<int>(example.layouts.size());
    for (const Layout& layout : example.layouts) {
        std::vector<BlockShape> built;
        for (std::int64_t step = 0; step < example.graph.steps;) {
            const StepBlock block = block_at(example.graph, layout.versions, step);
            step = block.end();
            if (std::find(built.begin(), built.end(), block.shape) != built.end()) continue;
            built.push_back(block.shape);
            SCOPED_TRACE(fmt::format("rank {} of {}, block {}", layout.rank.value, ranks, built.size()));
            expect_same_program(build_program(example.graph, example.plan, layout, block.shape),
                                build_program(example.graph, example.plan, layout, block.shape, false));
        }
    }
}

void expect_same_on_ranks(const std::string& text, const Shape& shape) {
    SCOPED_TRACE(text);
    for (const int ranks : {1, 2, 3}) expect_same_with_and_without(Example(text, shape, ranks));
}

std::string job(const std::string& inputs, const std::string& graph, const std::string& rest) {
    return fmt::format("maniple: 1\nname: test\ninputs: {{{}}}\ngraph:\n{}{}\n", inputs, graph, rest);
}

TEST(Repeats, ALoopOfManyTiles) {
    for (const char* const boundary : {"clamp", "periodic", "zero", "[clamp, periodic]"}) {
        expect_same_on_ranks(
            job("u: in.h5:/u", fmt::format("  v: \"heat_step(u, alpha=0.2, boundary={})\"\n", boundary),
                "loop: {steps: 40, carry: {u: v}}\noutputs: {v: {to: out.h5:/v, every: 10}}"),
            {1500, 700});
    }
    expect_same_on_ranks(terrain, {540, 1081});
}

TEST(Repeats, StencilsOneAfterTheOther) {
    std::string graph;
    for (int i = 1; i <= 40; ++i)
        graph +=
            fmt::format("  r{}: \"heat_step(r{}, alpha=0.1, boundary={})\"\n", i, i - 1, i % 7 == 0 ? "zero" : "clamp");
    expect_same_on_ranks(job("r0: in.h5:/r", graph, "outputs: {r40: out.h5:/r}"), {2048, 16});
}

TEST(Repeats, LayersThatReadTheSameWeights) {
    std::string graph;
    for (int i = 1; i <= 60; ++i)
        graph += i % 2 == 1 ? fmt::format("  r{}: \"matmul(r{}, w)\"\n", i, i - 1)
                            : fmt::format("  r{}: relu(r{})\n", i, i - 1);
    expect_same_on_ranks(
        job("r0: {shape: [300, 16], fill: 1}, w: {shape: [16, 16], fill: 1}", graph, "outputs: {r60: out.h5:/r}"), {});
}

/// What is computed before the loop keeps its halo from the first block on, what is computed in it does not.
TEST(Repeats, InputsThatStayAndInputsThatDoNot) {
    expect_same_on_ranks(job("c: in.h5:/c, u: in.h5:/u, v: in.h5:/v, w: in.h5:/w",
                             "  k: square(c)\n  x: square(u)\n  y: square(v)\n  z: square(w)\n"
                             "  p1, p2: gray_scott(k, x)\n  q1, q2: gray_scott(y, z)\n",
                             "loop: {steps: 40, carry: {u: p2, v: q1, w: q2}}\n"
                             "outputs: {p1: out.h5:/p, q1: out.h5:/q}"),
                         {120, 64});
}

/// With looks behind the steps in flight, of results with two slots and of larger ones with one.
TEST(Repeats, ResultsThatAreHeldBackUntilTheLook) {
    for (const char* const loop :
         {"steps: 50, carry: {a: v}, until: m > 9", "steps: 50, carry: {a: v}, until: m > 9, check: 3"}) {
        for (const int ranks : {1, 2, 3}) {
            Example example(job("a: in.h5:/a", "  v: \"heat_step(a, alpha=0.2)\"\n  m: max(v)\n  w: v * v\n",
                                fmt::format("loop: {{{}}}\noutputs: {{v: out.h5:/v, m: out.h5:/m}}", loop)),
                            {60, 40}, ranks);
            LaneChoice lanes;
            lanes.cpus_alone = true;
            for (Layout& layout : example.layouts) {
                layout = build_layout(example.graph, example.plan, layout.rank, lanes);
                EXPECT_TRUE(layout.versions.looks_behind);
            }
            expect_same_with_and_without(example);
        }
    }
}

/// Chains of all lengths, results that are read late, and in the same operation twice; two rules for one tensor; sums.
std::string random_graph(std::mt19937& random, int operations) {
    std::string graph;
    for (int i = 1; i <= operations; ++i) {
        const auto pick = [&] { return std::max(0, i - 1 - static_cast<int>(random() % 12)); };
        const auto what = random() % 12;
        if (what == 0) {
            graph += fmt::format("  r{}: \"heat_step(r{}, alpha=0.1, boundary=clamp)\"\n", i, pick());
        } else if (what == 1) {
            graph += fmt::format("  r{}: \"heat_step(r{}, alpha=0.1, boundary=periodic)\"\n", i, pick());
        } else if (what == 2) {
            graph += fmt::format("  r{}: r{} - sum(r{})\n", i, i - 1, pick());
        } else if (what == 3) {
            graph += fmt::format("  r{}: relu(r{})\n", i, i - 1);
        } else if (what == 4) {
            graph += fmt::format("  r{0}: r{1} * r{1}\n", i, pick());
        } else {
            graph += fmt::format("  r{}: r{} {} r{}\n", i, i - 1, what % 2 == 0 ? '+' : '*', pick());
        }
    }
    return graph;
}

TEST(Repeats, GraphsOfAllKinds) {
    std::mt19937 random(77);
    for (int round = 0; round < 12; ++round) {
        const std::string graph = random_graph(random, 60);
        const std::int64_t rows = 40 + static_cast<std::int64_t>(random() % 3000);
        expect_same_on_ranks(job("r0: in.h5:/r", graph, "outputs: {r60: out.h5:/r}"), {rows, 48});
        expect_same_on_ranks(
            job("r0: in.h5:/r", graph, "loop: {steps: 9, carry: {r0: r60}}\noutputs: {r60: {to: out.h5:/r, every: 2}}"),
            {rows, 48});
    }
}

}  // namespace
}  // namespace maniple
