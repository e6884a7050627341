// Tables of pipelines in plan files: edits that are legal run, others are refused at their cell.
#include <gtest/gtest.h>

#include "plan/plan_file.hpp"
#include "program/proof.hpp"
#include "shipped.hpp"

namespace maniple {
namespace {

constexpr const char* rows[] = {"  - 0: \"0:0 0:1 0:2 0:3   .\"", "    1: \"  . 1:0 1:1 1:2 1:3\""};

std::string plan_text() {
    const Graph& graph = shipped_graph("layers");
    PlanRequest request;
    request.strategy = "pipeline";
    request.microbatches = 4;
    request.stages = 2;
    request.buffer_depth = 2;
    return print_plan_file(graph, outline_plan(graph, Machine::uniform(2, {}), request), "plan.yaml");
}

std::string edited(const std::string& first, const std::string& second, const std::string& more_from = "",
                   const std::string& more_to = "") {
    std::string text = plan_text();
    const auto put = [&](const std::string& from, const std::string& to) {
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from << "\n" << text;
        if (at != std::string::npos) text.replace(at, from.size(), to);
    };
    put(rows[0], "  - 0: \"" + first + "\"");
    put(rows[1], "    1: \"" + second + "\"");
    if (!more_from.empty()) put(more_from, more_to);
    return text;
}

/// "message | the cell".
std::string refusal(const std::string& text) {
    PlanRequest request;
    request.from = "plan.yaml";
    request.from_text = text;
    try {
        const PlannedGraph planned = plan_graph(shipped_graph("layers"), Machine::uniform(2, {}), request);
        prove(planned.graph, planned.plan, {});
        return "";
    } catch (const JobError& error) {
        const Diagnostic& first = error.diagnostics().front();
        return first.message + " | " +
               first.place.line_text.substr(static_cast<std::size_t>(first.place.column) - 1, 3);
    }
}

TEST(PlanTable, IsAsTheScheduleSays) {
    for (const char* row : rows) EXPECT_NE(plan_text().find(row), std::string::npos) << plan_text();
    EXPECT_EQ(refusal(plan_text()), "");
}

TEST(PlanTable, LegalEditsAreCarriedOut) {
    EXPECT_EQ(refusal(edited("0:0 . 0:1 . 0:2 0:3", ". 1:0 . 1:1 . 1:2 1:3")), "");
    EXPECT_EQ(refusal(edited("0:0 0:1 . . 0:2 0:3", ". . 1:0 1:1 . 1:2 1:3")), "");
}

TEST(PlanTable, WhatIsNotMadeYetCannotBeRead) {
    const std::string why = refusal(edited("0:0 0:1 0:2 0:3", "1:0 . 1:1 1:2 1:3"));
    EXPECT_NE(why.find("stage 1 does microbatch 0 at time 0, but '"), std::string::npos) << why;
    EXPECT_NE(why.find("which stage 0 makes at time 0 | 1:0"), std::string::npos) << why;
}

TEST(PlanTable, BuffersAreAsManyAsDepthSays) {
    const std::string why = refusal(edited("0:0 0:1 0:2 0:3", ". . . 1:0 1:1 1:2 1:3"));
    EXPECT_NE(why.find("stage 0 does microbatch 2 at time 2, but depth: 2 has no buffer for it before stage 1 has done "
                       "microbatch 0 at time 3"),
              std::string::npos)
        << why;
    EXPECT_NE(why.find("| 0:2"), std::string::npos) << why;
    EXPECT_EQ(refusal(edited("0:0 0:1 0:2 0:3", ". . . 1:0 1:1 1:2 1:3", "depth: 2", "depth: 4")), "");
}

TEST(PlanTable, EveryTaskOnceInItsRow) {
    EXPECT_NE(refusal(edited("0:0 0:1 0:2", ". 1:0 1:1 1:2 1:3")).find("stage 0 never does microbatch 3"),
              std::string::npos);
    EXPECT_NE(refusal(edited("0:0 0:1 0:2 0:3 0:3", ". 1:0 1:1 1:2 1:3")).find("twice"), std::string::npos);
    EXPECT_NE(refusal(edited("0:1 0:0 0:2 0:3", ". . 1:0 1:1 1:2 1:3")).find("in their order"), std::string::npos);
    EXPECT_NE(refusal(edited("0:0 0:1 0:2 1:3", ". 1:0 1:1 1:2 0:3")).find("stage 1 is on column 1"),
              std::string::npos);
    EXPECT_NE(refusal(edited("0:0 0:1 0:2 0:9", ". 1:0 1:1 1:2 1:3")).find("there is no microbatch 9"),
              std::string::npos);
    EXPECT_NE(refusal(edited("0:0 0:1 0:2 x", ". 1:0 1:1 1:2 1:3")).find("expected STAGE:MICROBATCH"),
              std::string::npos);
}

/// An operation moved to the other stage, and its rank with it.
TEST(PlanTable, OperationsMoveBetweenStages) {
    const std::string text = plan_text();
    const std::size_t at = text.find("  h8.relu");
    ASSERT_NE(at, std::string::npos) << text;
    std::string moved = text;
    const std::size_t stage = moved.find("stage: 0, rank: 0", at);
    ASSERT_NE(stage, std::string::npos) << text;
    moved.replace(stage, 17, "stage: 1, rank: 1");
    EXPECT_EQ(refusal(moved), "");
    // What the first stage reads of the second, and the second of the first, has no order.
    const std::size_t early = text.find("stage: 0, rank: 0", text.find("  h3.relu"));
    std::string wrong = text;
    wrong.replace(early, 17, "stage: 1, rank: 1");
    EXPECT_NE(refusal(wrong).find("which stage 1 makes at time"), std::string::npos) << refusal(wrong);
}

}  // namespace
}  // namespace maniple
