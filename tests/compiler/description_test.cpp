// What the compiler derives from a description: types, costs, exactness, and the text it prints.
#include <gtest/gtest.h>

#include "compiler/check.hpp"
#include "compiler/kernel_file.hpp"
#include "compiler/lower.hpp"
#include "compiler/print_cpp.hpp"

namespace maniple::compiler {
namespace {

KernelFile parse(const std::string& signature, const std::string& rest) {
    return parse_kernel_file("kernel: test\ndoc: d\nsignature: \"" + signature + "\"\n" + rest, "test.kernel.yaml");
}

double flops(const std::string& body) {
    const KernelFile file = parse("x[i], w[i] -> y[i]",
                                  "parameters: {r: {type: integer, doc: d, default: 2}}\n"
                                  "types: {real: [f32]}\nbody: |\n  " +
                                      body + "\n");
    return check_kernel(file).flops_per_point;
}

TEST(Description, CountsOperations) {
    EXPECT_EQ(flops("y[i] = x[i];"), 0);
    EXPECT_EQ(flops("y[i] = x[i]*w[i] + 1;"), 2);
    EXPECT_EQ(flops("y[i] = -x[i] < 0 ? 1 : 0;"), 0);  // signs and comparisons are free
    EXPECT_EQ(flops("y[i] = sqrt(max(x[i], w[i]));"), 2);
    EXPECT_EQ(flops("real s = 0; for (index k in 0..5) { s = s + x[i]*w[i]; } y[i] = s;"), 10);
    EXPECT_EQ(flops("real s = 0; for (index k in -r..r+1) { s = s + x[i]; } y[i] = s;"), 5);
    EXPECT_EQ(flops("if (x[i] > 0) { y[i] = x[i]*w[i] + 1; } else { y[i] = x[i] + 1; }"), 2);
    EXPECT_EQ(flops("y[i] = real(i*2 + 1);"), 0);  // indices are no reals
}

TEST(Description, CountsBesideWhatIsDeclared) {
    const KernelFile file = parse("x[i] -> y[i]", "types: {real: [f32]}\nflops: 1\nbody: \"y[i] = x[i] + 1;\"\n");
    EXPECT_EQ(check_kernel(file).flops_per_point, 1);
    EXPECT_EQ(check_kernel(file).counted_flops_per_point, 1);
}

TEST(Description, CarriesTheTolerance) {
    const std::string rest = "types: {real: [f32]}\nbody: \"y[i] = sqrt(x[i]);\"\n";
    const KernelFile plain = parse("x[i] -> y[i]", rest);
    EXPECT_FALSE(plain.tolerance.has_value());
    const KernelFile loose = parse("x[i] -> y[i]", "tolerance: 2.5\n" + rest);
    EXPECT_EQ(loose.tolerance, 2.5);
    const std::string text = print_pack("p", {check_kernel(loose)}, {}, {"checked"});
    EXPECT_NE(text.find("1.000000, 1.000000, 2.500000, 0,"), std::string::npos);
}

TEST(Description, TakesDeclaredOperationsOfLoops) {
    const KernelFile file = parse("x[i] -> y[i]",
                                  "types: {real: [f32]}\nflops: 40\n"
                                  "body: \"real t = x[i]; while (t > 1) { t = t * 0.5; } y[i] = t;\"\n");
    EXPECT_EQ(check_kernel(file).flops_per_point, 40);
    EXPECT_FALSE(check_kernel(file).counted_flops_per_point.has_value());
}

bool exact(const std::string& types, const std::string& body) {
    const KernelFile file = parse("x[...] -> y[...]", "types: [\"" + types + "\"]\nbody: \"" + body + "\"\n");
    return check_kernel(file).exact;
}

TEST(Description, DerivesExactness) {
    EXPECT_TRUE(exact("f32->f32", "y = x*x - 2*abs(x) + min(x, 1);"));
    EXPECT_TRUE(exact("f32->bool", "y = x > 0 && x < 1;"));
    EXPECT_FALSE(exact("f32->f32", "y = 1 / x;"));
    EXPECT_FALSE(exact("f32->f32", "y = sqrt(x);"));
    EXPECT_TRUE(exact("f64->f32", "y = f32(x);"));  // a conversion rounds once, everywhere
    EXPECT_TRUE(exact("i64->f16", "y = f16(x);"));
    EXPECT_TRUE(exact("f16->f16", "y = x*x + 1;"));
    EXPECT_FALSE(exact("f16->f16", "y = x / 3;"));
    EXPECT_FALSE(exact("f32->f32", "y = exp(x);"));
    EXPECT_TRUE(exact("i32->i32", "y = x*x - 3;"));
    EXPECT_FALSE(exact("i32->f64", "y = x / 2;"));
    EXPECT_TRUE(exact("u8->bool", "y = bool(x);"));
}

TEST(Description, FoldsOfRealsAreExactByMinAndMaxOnly) {
    const auto fold = [](const std::string& kind, const std::string& types) {
        const KernelFile file = parse("x[...] -> y[...] : " + kind + "(axis)", "types: [\"" + types + "\"]\n");
        return check_kernel(file).exact;
    };
    EXPECT_FALSE(fold("sum", "f32->f32"));
    EXPECT_TRUE(fold("sum", "i32->i64"));
    EXPECT_TRUE(fold("max", "f32->f32"));
    EXPECT_TRUE(fold("min", "f64->f64"));
}

TEST(Description, ExpandsTypes) {
    const KernelFile file =
        parse("c[...], a[...] -> d[...]",
              "types: [{types: \"bool,T->T\", T: [f32, i64]}, \"u8,f64->f64\"]\nbody: \"d = a;\"\n");
    ASSERT_EQ(file.combinations.size(), 3u);
    EXPECT_EQ(file.combinations[0].text(), "bool,f32->f32");
    EXPECT_EQ(file.combinations[1].text(), "bool,i64->i64");
    EXPECT_EQ(file.combinations[2].text(), "u8,f64->f64");
    EXPECT_EQ(check_kernel(file).variants[2].bytes_per_point, 17);
}

TEST(Description, HalvesAreF32InBodies) {
    const KernelFile file = parse("x[...] -> y[...]", "types: {real: [f16]}\nbody: \"real t = x + 1; y = t;\"\n");
    const TypedKernel kernel = check_kernel(file);
    EXPECT_EQ(kernel.variants[0].real, ValueType::f32);
    EXPECT_EQ(kernel.variants[0].bytes_per_point, 4);
    const std::string text = print_cpp(kernel);
    EXPECT_NE(text.find("from_half(r"), std::string::npos);
    EXPECT_NE(text.find(" = to_half(t_);"), std::string::npos);
}

TEST(Description, ConversionsToF16RoundOnce) {
    const KernelFile file =
        parse("x[...] -> y[...]", "types: [\"f64->f16\"]\nbody: \"f64 t = f16(x); y = output(t + x);\"\n");
    const std::string text = print_cpp(check_kernel(file));
    EXPECT_NE(text.find("double t_ = to<double>(from_half(to_half("), std::string::npos);
    EXPECT_NE(text.find(" = to_half((t_ + "), std::string::npos);
}

TEST(Description, ParameterOfATypeTellsOutputsApart) {
    const KernelFile file = parse("x[...] -> y[...]",
                                  "parameters: {dtype: {type: dtype, doc: d}, a: {type: real, doc: d}}\n"
                                  "types: [{types: \"S->T\", S: [f32, i32], T: [f16, bool]}]\nbody: \"y = T(x);\"\n");
    ASSERT_EQ(file.combinations.size(), 4u);
    ASSERT_TRUE(file.dtype);
    EXPECT_EQ(file.parameters.size(), 1u);  // what the code sees
    const TypedKernel kernel = check_kernel(file);
    const std::string pack = print_pack("mine", {kernel}, {}, {"checked"});
    EXPECT_LT(pack.find("{\"a\", \"real\""), pack.find("{\"dtype\", \"dtype\", 1"));
}

TEST(Description, LaysOutStates) {
    const KernelFile file = parse("x[...] -> y[...] : fold(axis)",
                                  "types: [\"f32->f32\"]\nfold:\n  state: {seen: bool, s: acc, n: int}\n"
                                  "  init: \"seen = false; s = 0; n = 0;\"\n  accumulate: \"s = s + x;\"\n"
                                  "  merge: \"s = s + other.s;\"\n  finish: \"y = f32(s);\"\n");
    EXPECT_EQ(check_kernel(file).variants[0].state_bytes, 24);
}

TEST(Description, JoinsEqualAccesses) {
    const KernelFile file =
        parse("u[y±1, x], u[y, x±1] -> v[y, x]",
              "types: {real: [f32]}\nbody: \"v[y,x] = u[y,x] + u[y,x]*u[y,x+1] - u[y-1,1*x+0];\"\n");
    const TypedKernel kernel = check_kernel(file);
    EXPECT_EQ(lower(kernel.variants[0].functions[0], file).streams.size(), 4u);
}

TEST(Description, PrintsTextsThatStandAlone) {
    const KernelFile file = parse("x[...] -> y[...] : sum(axis)", "types: {real: [f32]}\n");
    const TypedKernel kernel = check_kernel(file);
    for (const std::string& text : {print_cpp(kernel), print_checked(kernel)}) {
        EXPECT_EQ(text.find("#include"), std::string::npos);
    }
    const std::string pack = print_pack("mine", {kernel}, {}, {"checked", "v3"});
    EXPECT_NE(pack.find("maniple_kernel_test_v3"), std::string::npos);
    EXPECT_NE(pack.find("extern \"C\" const maniple_pack maniple_pack_mine"), std::string::npos);
}

}  // namespace
}  // namespace maniple::compiler
