#include "kernel/signature.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

using Names = std::vector<std::string>;

TEST(Signature, HeatStep) {
    const Signature signature = parse_signature("u[y±1, x], u[y, x±1] -> v[y, x]");
    ASSERT_EQ(signature.inputs.size(), 2u);
    EXPECT_EQ(signature.inputs[0].tensor, "u");
    EXPECT_EQ(signature.inputs[0].subscripts[0].halo, 1);
    EXPECT_EQ(signature.inputs[0].subscripts[1].halo, 0);
    EXPECT_EQ(signature.input_names(), Names{"u"});
    EXPECT_EQ(signature.output_names(), Names{"v"});
    EXPECT_EQ(signature.index_names(), (Names{"y", "x"}));
    EXPECT_TRUE(signature.has_halo());
    EXPECT_TRUE(signature.fold.empty());
}

TEST(Signature, AsciiHaloAndParameter) {
    const Signature signature = parse_signature("u[y+-radius,x+-2]->v[y,x]");
    EXPECT_EQ(signature.inputs[0].subscripts[0].halo_parameter, "radius");
    EXPECT_EQ(signature.inputs[0].subscripts[0].halo, 0);
    EXPECT_EQ(signature.inputs[0].subscripts[1].halo, 2);
}

TEST(Signature, ConvolutionWithStride) {
    const Signature signature = parse_signature("x[n, c, 2*y+p, x-1+q], w[o, c, p, q] -> z[n, o, y, x] : sum(c, p, q)");
    const Subscript& rows = signature.inputs[0].subscripts[2];
    ASSERT_EQ(rows.terms.size(), 2u);
    EXPECT_EQ(rows.terms[0].coefficient, 2);
    EXPECT_EQ(rows.terms[1].index, "p");
    EXPECT_EQ(signature.inputs[0].subscripts[3].offset, -1);
    EXPECT_EQ(signature.fold, "sum");
    EXPECT_EQ(signature.contracted, (Names{"c", "p", "q"}));
    EXPECT_EQ(signature.index_names(), (Names{"n", "o", "y", "x", "c", "p", "q"}));
    EXPECT_FALSE(signature.contracted_by_axis);
}

TEST(Signature, ParametersInSubscripts) {
    const Signature signature =
        parse_signature("x[n, stride*i+p-pad, j*dilation-2*shift+1], w[p] -> z[n, i, j] : sum(p)");
    const Subscript& rows = signature.inputs[0].subscripts[1];
    ASSERT_EQ(rows.terms.size(), 2u);
    EXPECT_EQ(rows.terms[0].index, "i");
    EXPECT_EQ(rows.terms[0].parameter, "stride");
    EXPECT_EQ(rows.terms[1].index, "p");
    EXPECT_TRUE(rows.terms[1].parameter.empty());
    ASSERT_EQ(rows.parameter_offsets.size(), 1u);
    EXPECT_EQ(rows.parameter_offsets[0].coefficient, -1);
    EXPECT_EQ(rows.parameter_offsets[0].parameter, "pad");
    EXPECT_EQ(rows.parameters(), (Names{"stride", "pad"}));
    const Subscript& columns = signature.inputs[0].subscripts[2];
    EXPECT_EQ(columns.terms[0].parameter, "dilation");
    EXPECT_EQ(columns.parameter_offsets[0].coefficient, -2);
    EXPECT_EQ(columns.offset, 1);
    EXPECT_EQ(signature.index_names(), (Names{"n", "i", "j", "p"}));
    EXPECT_TRUE(signature.may_leave());
    EXPECT_FALSE(signature.has_halo());
    EXPECT_FALSE(parse_signature("x[stride*i+p] -> z[i] : max(p)").may_leave());
    EXPECT_TRUE(parse_signature("x[i-1] -> z[i]").may_leave());
    EXPECT_EQ(signature.inputs[0].subscripts[0].index_alone(), "n");
    EXPECT_EQ(rows.index_alone(), "");
}

