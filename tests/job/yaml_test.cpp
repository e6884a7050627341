#include "job/yaml.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace maniple {
namespace {

YamlNode compose(std::string_view text) { return compose_yaml(text, "job.yaml"); }

std::vector<Diagnostic> errors_of(std::string_view text) {
    try {
        compose(text);
    } catch (const JobError& error) { return error.diagnostics(); }
    return {};
}

/// "line:column" of byte `offset` of the node's value.
std::string at(const YamlNode& node, std::size_t offset) {
    const Place place = node.place_at(offset);
    return std::to_string(place.line) + ":" + std::to_string(place.column);
}

TEST(Yaml, ComposesScalarsSequencesAndMappings) {
    const YamlNode root = compose("a: 1\nb: [x, 'y', {c: d}]\ne: |\n  two\n  lines\n");
    ASSERT_EQ(root.kind, YamlNode::Kind::mapping);
    EXPECT_EQ(root.find("a")->value, "1");
    EXPECT_TRUE(root.find("a")->plain);
    EXPECT_FALSE(root.find("a")->flow);
    const YamlNode& b = *root.find("b");
    ASSERT_EQ(b.items.size(), 3U);
    EXPECT_TRUE(b.flow);
    EXPECT_TRUE(b.items[0].flow);
    EXPECT_FALSE(b.items[1].plain);
    EXPECT_EQ(b.items[2].find("c")->value, "d");
    EXPECT_EQ(root.find("e")->value, "two\nlines\n");
    EXPECT_EQ(root.find("missing"), nullptr);
}

TEST(Yaml, PlacesCountCharacters) {
    const YamlNode root = compose("\xEF\xBB\xBFä: é\r\nüü: \"x\"\r\n");
    EXPECT_EQ(root.entries[0].second.place.column, 4);
    EXPECT_EQ(root.entries[1].first.place.line, 2);
    EXPECT_EQ(root.entries[1].second.place.column, 5);
    EXPECT_EQ(root.entries[1].second.place.length, 3);
    EXPECT_EQ(root.entries[1].second.place.line_text, "üü: \"x\"");
}

TEST(Yaml, PlacesInsideOfScalars) {
    EXPECT_EQ(at(*compose("a: sum(u)").find("a"), 4), "1:8");
    EXPECT_EQ(at(*compose("a: 'it''s x'").find("a"), 5), "1:11");
    EXPECT_EQ(at(*compose("a: \"x\\u00e9y\"").find("a"), 3), "1:12");
    EXPECT_EQ(at(*compose("a: \"x\\ty\"").find("a"), 2), "1:8");
    EXPECT_EQ(at(*compose("a: |\n   b\n\n   cc\n").find("a"), 4), "4:5");
    EXPECT_EQ(at(*compose("a: >\n  b\n  cc\n").find("a"), 2), "3:3");
    EXPECT_EQ(at(*compose("a: one\n   two").find("a"), 5), "2:5");
    EXPECT_EQ(at(*compose("a: &x one").find("a"), 1), "1:8");
    EXPECT_EQ(at(*compose("a: b").find("a"), 99), "1:5");
}

TEST(Yaml, ExpandsAliases) {
    const YamlNode root = compose("a: &a {b: [1], c: &c [2]}\nd: &d {e: *a, f: *c}\ng: *d\nh: &h k\n*h : 3\n");
    const YamlNode& g = *root.find("g");
    EXPECT_EQ(g.find("e")->find("b")->items[0].value, "1");
    EXPECT_EQ(g.find("f")->items[0].value, "2");
    EXPECT_EQ(g.find("f")->items[0].place.line, 1);
    EXPECT_EQ(root.find("k")->value, "3");
}

TEST(Yaml, TheLastAnchorOfANameCounts) { EXPECT_EQ(compose("a: &x 1\nb: &x 2\nc: *x").find("c")->value, "2"); }

TEST(Yaml, AcceptsDirectivesAndMarkers) { EXPECT_EQ(compose("%YAML 1.2\n---\na: 1\n...\n").find("a")->value, "1"); }

TEST(Yaml, KeepsRecoverableErrorsApart) {
    std::vector<Diagnostic> errors;
    const YamlNode root = compose_yaml("a: 1\nb: !!int 2\na: 3\n", "j", errors);
    EXPECT_EQ(root.entries.size(), 2U);
    EXPECT_EQ(root.find("a")->value, "1");
    EXPECT_EQ(errors.size(), 2U);
}

TEST(Yaml, SeesExpressionsThatFlowStyleCut) {
    const YamlNode root = compose("g: {h: dense(x, w), i: f(x)}\nk: f(x");
    EXPECT_NE(quoting_hint(*root.find("g")->find("h")), "");
    EXPECT_EQ(quoting_hint(*root.find("g")->find("i")), "");
    EXPECT_EQ(quoting_hint(*root.find("k")), "");
    EXPECT_TRUE(root.find("g")->find("w)")->absent());
}

struct Wrong {
    const char* text;
    int line;
    int column;
    const char* fragment;
};

class YamlErrors : public testing::TestWithParam<Wrong> {};

TEST_P(YamlErrors, StandAtTheirPlace) {
    const Wrong& wrong = GetParam();
    const std::vector<Diagnostic> errors = errors_of(wrong.text);
    ASSERT_FALSE(errors.empty()) << wrong.text;
    EXPECT_EQ(errors[0].place.line, wrong.line) << wrong.text;
    EXPECT_EQ(errors[0].place.column, wrong.column) << wrong.text;
    EXPECT_NE(errors[0].message.find(wrong.fragment), std::string::npos) << wrong.text << "\n" << errors[0].message;
}

INSTANTIATE_TEST_SUITE_P(
    All, YamlErrors,
    testing::Values(
        Wrong{"", 1, 1, "empty"}, Wrong{"# only a comment\n", 1, 1, "empty"}, Wrong{"---\n", 1, 1, "empty"},
        Wrong{"a: 1\n---\nb: 2\n", 2, 1, "second YAML document"},
        Wrong{"a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key 'a'"},
        Wrong{"b: {c: 1, 'c': 2}\n", 1, 11, "duplicate key 'c'"}, Wrong{"a: !!int 1\n", 1, 4, "tag '!!int'"},
        Wrong{"a: !x {b: 1}\n", 1, 4, "tag '!x'"}, Wrong{"a: &a {b: 1}\nc:\n  <<: *a\n", 3, 3, "merge keys"},
        Wrong{"[a]: 1\n", 1, 1, "as a key"}, Wrong{"? {a: b}\n: 1\n", 1, 3, "as a key"},
        Wrong{"a: *b\n", 1, 4, "no anchor 'b'"}, Wrong{"a: &a [*a]\n", 1, 8, "stands inside of what it names"},
        Wrong{"a:\n\tb: 1\n", 2, 1, "tab"}, Wrong{"a: 1\nbé: \x07\n", 2, 5, "U+0007"},
        Wrong{"a: \xff\n", 1, 4, "0xFF is not UTF-8"}, Wrong{"a: \xed\xa0\x80\n", 1, 4, "not UTF-8"},
        Wrong{"a: \xc2\x85\n", 1, 4, "U+0085"}, Wrong{"a: @b\n", 1, 4, "may not start with '@'"},
        Wrong{"a: b: c\n", 1, 5, "quote a value that contains ': '"},
        Wrong{"a:\n    b: 2\n  c: 3\n", 3, 3, "expected a key"}, Wrong{"a: {b: 1\nc: 2\n", 2, 2, "expected ',' or '}'"},
        Wrong{"a: \"b\n", 2, 1, "closing quote"}, Wrong{"g: {h: sum(x, axis=[0, 1])}", 1, 20, "must be quoted"},
        Wrong{"g: {h: a.h5:/d[0:3, 1]}", 1, 15, "must be quoted"}, Wrong{"g: {h: a: b}", 1, 9, "must be quoted"}));

std::string repeated(std::string_view piece, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += piece;
    return text;
}

TEST(YamlLimits, DepthIs64) {
    EXPECT_TRUE(errors_of(repeated("[", 64) + repeated("]", 64)).empty());
    const std::vector<Diagnostic> errors = errors_of(repeated("[", 65) + repeated("]", 65));
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].place.column, 65);
    EXPECT_NE(errors[0].message.find("64"), std::string::npos);
    const std::string deep = "a: &a " + repeated("[", 40) + repeated("]", 40) + "\n";
    EXPECT_TRUE(errors_of(deep + "b: " + repeated("[", 23) + "*a" + repeated("]", 23)).empty());
    EXPECT_FALSE(errors_of(deep + "b: " + repeated("[", 24) + "*a" + repeated("]", 24)).empty());
}

