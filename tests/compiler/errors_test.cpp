// Mistakes in kernel descriptions, each refused at its line and column. In the texts an '@' marks the place.
#include <gtest/gtest.h>

#include <string>

#include "base/error.hpp"
#include "compiler/check.hpp"
#include "compiler/kernel_file.hpp"

namespace maniple::compiler {
namespace {

struct Bad {
    std::string name;
    std::string text;
    std::string message;
};

/// A five-point stencil with `body`.
std::string stencil(const std::string& body) {
    return "kernel: test\ndoc: d\nsignature: \"u[y±1, x], u[y, x±1] -> v[y, x]\"\n"
           "parameters: {alpha: {type: real, doc: d}, radius: {type: integer, doc: d}, on: {type: boolean, doc: d}}\n"
           "types: {real: [f32, f64]}\nbody: |\n  " +
           body + "\n";
}

std::string with_signature(const std::string& signature, const std::string& rest) {
    return "kernel: test\ndoc: d\nsignature: \"" + signature + "\"\n" + rest;
}

std::string fold(const std::string& init, const std::string& accumulate, const std::string& merge,
                 const std::string& finish) {
    return with_signature("x[...] -> y[...] : fold(axis)",
                          "types: {real: [f32]}\nfold:\n  state: {s: acc, n: index}\n"
                          "  init: \"" +
                              init + "\"\n  accumulate: \"" + accumulate + "\"\n  merge: \"" + merge +
                              "\"\n  finish: \"" + finish + "\"\n");
}

class BadKernel : public ::testing::TestWithParam<Bad> {};

TEST_P(BadKernel, IsRefusedAtItsPlace) {
    std::string text = GetParam().text;
    const std::size_t mark = text.find('@');
    ASSERT_NE(mark, std::string::npos);
    text.erase(mark, 1);
    int line = 1;
    int column = 1;
    for (std::size_t i = 0; i < mark; ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
        ++column;
        if (text[i] == '\n') {
            ++line;
            column = 1;
        }
    }
    try {
        const KernelFile file = parse_kernel_file(text, "somewhere/test.kernel.yaml");
        check_kernel(file);
        FAIL() << text << "was accepted";
    } catch (const JobError& error) {
        const Diagnostic& diagnostic = error.diagnostics().front();
        EXPECT_EQ(diagnostic.place.file, "somewhere/test.kernel.yaml");
        EXPECT_EQ(diagnostic.place.line, line) << render(diagnostic);
        EXPECT_EQ(diagnostic.place.column, column) << render(diagnostic);
        EXPECT_NE((diagnostic.message + " " + diagnostic.suggestion).find(GetParam().message), std::string::npos)
            << render(diagnostic);
    }
}

std::string name_of(const ::testing::TestParamInfo<Bad>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Body, BadKernel,
    ::testing::Values(
        Bad{"unknown_name", stencil("v[y,x] = u[y,x] * @alph;"), "alpha"},
        Bad{"unknown_tensor", stencil("v[y,x] = @w[y,x];"), "unknown tensor 'w'"},
        Bad{"unknown_function", stencil("v[y,x] = @sqr(u[y,x]);"), "sqrt"},
        Bad{"outside_the_halo", stencil("v[y,x] = u[y, @x+2];"), "outside the signature: u[y±1, x], u[y, x±1]"},
        Bad{"corner_of_a_cross", stencil("v[y,x] = @u[y+1, x+1];"), "outside the signature"},
        Bad{"swapped_indices", stencil("v[y,x] = u[@x, y];"), "outside the signature"},
        Bad{"scaled_index", stencil("v[y,x] = u[@2*y, x];"), "outside the signature"},
        Bad{"not_affine", stencil("v[y,x] = u[@y*y, x];"), "not affine"},
        Bad{"unknown_range", stencil("real s = 0; for (index k in 0..radius) { s = s + u[@y+k, x]; } v[y,x] = s;"),
            "outside the signature"},
        Bad{"range_too_wide", stencil("real s = 0; for (index k in -1..3) { s = s + u[y, @x+k]; } v[y,x] = s;"),
            "outside the signature"},
        Bad{"real_subscript", stencil("v[y,x] = u[y, @0.5];"), "a subscript is an integer"},
        Bad{"too_few_subscripts", stencil("v[y,x] = @u[y];"), "has 2 axes"},
        Bad{"missing_subscripts", stencil("v[y,x] = @u;"), "needs its subscripts"},
        Bad{"output_elsewhere", stencil("v[y,@x+1] = 0;"), "outside the signature: v[y, x]"},
        Bad{"output_read", stencil("v[y,x] = 0; v[y,x] = @v[y,x] + 1;"), "cannot be read"},
        Bad{"input_written", stencil("@u[y,x] = 0;"), "cannot be changed"},
        Bad{"output_missing", stencil("@real t = u[y,x];"), "'v' is not assigned"},
        Bad{"output_on_one_path", stencil("@if (on) { v[y,x] = 0; }"), "not assigned on every path"},
        Bad{"output_in_a_loop", stencil("for (index @k in 0..3) { v[y,x] = 0; }"), "not assigned on every path"},
        Bad{"parameter_written", stencil("@alpha = 1; v[y,x] = 0;"), "cannot be changed"},
        Bad{"loop_variable_written", stencil("for (index k in 0..3) { @k = 1; } v[y,x] = 0;"), "cannot be changed"},
        Bad{"name_taken", stencil("@real alpha = 1; v[y,x] = 0;"), "taken already"},
        Bad{"name_shadowed", stencil("real t = 1; if (on) { @real t = 2; } v[y,x] = t;"), "taken already"},
        Bad{"name_out_of_scope", stencil("if (on) { real t = 2; } v[y,x] = @t;"), "unknown name 't'"},
        Bad{"unknown_type", stencil("@float t = 1; v[y,x] = t;"), "unknown type 'float'"},
        Bad{"real_for_int", stencil("int n = @u[y,x]; v[y,x] = 0;"), "convert it"},
        Bad{"number_for_int", stencil("int n = @1.5; v[y,x] = 0;"), "does not become i32"},
        Bad{"number_too_large", stencil("int n = @3000000000; v[y,x] = 0;"), "is no i32"},
        Bad{"int_beside_real", stencil("int n = 1; v[y,x] = u[y,x] @* n;"), "do not mix"},
        Bad{"index_beside_real", stencil("v[y,x] = u[y,x] @+ x;"), "do not mix"},
        Bad{"narrowing", stencil("f64 t = u[y,x]; v[y,x] = @t;"), "f64 does not become f32"},
        Bad{"condition_of_a_number", stencil("if (@alpha) { v[y,x] = 1; } else { v[y,x] = 0; }"),
            "a condition is a bool"},
        Bad{"and_of_numbers", stencil("v[y,x] = on @&& alpha ? 1 : 0;"), "takes bools"},
        Bad{"minus_of_bools", stencil("bool b = on @- on; v[y,x] = 0;"), "these are bools"},
        Bad{"not_of_a_number", stencil("bool b = @!alpha; v[y,x] = 0;"), "takes a bool"},
        Bad{"chained_comparison", stencil("bool b = 0 < alpha @< 1; v[y,x] = 0;"), "not chained"},
        Bad{"sqrt_of_an_index", stencil("v[y,x] = sqrt(@x);"), "takes reals"},
        Bad{"too_many_arguments", stencil("v[y,x] = @abs(1, 2);"), "takes 1 argument"},
        Bad{"extent_of_a_tensor", stencil("v[y,x] = real(extent(u, @0));"), "does not read this axis"},
        Bad{"not_whole", stencil("for (index @y) { } v[y,x] = 0;"), "not declared whole"},
        Bad{"other_outside_merge", stencil("v[y,x] = other.@s;"), "in merge only"},
        Bad{"missing_semicolon", stencil("real t = 1 @v[y,x] = t;"), "expected ';'"},
        Bad{"missing_brace", stencil("if (on) { v[y,x] = 0;@"), "expected '}'"},
        Bad{"strange_character", stencil("v[y,x] = u[y,x] @% 2;"), "means nothing"},
        Bad{"assignment_to_a_sum", stencil("u[y,x] @+ 1 = 2;"), "expected '='"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Description, BadKernel,
    ::testing::Values(
        Bad{"unknown_key", "kernel: test\ndoc: d\n@bodi: x\n", "body"},
        Bad{"missing_key", "@kernel: test\nsignature: \"x[i] -> y[i]\"\n", "lacks the key 'doc'"},
        Bad{"another_name", "kernel: @tset\ndoc: d\n", "tset.kernel.yaml"},
        Bad{"signature", with_signature("u[y±1, @?] -> v[y]", "types: {real: [f32]}\n"), "expected a subscript"},
        Bad{"subscript_parameter", with_signature("@x[i+k] -> y[i]", "types: {real: [f32]}\n"),
            "neither an integer parameter"},
        Bad{"real_in_a_subscript",
            with_signature("@x[k*i] -> y[i]", "parameters: {k: {type: real, doc: d}}\ntypes: {real: [f32]}\n"),
            "neither an integer parameter"},
        Bad{"no_extent", with_signature("@x[2*i] -> y[i]", "types: {real: [f32]}\n"),
            "no input gives index 'i' an extent"},
        Bad{"extent_given", with_signature("x[i] -> y[i]", "types: {real: [f32]}\nextents: {@i: 3}\n"), "already"},
        Bad{"extent_of_nothing", with_signature("x[i] -> y[i]", "types: {real: [f32]}\nextents: {@k: 3}\n"),
            "no index 'k'"},
        Bad{"extent_formula", with_signature("x[2*i] -> y[i]", "types: {real: [f32]}\nextents: {i: \"3 +@\"}\n"),
            "expected a number"},
        Bad{"extent_unknown_name", with_signature("x[2*i] -> y[i]", "types: {real: [f32]}\nextents: {i: 3*@k}\n"),
            "no integer parameter"},
        Bad{"extent_unknown_tensor",
            with_signature("x[2*i] -> y[i]", "types: {real: [f32]}\nextents: {i: \"extent(@z, 0)\"}\n"), "no input"},
        Bad{"extent_axis", with_signature("x[2*i] -> y[i]", "types: {real: [f32]}\nextents: {i: \"extent(@x, 1)\"}\n"),
            "has 1 axes"},
        Bad{"extent_real", with_signature("x[2*i] -> y[i]", "types: {real: [f32]}\nextents: {i: @1.5}\n"),
            "an integer"},
        Bad{"requirement", with_signature("x[i] -> y[i]", "types: {real: [f32]}\nrequire: [\"1 @+ 2\"]\n"),
            "expected one of"},
        Bad{"domain_of_reals", with_signature("x[i] -> y[i]", "types: {real: [f32]}\ndomain: {@x: 0 .. 3}\n"),
            "is no integer"},
        Bad{"domain_unknown", with_signature("x[i] -> y[i]", "types: {real: [i32]}\ndomain: {@z: 0 .. 3}\n"),
            "no input"},
        Bad{"boundary_of_nothing", with_signature("x[i] -> y[i]", "types: {real: [f32]}\nboundary: @zero\n"),
            "no access leaves"},
        Bad{"boundary_word", with_signature("x[i±1] -> y[i]", "types: {real: [f32]}\nboundary: @mirror\n"), "'mirror'"},
        Bad{"value_and_default",
            with_signature("x[i] -> y[i]", "parameters: {a: {type: real, doc: d, default: 1, value: @2}}\n"),
            "or a value"},
        Bad{"value_of_later",
            with_signature("x[i] -> y[i]",
                           "parameters: {a: {type: real, doc: d, value: 2*@b}, b: {type: real, doc: d}}\n"),
            "before this one"},
        Bad{"product_of_indices",
            with_signature("x[*] -> y[i, k]",
                           "types: {real: [f32]}\nextents: {i: 2, k: 2}\nbody: \"y[@i*k, k] = 0;\"\n"),
            "not affine"},
        Bad{"another_stride",
            with_signature("x[s*i] -> y[i]",
                           "parameters: {s: {type: integer, doc: d}, t: {type: integer, doc: d}}\n"
                           "types: {real: [f32]}\nextents: {i: \"extent(x, 0) / s\"}\nbody: \"y[i] = x[@t*i];\"\n"),
            "outside the signature: x[s*i]"},
        Bad{"unknown_dtype", with_signature("x[i] -> y[i]", "types: {real: [f32, @f31]}\n"), "unknown element type"},
        Bad{"f64_into_f16", with_signature("x[i] -> y[i]", "types: [\"f64->f16\"]\nbody: \"y[i] = @x[i] + 1;\"\n"),
            "output(…)"},
        Bad{"dtype_default", with_signature("x[i] -> y[i]", "parameters: {t: {type: dtype, doc: d, default: @f32}}\n"),
            "no default"},
        Bad{"dtype_twice",
            with_signature("x[i] -> y[i]", "parameters: {s: {type: dtype, doc: d}, @t: {type: dtype, doc: d}}\n"),
            "one parameter of type dtype"},
        Bad{"dtype_taken", with_signature("x[i] -> y[i]", "parameters: {@x: {type: dtype, doc: d}}\n"), "a tensor"},
        Bad{"dtype_in_the_body",
            with_signature("x[i] -> y[i]",
                           "parameters: {t: {type: dtype, doc: d}}\ntypes: [\"f32->f32\"]\nbody: \"y[i] = @t;\"\n"),
            "chooses the types"},
        Bad{"dtype_chooses_nothing",
            with_signature("x[i] -> y[i], z[i]",
                           "parameters: {t: {type: dtype, doc: d}}\n"
                           "types: @[\"f32->f32,f32\", \"f32->f32,f64\"]\n"),
            "of the first output"},
        Bad{"types_of_another_count", with_signature("x[i] -> y[i]", "types: [\"@f32,f32->f32\"]\n"),
            "has 1 input tensor(s), these types name 2"},
        Bad{"type_variable", with_signature("x[i] -> y[i]", "types: [{types: \"T->@S\", T: [f32]}]\n"), "'S'"},
        Bad{"ambiguous_types", with_signature("x[i] -> y[i]", "types: @[\"f32->f32\", \"f32->f64\"]\n"),
            "must choose one"},
        Bad{"parameter_type", with_signature("x[i] -> y[i]", "parameters: {a: {type: @float, doc: d}}\n"),
            "not 'float'"},
        Bad{"parameter_taken", with_signature("x[i] -> y[i]", "parameters: {@i: {type: real, doc: d}}\n"), "an index"},
        Bad{"implied_parameter", with_signature("x[i±1] -> y[i]", "parameters: {@boundary: {type: real, doc: d}}\n"),
            "follows from the signature"},
        Bad{"default", with_signature("x[i] -> y[i]", "parameters: {a: {type: integer, doc: d, default: @1.5}}\n"),
            "must be a number"},
        Bad{"wrong_flops",
            with_signature("x[i] -> y[i]", "types: {real: [f32]}\nflops: @3\nbody: \"y[i] = x[i] + 1;\"\n"),
            "has 1 operations"},
        Bad{"fast_no_list",
            with_signature("x[i] -> y[i]", "types: {real: [f32]}\nfast: @yes\nbody: \"y[i] = x[i];\"\n"),
            "fast must be a list"},
        Bad{"fast_unknown_types",
            with_signature("x[i] -> y[i]", "types: {real: [f32]}\nfast: [@f64->f64]\nbody: \"y[i] = x[i];\"\n"),
            "no combination of types 'f64->f64'"},
        Bad{"fast_twice", with_signature("x[i] -> y[i]", "types: {real: [f32]}\nfast: [f32->f32, @f32->f32]\n"),
            "named twice"},
        Bad{"fast_without_code", with_signature("x[i] -> y[i]", "types: {real: [f32]}\nfast: @[f32->f32]\n"),
            "there is no test.cpp"},
        Bad{"negative_tolerance",
            with_signature("x[i] -> y[i]", "types: {real: [f32]}\ntolerance: @-1\nbody: \"y[i] = x[i];\"\n"),
            "at least 0"},
        Bad{"fold_without", with_signature("x[i] -> y[i]", "types: {real: [f32]}\nfold: @{element: x}\n"),
            "has no fold"},
        Bad{"body_of_a_fold",
            with_signature("x[...] -> y[...] : sum(axis)", "types: {real: [f32]}\nbody: \"@y = x;\"\n"),
            "write 'fold'"},
        Bad{"some_types_only", with_signature("x[...] -> y[...]", "types: {T: [f32, i32]}\nbody: \"y = sqrt(@x);\"\n"),
            "for the types i32->i32"},
        Bad{"ellipsis_with_brackets", with_signature("x[...] -> y[...]", "types: {T: [f32]}\nbody: \"y = @x[0];\"\n"),
            "without brackets"},
        Bad{"names_without_brackets",
            with_signature("x[..., i] -> y[..., i]", "types: {T: [f32]}\nbody: \"y[i] = @x;\"\n"),
            "needs its subscripts: x[..., i]"},
        Bad{"ellipsis_counted",
            with_signature("x[..., i] -> y[..., i]", "types: {T: [f32]}\nbody: \"y[i] = @x[0, i];\"\n"),
            "'x' has 1 axes behind '...', here are 2"},
        Bad{"whole_index_as_value",
            with_signature("x[n,j] -> y[n,j] : whole(j)", "types: {T: [f32]}\nbody: \"y[n,@j] = 0;\"\n"),
            "loop over it"},
        Bad{"fold_init", fold("@s = 0;", "s = s + x;", "s = s + other.s;", "y = output(s);"), "does not assign 'n'"},
        Bad{"fold_member", fold("s = 0; n = 0;", "s = s + x;", "s = s + other.@t;", "y = output(s);"),
            "unknown name 't'"},
        Bad{"fold_member_taken",
            with_signature("x[...] -> y[...] : fold(axis)",
                           "types: {real: [f32]}\nfold:\n  state: {x: @acc}\n"
                           "  init: \"x = 0;\"\n  accumulate: \"\"\n  merge: \"\"\n  finish: \"y = 0;\"\n"),
            "is taken already"},
        Bad{"fold_finish", fold("s = 0; n = 0;", "s = s + x;", "s = s + other.s;", "@s = 1;"), "cannot be changed"},
        Bad{"fold_output", fold("s = 0; n = 0;", "s = s + x;", "s = s + other.s;", "@real t = 1;"), "not assigned"},
        Bad{"fold_narrowing", fold("s = 0; n = 0;", "s = s + x;", "s = s + other.s;", "y = @s;"),
            "f64 does not become"},
        Bad{"fold_element", "kernel: test\ndoc: d\nsignature: \"@x[i,k], w[k] -> y[i] : sum(k)\"\ntypes: {T: [f32]}\n",
            "needs what is folded"}),
    name_of);

TEST(KernelErrors, ShowTheLineAndTheCaret) {
    try {
        check_kernel(parse_kernel_file(stencil("v[y,x] = u[y,x+2];"), "test.kernel.yaml"));
        FAIL();
    } catch (const JobError& error) {
        EXPECT_EQ(render(error.diagnostics().front()).substr(0, 32), "test.kernel.yaml:7:16: error: th");
    }
}

}  // namespace
}  // namespace maniple::compiler
