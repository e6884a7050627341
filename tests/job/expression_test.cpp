#include "job/expression.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace maniple {
namespace {

Expression parse(std::string_view text) { return parse_expression(text, Place{"j", 1, 1, 1, std::string(text)}); }

std::string show(const Expression& expression);

std::string show(const Expression::Value& value) {
    if (value.kind == Expression::Value::Kind::word) return "'" + value.word;
    if (value.kind == Expression::Value::Kind::expression) return show(value.expression.at(0));
    std::string text = "[";
    for (const Expression::Value& item : value.list) text += (text.size() > 1 ? " " : "") + show(item);
    return text + "]";
}

/// The tree as text: (kernel argument … name=value …).
std::string show(const Expression& expression) {
    switch (expression.kind) {
        case Expression::Kind::name: return expression.name;
        case Expression::Kind::integer: return std::to_string(expression.integer);
        case Expression::Kind::real: return "r" + std::to_string(expression.real);
        case Expression::Kind::call: break;
    }
    std::string text = "(" + expression.name;
    for (const Expression& argument : expression.arguments) text += " " + show(argument);
    for (const auto& parameter : expression.parameters) text += " " + parameter.name + "=" + show(parameter.value);
    return text + ")";
}

struct Right {
    const char* text;
    const char* tree;
};

class Expressions : public testing::TestWithParam<Right> {};

TEST_P(Expressions, ParseByPrecedence) { EXPECT_EQ(show(parse(GetParam().text)), GetParam().tree) << GetParam().text; }

INSTANTIATE_TEST_SUITE_P(
    All, Expressions,
    testing::Values(Right{"a", "a"}, Right{"10", "10"}, Right{"-3", "-3"}, Right{"- 3", "-3"},
                    Right{"-9223372036854775808", "-9223372036854775808"}, Right{"1e3", "r1000.000000"},
                    Right{".5", "r0.500000"}, Right{"2.", "r2.000000"}, Right{"0.5E-1", "r0.050000"},
                    Right{"--a", "(neg (neg a))"}, Right{"-a*b", "(mul (neg a) b)"}, Right{"a*-b", "(mul a (neg b))"},
                    Right{"a - -2", "(sub a -2)"}, Right{"a-2", "(sub a 2)"}, Right{"a+b*c", "(add a (mul b c))"},
                    Right{"(a+b)*c", "(mul (add a b) c)"}, Right{"a-b-c", "(sub (sub a b) c)"},
                    Right{"a/b/c", "(div (div a b) c)"}, Right{"a+1 < b*2", "(less (add a 1) (mul b 2))"},
                    Right{"a<=b", "(less_equal a b)"}, Right{"a>b", "(greater a b)"},
                    Right{"a>=b", "(greater_equal a b)"}, Right{"a==b", "(equal a b)"},
                    Right{"a!=b", "(not_equal a b)"}, Right{"not a == b", "(logical_not (equal a b))"},
                    Right{"not not a", "(logical_not (logical_not a))"},
                    Right{"a or b and not c", "(logical_or a (logical_and b (logical_not c)))"},
                    Right{"a and b or c", "(logical_or (logical_and a b) c)"},
                    Right{"(a<b) == c", "(equal (less a b) c)"}, Right{"f()", "(f)"},
                    Right{"f(a, g(b), 2)", "(f a (g b) 2)"},
                    Right{"softmax(dense(h, w, b), axis=1)", "(softmax (dense h w b) axis=1)"},
                    Right{"sum(x, axis=[0, 1], keepdims=true)", "(sum x axis=[0 1] keepdims='true)"},
                    Right{"h(u, alpha=0.2*dt)", "(h u alpha=(mul r0.200000 dt))"},
                    Right{"h(u, boundary=[clamp, periodic])", "(h u boundary=['clamp 'periodic])"},
                    Right{"h(u, a=-x, b=[], c=[[1], 2])", "(h u a=(neg x) b=[] c=[[1] 2])"},
                    Right{"h(u, a == b)", "(h u (equal a b))"}, Right{"max(a)\n + 1", "(add (max a) 1)"},
                    Right{"android + order + nothing", "(add (add android order) nothing)"}));

TEST(ExpressionPlaces, AreThoseOfTheTokens) {
    const Expression tree = parse_expression("aa + sum(x, axis=1)", Place{"j", 7, 11, 1, {}});
    EXPECT_EQ(tree.place.line, 7);
    EXPECT_EQ(tree.place.column, 14);
    EXPECT_TRUE(tree.from_operator);
    const Expression& call = tree.arguments.at(1);
    EXPECT_EQ(call.place.column, 16);
    EXPECT_EQ(call.place.length, 3);
    EXPECT_FALSE(call.from_operator);
    EXPECT_EQ(call.arguments.at(0).place.column, 20);
    EXPECT_EQ(call.parameters.at(0).place.column, 23);
    EXPECT_EQ(call.parameters.at(0).value.place.column, 28);
    EXPECT_EQ(parse("a * - 25").arguments.at(1).place.length, 4);
}

TEST(ExpressionPlaces, FollowTheScalarOfTheFile) {
    const YamlNode root = compose_yaml("é: \"é_\" \nb: 'x + y'\nc: >\n  aa +\n  f(bb)\n", "j");
    EXPECT_EQ(parse_expression(*root.find("b")).arguments.at(1).place.column, 9);
    const Expression folded = parse_expression(*root.find("c"));
    EXPECT_EQ(folded.arguments.at(1).place.line, 5);
    EXPECT_EQ(folded.arguments.at(1).arguments.at(0).place.column, 5);
    EXPECT_EQ(folded.arguments.at(1).place.line_text, "  f(bb)");
}

struct Wrong {
    const char* text;
    int column;
    const char* fragment;
};

class ExpressionErrors : public testing::TestWithParam<Wrong> {};

TEST_P(ExpressionErrors, StandAtTheToken) {
    const Wrong& wrong = GetParam();
    try {
        parse(wrong.text);
        FAIL() << wrong.text;
    } catch (const JobError& error) {
        ASSERT_EQ(error.diagnostics().size(), 1U);
        EXPECT_EQ(error.diagnostics()[0].place.column, wrong.column) << wrong.text << "\n" << error.what();
        EXPECT_NE(std::string(error.what()).find(wrong.fragment), std::string::npos) << error.what();
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, ExpressionErrors,
    testing::Values(Wrong{"", 1, "empty expression"}, Wrong{"  ", 1, "empty expression"},
                    Wrong{"a +", 4, "the expression ends here"}, Wrong{"a b", 3, "unexpected 'b'"},
                    Wrong{"f(a", 4, "expected ',' or ')'"}, Wrong{"(a", 3, "expected ')'"},
                    Wrong{"a)", 2, "unexpected ')'"}, Wrong{"f(a,)", 5, "unexpected ')'"},
                    Wrong{"f(,a)", 3, "unexpected ','"}, Wrong{"f(a b)", 5, "expected ',' or ')'"},
                    Wrong{"a < b < c", 7, "cannot be chained"}, Wrong{"a == b != c", 8, "cannot be chained"},
                    Wrong{"a = b", 3, "write '=='"}, Wrong{"f(a+b=2)", 6, "a parameter is one word"},
                    Wrong{"f(x=1, a)", 8, "after a named parameter"}, Wrong{"f(x=1, x=2)", 8, "given twice"},
                    Wrong{"f(x=)", 5, "unexpected ')'"}, Wrong{"f(x=[1, 2)", 10, "expected ',' or ']'"},
                    Wrong{"[a]", 1, "a list can only be"}, Wrong{"a + not b", 5, "parentheses"},
                    Wrong{"and", 1, "unexpected 'and'"}, Wrong{"a ** 2", 3, "pow"}, Wrong{"a && b", 3, "write 'and'"},
                    Wrong{"a || b", 3, "write 'or'"}, Wrong{"!a", 1, "write 'not'"},
                    Wrong{"a // b", 3, "no integer division"}, Wrong{"a @ b", 3, "matmul"},
                    Wrong{"a $ b", 3, "unexpected character '$'"}, Wrong{"é", 1, "unexpected character 'é'"},
                    Wrong{"a % b", 3, "unexpected character '%'"}, Wrong{"010", 1, "'010' is not a number"},
                    Wrong{"a+0x10", 3, "'0x10' is not a number"}, Wrong{"1_000", 1, "'1_000' is not a number"},
                    Wrong{"1.2.3", 1, "'1.2.3' is not a number"}, Wrong{"2x", 1, "'2x' is not a number"},
                    Wrong{"1e", 1, "'1e' is not a number"}, Wrong{"9223372036854775808", 1, "does not fit 64 bits"},
                    Wrong{"1e999", 1, "does not fit f64"}, Wrong{"f(a)(b)", 5, "unexpected '('"},
                    Wrong{"f 'x'", 3, "unexpected character"}));

std::string repeated(std::string_view piece, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += piece;
    return text;
}

TEST(ExpressionLimits, NestingIs64) {
    EXPECT_NO_THROW(parse(repeated("f(", 64) + "x" + repeated(")", 64)));
    EXPECT_THROW(parse(repeated("f(", 65) + "x" + repeated(")", 65)), JobError);
    EXPECT_NO_THROW(parse(repeated("(", 64) + "x" + repeated(")", 64)));
    EXPECT_THROW(parse(repeated("(", 65) + "x" + repeated(")", 65)), JobError);
    EXPECT_THROW(parse(repeated("-", 65) + "x"), JobError);
    EXPECT_THROW(parse(repeated("not ", 65) + "x"), JobError);
    EXPECT_THROW(parse("f(a=" + repeated("[", 64) + repeated("]", 64) + ")"), JobError);
    EXPECT_THROW(parse(repeated("(", 60'000)), JobError);
}

TEST(ExpressionLimits, ChainsAreBounded) {
    EXPECT_NO_THROW(parse("x" + repeated("+x", 256)));
    EXPECT_THROW(parse("x" + repeated("+x", 257)), JobError);
    EXPECT_THROW(parse("x" + repeated("+x", 100'000)), JobError);
}

TEST(Names, AreWordsButNotOperators) {
    for (const char* name : {"a", "_", "A9_z", "ands"}) EXPECT_TRUE(is_name(name)) << name;
    for (const char* name : {"", "9a", "a-b", "a b", "é", "and", "or", "not"}) EXPECT_FALSE(is_name(name)) << name;
}

}  // namespace
}  // namespace maniple