TEST(Signature, Ellipses) {
    const Signature signature = parse_signature("x[...] -> y[...] : sum(axis)");
    EXPECT_TRUE(signature.inputs[0].has_ellipsis());
    EXPECT_TRUE(signature.contracted_by_axis);
    EXPECT_TRUE(signature.index_names().empty());
}

TEST(Signature, EllipsisBeforeNames) {
    const Signature product = parse_signature("a[..., i, k], b[..., k, j] -> c[..., i, j] : sum(k)");
    EXPECT_TRUE(product.has_ellipsis());
    EXPECT_FALSE(product.only_ellipses());
    EXPECT_EQ(product.index_names(), (Names{"i", "j", "k"}));
    EXPECT_EQ(product.inputs[0].named().size(), 2u);
    const Signature rows = parse_signature("table[*, d], ids[...] -> y[..., d]");
    EXPECT_FALSE(rows.inputs[0].has_ellipsis());
    EXPECT_EQ(rows.inputs[0].named().size(), 2u);
    EXPECT_TRUE(rows.inputs[1].named().empty());
    const Signature bins = parse_signature("x[...] -> h[b] : fold(...)");
    EXPECT_TRUE(bins.contracts_ellipsis);
    EXPECT_TRUE(bins.contracted.empty());
    const Signature total = parse_signature("x[..., n] -> s[] : sum(..., n)");
    EXPECT_TRUE(total.contracts_ellipsis);
    EXPECT_EQ(total.contracted, Names{"n"});
    EXPECT_FALSE(total.contracted_by_axis);
    EXPECT_EQ(parse_signature("x[..., n], x[..., m] -> y[..., n] : sum(m)").inputs.size(), 2u);
}

TEST(Signature, WholeAndIrregular) {
    const Signature softmax = parse_signature("x[n, j] -> y[n, j] : whole(j)");
    EXPECT_EQ(softmax.whole, Names{"j"});
    const Signature nbody = parse_signature("p[*, d] -> a[i, d]");
    EXPECT_EQ(nbody.inputs[0].subscripts[0].kind, Subscript::Kind::whole);
    EXPECT_EQ(nbody.index_names(), (Names{"i", "d"}));
    const Signature mandelbrot = parse_signature("-> image[y, x] : irregular");
    EXPECT_TRUE(mandelbrot.inputs.empty());
    EXPECT_TRUE(mandelbrot.irregular);
}

TEST(Signature, ScalarOutput) {
    const Signature signature = parse_signature("x[i] -> y[] : max(i)");
    EXPECT_TRUE(signature.outputs[0].subscripts.empty());
    EXPECT_EQ(signature.index_names(), Names{"i"});
}

struct Bad {
    const char* text;
    int column;
    const char* message;
};

class BadSignature : public ::testing::TestWithParam<Bad> {};

