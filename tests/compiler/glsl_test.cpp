// Questions about printed shaders: what they name, and what they need not.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "compiler/glsl_prelude.hpp"
#include "compiler/kernel_file.hpp"
#include "compiler/print_glsl.hpp"

namespace maniple {
namespace {

using namespace compiler;

/// A description of one kernel; owns what the checked kernel borrows.
struct Described {
    KernelFile file;
    TypedKernel kernel;
    ShaderSet set;

    explicit Described(const std::string& lines)
        : file(parse_kernel_file("kernel: k\ndoc: Something.\n" + lines, "k.kernel.yaml")), kernel(check_kernel(file)),
          set(print_shaders(kernel)) {}

    const std::string& text(FunctionKind kind, std::size_t variant = 0) const {
        return set.texts[set.variants[variant].shaders.at(kind)].text;
    }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string pointwise(const std::string& types, const std::string& body) {
    return "signature: \"x[...] -> y[...]\"\ntypes: {real: [" + types + "]}\nbody: \"" + body + "\"\n";
}

TEST(Glsl, ArithmeticOfRealsIsByFunctionsThatForbidContraction) {
    const Described k(pointwise("f32", "y = x*x + 1;"));
    const std::string& text = k.text(FunctionKind::compute);
    EXPECT_TRUE(has(text, "add_f32(multiply_f32(t1[a1], t1[a1]), 1.0)"));
    EXPECT_TRUE(has(text, "float add_f32(float a, float b) { precise float c = a + b; return c; }"));
    EXPECT_FALSE(has(text, "subtract_f32"));
}

TEST(Glsl, ExtensionsFollowTheTypes) {
    const Described k(pointwise("f32, f16, f64", "y = x;"));
    EXPECT_FALSE(has(k.text(FunctionKind::compute, 0), "#extension"));
    EXPECT_TRUE(has(k.text(FunctionKind::compute, 1), "GL_EXT_shader_16bit_storage"));
    EXPECT_FALSE(has(k.text(FunctionKind::compute, 2), "int64"));
}

TEST(Glsl, EqualTextsAreOneShader) {
    const Described k("signature: \"x[...] -> y[...] : sum(axis)\"\ntypes: [{types: \"T->i64\", T: [i32, u8, i64]}]\n");
    EXPECT_EQ(k.set.texts.size(), 5u);  // three that accumulate, one that merges, one that finishes
    EXPECT_EQ(k.set.variants[0].shaders.at(FunctionKind::merge), k.set.variants[2].shaders.at(FunctionKind::merge));
    EXPECT_EQ(k.set.variants[0].shaders.count(FunctionKind::init), 0u);
}

TEST(Glsl, BuffersSayWhetherTheyAreReadOrWritten) {
    const Described k("signature: \"x[i, k] -> y[i] : max(k)\"\ntypes: {T: [u8]}\n");
    const std::string& accumulate = k.text(FunctionKind::accumulate);
    EXPECT_TRUE(has(accumulate, "binding = 1) writeonly buffer Buffer0 { State t0[]; }"));
    EXPECT_TRUE(has(accumulate, "binding = 2) readonly buffer Buffer1 { uint8_t t1[]; }"));
    const std::string& merge = k.text(FunctionKind::merge);
    EXPECT_TRUE(has(merge, "binding = 1) buffer Buffer0 { State t0[]; }"));
    EXPECT_TRUE(has(merge, "binding = 2) readonly buffer Buffer1 { State t1[]; }"));
    const std::string& finish = k.text(FunctionKind::finish);
    EXPECT_TRUE(has(finish, "binding = 1) writeonly buffer Buffer0 { uint8_t t0[]; }"));
    EXPECT_TRUE(has(finish, "binding = 2) readonly buffer Buffer1 { State t1[]; }"));
}

TEST(Glsl, NeighbouringInvocationsAreSegmentsOrKeptPoints) {
    // Either gives the same results, so that no run can tell.
    const Described k("signature: \"x[i, k] -> y[i] : max(k)\"\ntypes: {T: [i32]}\n");
    const std::string& text = k.text(FunctionKind::accumulate);
    EXPECT_TRUE(has(text, "const bool across = call.segments_first != 0u;"));
    EXPECT_TRUE(has(text, "const uint segment = across ? n % call.segments : n / kept;"));
    EXPECT_TRUE(has(text, "uint rest = across ? n / call.segments : n % kept;"));
}

TEST(Glsl, SubscriptsNeedNo64Bits) {
    const Described k(
        "signature: \"x[i±r, *] -> y[i]\"\nparameters: {r: {type: integer, doc: reach}}\ntypes: {real: [f32]}\n"
        "body: \"real s = 0; for (index d in -r..r+1) { s = s + x[i+d, extent(x, 1) - 1]; } y[i] = s;\"\n");
    const std::string& text = k.text(FunctionKind::compute);
    EXPECT_FALSE(has(text, "int64_t"));
    EXPECT_TRUE(has(text, "for (uint u_d = (0u - u_r), end_u_d = (u_r + 1u); int(end_u_d - u_d) > 0; ++u_d) {"));
    EXPECT_FALSE(k.set.variants[0].uses_coordinates);
}

TEST(Glsl, ValuesOfIndicesHave64Bits) {
    const Described k(
        "signature: \"x[i±3] -> y[i]\"\ntypes: {real: [f32]}\n"
        "body: \"real s = real(i); for (index d in 0..3) { s = s + real(d)*x[i+d]; } y[i] = s;\"\n");
    const std::string& text = k.text(FunctionKind::compute);
    EXPECT_TRUE(
        has(text, "const int64_t v_i = join_i64(call.lo[0].x, call.lo_high[0].x) + int64_t(u_i - call.lo[0].x);"));
    EXPECT_TRUE(has(text, "for (int64_t v_d = 0L"));
    EXPECT_TRUE(k.set.variants[0].uses_coordinates);
}

TEST(Glsl, ALoopWhoseEndIsAValueHas64Bits) {
    const Described k(
        "signature: \"x[i, *] -> y[i]\"\ntypes: {real: [f32]}\n"
        "body: \"real s = 0; index n = extent(x, 1); for (index d in 0..n) { s = s + x[i, d]; } y[i] = s;\"\n");
    EXPECT_TRUE(has(k.text(FunctionKind::compute), "for (int64_t v_d = 0L, end_v_d = v_n; v_d < end_v_d; ++v_d) {"));
}

TEST(Glsl, NamesMeetNoneOfGlslsOrOurs) {
    const Described k(
        "signature: \"sample[...] -> output[...]\"\nparameters: {gl_x: {type: real, doc: a}, n: {type: real, doc: b}}\n"
        "types: {real: [f32]}\nbody: \"real texture = gl_x; real rest = n; output = sample + texture + rest;\"\n");
    const std::string& text = k.text(FunctionKind::compute);
    for (const char* const word : {"gl_x", "texture", "output", "sample"})
        EXPECT_FALSE(words_of(text.substr(text.find("main"))).contains(word)) << word;
}

TEST(Glsl, FunctionsOfF64AreNotOnAGpu) {
    const Described k(pointwise("f32, f64", "y = exp(sqrt(x));"));
    EXPECT_EQ(k.set.variants[0].reason, "");
    EXPECT_EQ(k.set.variants[1].reason, "exp of f64");
    EXPECT_TRUE(k.set.variants[1].shaders.empty());
    EXPECT_TRUE(Described(pointwise("f64", "y = fma(x, floor(x), ceil(abs(x)));")).set.variants[0].reason.empty());
}

TEST(Glsl, MoreThanTheAbiHoldsIsNotOnAGpu) {
    std::string inputs, sum;
    for (const char name : std::string("abcdefgh")) {
        inputs += std::string(inputs.empty() ? "" : ", ") + name + "[...]";
        sum += std::string(sum.empty() ? "" : " + ") + name;
    }
    const Described k("signature: \"" + inputs + " -> y[...]\"\ntypes: {real: [f32]}\nbody: \"y = " + sum + ";\"\n");
    EXPECT_EQ(k.set.variants[0].reason, "too many tensors");
}

}  // namespace
}  // namespace maniple