TEST(YamlLimits, AliasesAre1000) {
    const std::string head = "a: &a 1\nb: [";
    EXPECT_TRUE(errors_of(head + repeated("*a,", 1000) + "]").empty());
    EXPECT_FALSE(errors_of(head + repeated("*a,", 1001) + "]").empty());
}

TEST(YamlLimits, NodesAreAMillion) {
    EXPECT_TRUE(errors_of("[" + repeated("1,", 999'999) + "]").empty());
    EXPECT_FALSE(errors_of("[" + repeated("1,", 1'000'000) + "]").empty());
}

TEST(YamlLimits, BytesAre16MiB) {
    const std::string limit((16 << 20) - 3, 'x');
    EXPECT_TRUE(errors_of("a: " + limit).empty());
    EXPECT_FALSE(errors_of("a: x" + limit).empty());
}

TEST(YamlLimits, HostileTextFailsFast) {
    std::string bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string name = std::to_string(i);
        bomb += "a" + name + ": &a" + name + " [" + repeated("*a" + std::to_string(i - 1) + ",", 9) + "]\n";
    }
    const std::string anchored = "a: &a \"" + std::string(8'000'000, 'x') + "\"\n";
    const std::string long_scalars = anchored + "b: [" + repeated("*a,", 900) + "]\n";
    const auto start = std::chrono::steady_clock::now();
    for (const std::string& text : {repeated("[", 100'000), repeated("{a: ", 100'000), repeated("{", 100'000),
                                    repeated("- ", 100'000), repeated("? ", 100'000), repeated("[\n", 100'000),
                                    repeated("!a ", 100'000), bomb, long_scalars, repeated("a: 1\n", 400'000)}) {
        EXPECT_FALSE(errors_of(text).empty());
    }
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    EXPECT_LT(spent.count(), 20.0);  // about 0.3 s; the bound is for sanitizers on a busy machine
}

}  // namespace
}  // namespace maniple
