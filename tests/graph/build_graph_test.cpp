#include <gtest/gtest.h>

#include "graph/graph.hpp"

namespace maniple {
namespace {

/// A job over two f32 inputs, u [4, 6] and row [6], and one i32 input, n [4, 6]. Its graph begins on line 4.
Graph build(const std::string& graph, const std::string& rest = "outputs: {v: out.h5:/v}\n") {
    static const KernelRegistry registry(standard_kernels());
    const Job job = parse_job(
        "maniple: 1\nname: t\ninputs: {u: i.h5:/u, row: i.h5:/row, n: i.h5:/n, a: i.h5:/a, b: i.h5:/b, d: i.h5:/d}\ngraph:\n" +
            graph + rest,
        "t.yaml");
    Catalogue catalogue;
    catalogue.inputs = {{"u", {4, 6}, DType::f32, {}, {4, 6}},
                        {"a", {3, 1, 4, 5}, DType::f32, {}, {3, 1, 4, 5}},
                        {"b", {2, 5, 6}, DType::f32, {}, {2, 5, 6}},
                        {"d", {2, 1, 1, 1, 1, 1, 5, 6}, DType::f32, {}, {2, 1, 1, 1, 1, 1, 5, 6}},
                        {"row", {6}, DType::f32, {}, {6}},
                        {"n", {4, 6}, DType::i32, {}, {4, 6}}};
    return build_graph(job, catalogue, registry);
}

struct Wrong {
    const char* graph;
    int line, column;
    const char* message;
    const char* suggestion;
};

class WrongGraph : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongGraph, IsRefusedAtItsPlace) {
    const Wrong& wrong = GetParam();
    try {
        build(wrong.graph);
        FAIL() << "accepted: " << wrong.graph;
    } catch (const JobError& error) {
        const Diagnostic& first = error.diagnostics().front();
        EXPECT_EQ(first.place.line, wrong.line) << first.message;
        EXPECT_EQ(first.place.column, wrong.column) << first.message;
        EXPECT_NE(first.message.find(wrong.message), std::string::npos) << first.message;
        EXPECT_EQ(first.suggestion, wrong.suggestion);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, WrongGraph,
    ::testing::Values(Wrong{"  v: heat_stp(u, alpha=0.1)\n", 5, 6, "unknown kernel 'heat_stp'", "heat_step"},
                      Wrong{"  v: u + rwo\n", 5, 10, "unknown name 'rwo'", "row"},
                      Wrong{"  v: heat_step(u, alhpa=0.1)\n", 5, 19, "has no parameter 'alhpa'", "alpha"},
                      Wrong{"  v: heat_step(u)\n", 5, 6, "needs its parameter 'alpha'", ""},
                      Wrong{"  v: heat_step(row, alpha=0.1)\n", 5, 16, "expects 2 axes", ""},
                      Wrong{"  v: heat_step(n, alpha=0.1)\n", 5, 16, "does not take i32", ""},
                      Wrong{"  v: heat_step(u, alpha=0.1, boundary=clmap)\n", 5, 39, "unknown boundary rule", "clamp"},
                      Wrong{"  v: heat_step(u, alpha=0.1, boundary=[clamp])\n", 5, 39, "one for each of the 2 axes",
                            ""},
                      Wrong{"  v: add(u)\n", 5, 6, "takes 2 arguments", ""},
                      Wrong{"  v: sum(u, axis=2)\n", 5, 18, "axis 2 is out of range", ""},
                      Wrong{"  v: sum(u, axis=[0, -2])\n", 5, 22, "named twice", ""},
                      Wrong{"  w: sum(u, axis=1)\n  v: u + w\n", 6, 10, "does not broadcast", ""},
                      Wrong{"  v: n + 3000000000\n", 5, 10, "does not fit i32", ""},
                      Wrong{"  v: matmul(row, u)\n", 5, 13, "expects at least 2 axes for its argument a", ""},
                      Wrong{"  v: matmul(u, u)\n", 5, 16, "index k of matmul has two sizes: 4 in 'u' [4, 6], 6", ""},
                      Wrong{"  w: matmul(a, b)\n  v: matmul(w, w)\n", 6, 16, "index k of matmul has two sizes", ""},
                      Wrong{"  v: matmul(b, d)\n", 5, 16, "takes at most 5 axes for its '...', 'd'", ""},
                      Wrong{"  v: ifft(b)\n", 5, 11, "fft_pass needs extent(x, 1) == 2, found 'b' [2, 5, 6]", ""},
                      Wrong{"  v: histogram(b, bins=0, min=0, max=1)\n", 5, 24, "needs bins >= 1, found bins=0", ""},
                      Wrong{"  v: embedding(b, n)\n", 5, 16, "embedding expects 2 axes for its argument table", ""},
                      Wrong{"  v: w + u\n  w: v * 2\n", 5, 3, "the graph has a cycle: v -> w -> v", ""}));

TEST(BuildGraph, BindsAnEllipsisBeforeNames) {
    const Graph graph = build("  v: matmul(a, b)\n");
    const Operation& product = graph.operations.at(0);
    EXPECT_EQ(graph[product.outputs[0]].shape, (Shape{3, 2, 4, 6}));
    ASSERT_EQ(product.bound->indices.size(), 5u);
    EXPECT_EQ(product.bound->ellipsis_axes, 2);
    EXPECT_EQ(product.bound->index_space().hi, (Extents{3, 2, 4, 6, 5}));
    EXPECT_EQ(product.bound->indices[4].name, "k");
    EXPECT_TRUE(product.bound->indices[4].contracted);
    const Box point(Extents{2, 1, 3, 4, 1}, Extents{3, 2, 4, 6, 5});
    EXPECT_EQ(touched_box(product.bound->reads[0], point, {3, 1, 4, 5}), Box(Extents{2, 0, 3, 1}, Extents{3, 1, 4, 5}));
    EXPECT_EQ(touched_box(product.bound->reads[1], point, {2, 5, 6}), Box(Extents{1, 1, 4}, Extents{2, 5, 6}));
}

TEST(BuildGraph, AnInputWithoutTheEllipsisIsReadForAllOfIt) {
    const Graph graph = build("  v: embedding(u, n)\n");
    const Operation& rows = graph.operations.at(0);
    EXPECT_EQ(graph[rows.outputs[0]].shape, (Shape{4, 6, 6}));
    const Box point(Extents{2, 3, 1}, Extents{3, 4, 2});
    EXPECT_EQ(touched_box(rows.bound->reads[0], point, {4, 6}), Box(Extents{0, 1}, Extents{4, 2}));
    EXPECT_EQ(touched_box(rows.bound->reads[1], point, {4, 6}), Box(Extents{2, 3}, Extents{3, 4}));
}

TEST(BuildGraph, ReportsIndependentErrorsAtOnceAndDependentOnesNot) {
    try {
        build("  a: u + nope\n  b: a + 1\n  v: heat_step(u)\n");
        FAIL();
    } catch (const JobError& error) { EXPECT_EQ(error.diagnostics().size(), 2u); }
}

TEST(BuildGraph, KeepsWhatOutputsAndCarriesNeedAndNothingElse) {
    const Graph graph = build("  unused: u * 2\n  w: u + row\n  v: w - u\n");
    ASSERT_EQ(graph.operations.size(), 2u);
    EXPECT_EQ(graph.operations[0].kernel->name, "add");
    EXPECT_EQ(graph.operations[1].kernel->name, "sub");
}

TEST(BuildGraph, TellsWhatChangesFromStepToStep) {
    const Graph graph =
        build("  still: row * 2\n  v: u + still\n", "loop: {steps: 3, carry: {u: v}}\noutputs: {v: out.h5:/v}\n");
    EXPECT_FALSE(graph.operations[0].in_loop);
    EXPECT_TRUE(graph.operations[1].in_loop);
}

TEST(BuildGraph, AnOutputKeepsTheAxesOfItsInput) {
    const Graph graph = build("  w: heat_step(u, alpha=0.1)\n  v: sum(w, axis=0)\n");
    const Tensor& v = graph[graph.outputs[0].tensor];
    ASSERT_EQ(v.axes.size(), 1u);
    EXPECT_EQ(v.axes[0], (AxisOrigin{0, 1}));
    EXPECT_EQ(v.attributes_from, -1);
}

TEST(BuildGraph, RefusesWhatIsNotBuiltInYetByName) {
    EXPECT_THROW(build("  v: u + row\n", "plan: {reproducible: true}\noutputs: {v: out.h5:/v}\n"), UnavailableError);
}

}  // namespace
}  // namespace maniple
