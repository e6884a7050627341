#include "base/error.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

TEST(Render, ShowsThePlaceTheLineAndTheCaret) {
    const Diagnostic diagnostic{
        {"job.yaml", 3, 6, 8, "  u: heat_stp(u)"}, "unknown kernel 'heat_stp'", "heat_step", {}, false};
    EXPECT_EQ(render(diagnostic),
              "job.yaml:3:6: error: unknown kernel 'heat_stp'\n"
              "  u: heat_stp(u)\n"
              "     ^~~~~~~~\n"
              "  did you mean 'heat_step'?\n");
}

TEST(Render, ShowsNotesAndWarnings) {
    const Diagnostic diagnostic{{"j", 2, 1, 1, "b: 1"}, "twice", {}, {{{"j", 1, 1, 2, "ab: 1"}, "first here"}}, true};
    EXPECT_EQ(render(diagnostic), "j:2:1: warning: twice\nb: 1\n^\nj:1:1: note: first here\nab: 1\n^~\n");
}

TEST(Render, WithoutPlaceNamesTheProgram) {
    EXPECT_EQ(render({{}, "no such option", {}, {}, false}), "maniple: error: no such option\n");
}

TEST(Render, KeepsTabsAlignedAndReplacesControlCharacters) {
    const Diagnostic diagnostic{{"j", 1, 4, 1,
                                 "\ta\x1b"
                                 "b\x7f"},
                                "bad \x07 \xc2\x85",
                                {},
                                {},
                                false};
    EXPECT_EQ(render(diagnostic), "j:1:4: error: bad ? ?\n\ta?b?\n\t  ^\n");
}

TEST(Render, CountsCharactersNotBytes) {
    const Diagnostic diagnostic{{"j", 1, 3, 2, "äé: öü"}, "x", {}, {}, false};
    EXPECT_EQ(render(diagnostic), "j:1:3: error: x\näé: öü\n  ^~\n");
}

TEST(Render, ReplacesWhatIsNotUtf8) {
    EXPECT_EQ(render({{"j", 1, 1, 1, "a\xff"}, "x\xc3", {}, {}, false}), "j:1:1: error: x?\na?\n^\n");
}

TEST(Render, EndsTheCaretWithTheLine) {
    EXPECT_EQ(render({{"j", 1, 2, 99, "abc"}, "x", {}, {}, false}), "j:1:2: error: x\nabc\n ^~\n");
    EXPECT_EQ(render({{"j", 1, 9, 1, "abc"}, "x", {}, {}, false}), "j:1:9: error: x\nabc\n   ^\n");
}

TEST(Render, CutsLongLinesAroundThePlace) {
    const std::string line = std::string(5000, 'a') + "HERE" + std::string(5000, 'b');
    const std::string text = render({{"j", 1, 5001, 4, line}, "x", {}, {}, false});
    EXPECT_LT(text.size(), 500U);
    EXPECT_NE(text.find("HERE"), std::string::npos);
    const std::size_t source = text.find('\n') + 1;
    const std::size_t caret_line = text.find('\n', source) + 1;
    EXPECT_EQ(text.find("HERE") - source, text.find("^~~~") - caret_line);
}

TEST(Render, ColoursOnlyWhenAsked) {
    const Diagnostic diagnostic{{"j", 1, 1, 1, "a"}, "x", {}, {}, false};
    EXPECT_EQ(render(diagnostic).find('\033'), std::string::npos);
    EXPECT_NE(render(diagnostic, true).find('\033'), std::string::npos);
}

TEST(Error, CarriesItsExitCodeAndFirstMessage) {
    const DataError error({"j", 1, 1, 1, ""}, "no such file");
    EXPECT_EQ(error.code(), ExitCode::data);
    EXPECT_STREQ(error.what(), "no such file");
    EXPECT_EQ(UsageError("x").code(), ExitCode::usage);
    EXPECT_EQ(LinkError("x").diagnostics().size(), 1U);
}

TEST(BrokenInvariantDeathTest, AbortsWithFileAndMessage) {
    EXPECT_DEATH(MANIPLE_CHECK(1 + 1 == 3, std::string("sum is 2")), "rank .*error_test.cpp:[0-9]+: sum is 2");
}

}  // namespace
}  // namespace maniple