TEST_P(BadSignature, IsRefusedAtItsPlace) {
    try {
        parse_signature(GetParam().text);
        FAIL() << GetParam().text << " was accepted";
    } catch (const JobError& error) {
        const Diagnostic& diagnostic = error.diagnostics().front();
        EXPECT_EQ(diagnostic.place.line, 1) << GetParam().text;
        EXPECT_EQ(diagnostic.place.column, GetParam().column) << GetParam().text << ": " << error.what();
        EXPECT_NE(std::string(error.what()).find(GetParam().message), std::string::npos) << error.what();
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadSignature,
    ::testing::Values(
        Bad{"", 1, "expected the name of a tensor"}, Bad{"x[i]", 5, "expected '->'"},
        Bad{"x[i] -> y[i] z", 14, "end of the signature"}, Bad{"x[i -> y[i]", 5, "',' or ']'"},
        Bad{"x(i) -> y[i]", 2, "'['"}, Bad{"x[i,] -> y[i]", 5, "expected a subscript"},
        Bad{"u[y±1, ?] -> v[y]", 8, "expected a subscript"},  // the column counts characters, ± is two bytes
        Bad{"u[y±0] -> v[y]", 6, "at least 1"}, Bad{"u[y±] -> v[y]", 5, "behind"},
        Bad{"x[i+i] -> y[i]", 5, "twice in this subscript"}, Bad{"x[0*i] -> y[i]", 5, "coefficient 0"},
        Bad{"x[9999999] -> y[i]", 3, "too large"}, Bad{"x[i] -> y[2*i]", 11, "one index alone"},
        Bad{"x[i] -> y[i+1]", 11, "one index alone"}, Bad{"x[i] -> y[i±1]", 11, "one index alone"},
        Bad{"x[i] -> y[*]", 11, "one index alone"}, Bad{"x[i] -> y[i, i]", 14, "twice in this output"},
        Bad{"x[i] -> y[i], y[i]", 15, "occurs twice"}, Bad{"x[i] -> x[i]", 9, "an input and an output"},
        Bad{"x[i,k] -> y[i,k] : sum(k)", 15, "is contracted"}, Bad{"x[i] -> y[i] : sum(k)", 20, "no input has"},
        Bad{"x[i] -> y[i] : whole(k)", 22, "no access has"},
        Bad{"x[i,k] -> y[i] : sum(k), whole(k)", 32, "contracted and whole"},
        Bad{"x[i,k] -> y[i]", 5, "is in no output"}, Bad{"x[i*j] -> y[i, j]", 3, "both indices"},
        Bad{"x[a*b*i] -> y[i]", 3, "at most one index and one parameter"},
        Bad{"x[i+a*b] -> y[i]", 3, "product of parameters"}, Bad{"x[a*i+b*i] -> y[i]", 3, "twice in this subscript"},
        Bad{"x[i+a*] -> y[i]", 7, "expected a subscript"}, Bad{"x[1000*1000*1000*i] -> y[i]", 3, "too large"},
        Bad{"x[i] -> y[i] : total(i)", 16, "unknown qualifier"}, Bad{"x[i] -> y[i] : sum(i), max(i)", 24, "one fold"},
        Bad{"x[k] -> y[] : sum(k, k)", 22, "written twice"},
        Bad{"x[i] -> y[i] : irregular, irregular", 27, "written twice"},
        Bad{"x[i, ...] -> y[..., i]", 6, "stands first"}, Bad{"x[..., ...] -> y[...]", 8, "stands first"},
        Bad{"x[..., i] -> y[i]", 14, "is in no output"}, Bad{"x[i] -> y[..., i]", 9, "no input has the '...'"},
        Bad{"x[...], w[i] -> y[...]", 11, "is in no output"},
        Bad{"x[..., i] -> y[..., i], z[i]", 25, "either all outputs"},
        Bad{"x[..., i] -> y[..., i] : sum(...)", 14, "'...' is contracted"},
        Bad{"x[...] -> y[...] : sum(...)", 20, "'...' is contracted"},
        Bad{"x[i] -> y[] : sum(..., i)", 15, "no input has the '...'"},
        Bad{"x[..., i] -> s[] : sum(i, ...)", 27, "expected an index"},
        Bad{"x[..., i±1] -> y[..., i]", 8, "does not go with"},
        Bad{"x[..., i], x[i] -> y[..., i]", 12, "another number of axes"},
        Bad{"x[i, j], x[..., i] -> y[..., i, j]", 10, "occurs twice"}, Bad{"x[...] -> y[...] : sum(k)", 24, "'axis'"},
        Bad{"x[i], x[i, j] -> y[i, j]", 7, "another number of axes"},
        Bad{"x[...], x[...] -> y[...]", 9, "occurs twice"}, Bad{"x[i] -> y[i], z[j]", 15, "same indices"},
        Bad{"x[a,b,c,d,e,f,g,h,i] -> y[a,b,c,d,e,f,g,h,i]", 19, "at most 8"},
        Bad{"-> y[] : sum(k)", 10, "needs an input"}));

}  // namespace
}  // namespace maniple
