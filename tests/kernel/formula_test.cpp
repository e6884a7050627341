#include "kernel/formula.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace maniple {
namespace {

FormulaScope scope() {
    FormulaScope scope;
    scope.integer = [](const std::string& name) { return name == "stride" ? std::int64_t{2} : std::int64_t{1}; };
    scope.real = [](const std::string& name) { return name == "a" ? 0.5 : 4.0; };
    scope.extent = [](const std::string& tensor, int axis) { return std::int64_t{tensor == "x" ? 10 : 3} + axis; };
    return scope;
}

std::optional<std::int64_t> integer(const std::string& text) { return evaluate_integer(parse_formula(text), scope()); }
double real(const std::string& text) { return evaluate_real(parse_formula(text), scope()); }

TEST(Formula, IntegersAndExtents) {
    EXPECT_EQ(integer("1 + 2*3"), 7);
    EXPECT_EQ(integer("(1 + 2)*3"), 9);
    EXPECT_EQ(integer("8 - 3 - 2"), 3);
    EXPECT_EQ(integer("-stride*3"), -6);
    EXPECT_EQ(integer("extent(x, 2)"), 12);
    EXPECT_EQ(integer("(extent(x, 2) + 2*pad - extent(w, 0)) / stride + 1"), 6);
}

TEST(Formula, DivisionRoundsDown) {
    EXPECT_EQ(integer("7 / 2"), 3);
    EXPECT_EQ(integer("-7 / 2"), -4);
    EXPECT_EQ(integer("7 / -2"), -4);
    EXPECT_EQ(integer("-7 / -2"), 3);
    EXPECT_EQ(integer("-6 / 2"), -3);
}

TEST(Formula, HasNoValueWhereIntegersEnd) {
    EXPECT_EQ(integer("1 / 0"), std::nullopt);
    EXPECT_EQ(integer("9223372036854775807 + 1"), std::nullopt);
    EXPECT_EQ(integer("9223372036854775807 * stride"), std::nullopt);
    EXPECT_EQ(integer("-9223372036854775807 - 2"), std::nullopt);
    EXPECT_EQ(integer("(-9223372036854775807 - 1) / -1"), std::nullopt);
    EXPECT_EQ(integer("-(-9223372036854775807 - 1)"), std::nullopt);
    EXPECT_EQ(integer("9223372036854775807"), 9223372036854775807);
}

TEST(Formula, Reals) {
    EXPECT_EQ(real("(b - a) / 2"), 1.75);
    EXPECT_EQ(real("0.25*b"), 1.0);
    EXPECT_EQ(real("7 / 2"), 3.5);
    EXPECT_TRUE(std::isinf(real("a / 0")));
    EXPECT_TRUE(std::isnan(real("(a - a) / 0")));
}

TEST(Formula, ConditionsOfReals) {
    const auto holds = [](const std::string& text) { return evaluate_real(parse_condition(text), scope()); };
    EXPECT_TRUE(holds("a <= b"));
    EXPECT_TRUE(holds("a >= 0.5"));
    EXPECT_FALSE(holds("b - a < 3"));
    EXPECT_TRUE(holds("a != b"));
    EXPECT_FALSE(holds("(a - a) / 0 >= 0"));  // NaN meets no requirement
}

TEST(Formula, Conditions) {
    const auto holds = [](const std::string& text) { return evaluate(parse_condition(text), scope()); };
    EXPECT_EQ(holds("stride >= 2"), true);
    EXPECT_EQ(holds("stride > 2"), false);
    EXPECT_EQ(holds("extent(x, 0) == 10"), true);
    EXPECT_EQ(holds("extent(x, 0) != 10"), false);
    EXPECT_EQ(holds("1 < 2"), true);
    EXPECT_EQ(holds("2 <= 1"), false);
    EXPECT_EQ(holds("1/0 == 1"), std::nullopt);
}

TEST(Formula, RangesAndTexts) {
    const FormulaRange range = parse_formula_range("0..extent(x, 1) - 1");
    EXPECT_EQ(evaluate_integer(range.from, scope()), 0);
    EXPECT_EQ(evaluate_integer(range.to, scope()), 10);
    EXPECT_EQ(range.to.text, "extent(x, 1) - 1");
    EXPECT_EQ(parse_formula("  2*pad ").text, "2*pad");
}

struct Bad {
    const char* text;
    int column;
    const char* message;
};

void expect_refused(const Bad& bad, void (*parse)(std::string_view)) {
    try {
        parse(bad.text);
        FAIL() << bad.text << " was accepted";
    } catch (const JobError& error) {
        EXPECT_EQ(error.diagnostics().front().place.column, bad.column) << bad.text << ": " << error.what();
        EXPECT_NE(std::string(error.what()).find(bad.message), std::string::npos) << bad.text << ": " << error.what();
    }
}

TEST(Formula, MistakesHaveTheirPlace) {
    const auto parse = [](std::string_view text) { parse_formula(text); };
    for (const Bad& bad : {Bad{"", 1, "expected a number"}, Bad{"1 +", 4, "expected a number"},
                           Bad{"1 2", 3, "expected the end"}, Bad{"(1", 3, "')'"}, Bad{"extent(x)", 9, "','"},
                           Bad{"extent(x, y)", 11, "number of an axis"}, Bad{"extent x", 8, "'(' behind extent"},
                           Bad{"99999999999999999999", 21, "too large"}, Bad{"a % b", 3, "end"}}) {
        expect_refused(bad, parse);
    }
    EXPECT_THROW(parse_formula(std::string(100000, '(')), JobError);
    EXPECT_THROW(parse_formula(std::string(100000, '-')), JobError);
    expect_refused({"a = b", 3, "expected one of"}, [](std::string_view text) { parse_condition(text); });
    expect_refused({"0 . 3", 3, "'..'"}, [](std::string_view text) { parse_formula_range(text); });
}

}  // namespace
}  // namespace maniple
