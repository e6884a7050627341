// Plan files: what is printed is read again as the same plan; what is not allowed is refused at its place.
#include "plan/plan_file.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "../plan/random_grids.hpp"
#include "graph/twins.hpp"
#include "program/proof.hpp"
#include "shipped.hpp"

namespace maniple {
namespace {

/// Without what was said of the request.
std::string without_notes(const std::string& text) {
    std::istringstream lines(text);
    std::string line, kept;
    while (std::getline(lines, line)) {
        if (line.find("note: ") == std::string::npos) kept += line + "\n";
    }
    return kept;
}

PlanRequest from_text(const std::string& text) {
    PlanRequest request;
    request.from = "plan.yaml";
    request.from_text = text;
    return request;
}

std::string name_of_request(const PlanRequest& request) {
    return request.strategy + (request.alternates ? " 1f1b" : "") + " " + std::to_string(request.hybrid.data) +
           std::to_string(request.hybrid.pipeline) + std::to_string(request.hybrid.model);
}

void expect_round_trip(const Graph& graph, const Machine& machine, const PlanRequest& request) {
    const PlanOutline outline = outline_plan(graph, machine, request);
    const std::string text = print_plan_file(graph, outline, "plan.yaml");
    PlanOutline again;
    ASSERT_NO_THROW(again = outline_plan(graph, machine, from_text(text))) << text;
    EXPECT_EQ(without_notes(print_plan_file(graph, again, "plan.yaml")), without_notes(text));
    const PlannedGraph one = carry_out(graph, outline), other = carry_out(graph, again);
    EXPECT_TRUE(plan_identity(one.graph, one.plan) == plan_identity(other.graph, other.plan));
    EXPECT_EQ(without_notes(print_plan(one.graph, one.plan)), without_notes(print_plan(other.graph, other.plan)));
}

TEST(PlanFile, HoldsThePlansOfEveryShippedJob) {
    for (const std::string& name : shipped_names()) {
        for (int ranks = 1; ranks <= 4; ++ranks) {
            for (const PlanRequest& request : shipped_requests(ranks)) {
                SCOPED_TRACE(name + " on " + std::to_string(ranks) + " ranks, " + name_of_request(request));
                expect_round_trip(shipped_graph(name), Machine::uniform(ranks, {}), request);
            }
        }
    }
}

TEST(PlanFile, KeepsWhatMayBeClaimedAndWhetherBordersMove) {
    PlanRequest request;
    for (const char* const strategy : {"stealing", "data"}) {
        request.strategy = strategy;
        for (const std::string& name : shipped_names()) {
            SCOPED_TRACE(name + " " + strategy);
            const Graph& graph = shipped_graph(name);
            const Machine machine = Machine::uniform(3, {});
            const PlanOutline outline = outline_plan(graph, machine, request);
            const PlanOutline again =
                outline_plan(graph, machine, from_text(print_plan_file(graph, outline, "p.yaml")));
            EXPECT_EQ(again.plan.strategy, outline.plan.strategy);
            EXPECT_EQ(again.plan.claiming_ranks, outline.plan.claiming_ranks);
            EXPECT_EQ(again.plan.moves_borders, outline.plan.moves_borders);
            for (std::size_t i = 0; i < graph.operations.size(); ++i)
                EXPECT_EQ(again.plan.operations[i].claimable, outline.plan.operations[i].claimable);
        }
    }
}

/// With --validate each operation has a twin; the file does not know of them.
TEST(PlanFile, PlacesTwinsWhereTheirOriginalsAre) {
    const Graph& graph = shipped_graph("layers");
    const Machine machine = Machine::uniform(2, {});
    PlanRequest request;
    request.strategy = "pipeline";
    const std::string text = print_plan_file(graph, outline_plan(graph, machine, request), "plan.yaml");
    const Graph twice = with_twins(graph);
    const PlannedGraph planned = plan_graph(twice, machine, from_text(text));
    int twins = 0;
    for (std::size_t i = 0; i < planned.graph.operations.size(); ++i) {
        const OperationId original = planned.graph.operations[i].twin_of;
        if (!original.valid()) continue;
        ++twins;
        EXPECT_EQ(planned.plan.operations[i].points, planned.plan[original].points);
    }
    EXPECT_GT(twins, 0);
    EXPECT_NO_THROW(prove(planned.graph, planned.plan, {}));
}

/// What --validate compares is made of the same rows on the same ranks, and as without it.
void expect_twins_placed(const Graph& graph, const Graph& twice, const Machine& machine, const PlanRequest& request) {
    const PlanOutline once = outline_plan(graph, machine, request), outline = outline_plan(twice, machine, request);
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        EXPECT_EQ(outline.plan.operations[i].points, once.plan.operations[i].points) << graph.operations[i].name;
        if (!once.pipeline || !outline.pipeline) continue;
        EXPECT_EQ(outline.pipeline->stage_of[i], once.pipeline->stage_of[i]) << graph.operations[i].name;
    }
    ASSERT_EQ(outline.pipeline.has_value(), once.pipeline.has_value());
    const auto microbatches = [](const PlanOutline& of) { return of.pipeline ? of.pipeline->microbatches : 0; };
    EXPECT_EQ(microbatches(outline), microbatches(once));
    const PlannedGraph planned = carry_out(twice, outline);
    for (std::size_t i = 0; i < planned.graph.operations.size(); ++i) {
        const Operation& twin = planned.graph.operations[i];
        if (!twin.twin_of.valid()) continue;
        const Operation& original = planned.graph[twin.twin_of];
        EXPECT_EQ(twin.name, original.name + "/again");
        EXPECT_EQ(twin.bound->index_space(), original.bound->index_space());
        EXPECT_EQ(planned.plan.operations[i].points, planned.plan[twin.twin_of].points);
    }
    EXPECT_NO_THROW(prove(planned.graph, planned.plan, {}));
}

TEST(PlanFile, CutsTwinsAsTheirOriginals) {
    for (const char* const name : {"nbody", "mandelbrot", "transformer-block", "unet-like", "layers"}) {
        const Graph& graph = shipped_graph(name);
        const Graph twice = with_twins(graph);
        for (int ranks = 1; ranks <= 3; ++ranks) {
            for (const PlanRequest& request : shipped_requests(ranks)) {
                SCOPED_TRACE(name + (" on " + std::to_string(ranks)) + " ranks, " + name_of_request(request));
                expect_twins_placed(graph, twice, Machine::uniform(ranks, {}), request);
            }
        }
    }
}

TEST(PlanFile, MoreRanksThanThePlanTakesAreIdle) {
    const Graph& graph = shipped_graph("life");
    PlanRequest data;
    data.strategy = "data";
    const std::string text = print_plan_file(graph, outline_plan(graph, Machine::uniform(2, {}), data), "plan.yaml");
    const PlannedGraph planned = plan_graph(graph, Machine::uniform(4, {}), from_text(text));
    EXPECT_EQ(planned.plan.ranks, 4);
    EXPECT_TRUE(points_of(planned.graph, planned.plan, OperationId(std::size_t{0}), Rank(3)).empty());
    EXPECT_NO_THROW(prove(planned.graph, planned.plan, {}));
}

/// Plans that nobody would choose are read as they are written, and can be proved.
TEST(PlanFile, LegalEditsCanBeProved) {
    std::mt19937 random(5);
    for (const std::string& name : shipped_names()) {
        const Graph& graph = shipped_graph(name);
        const Machine machine = Machine::uniform(4, {});
        for (std::uint32_t seed = 0; seed < 6; ++seed) {
            PlanRequest request;
            request.strategy = seed % 2 == 0 ? "data" : "hybrid";
            request.hybrid = {2, 2, 1};
            request.microbatches = seed % 2 == 0 ? 0 : 3;
            PlanOutline outline = outline_plan(graph, machine, request);
            const int most = outline.pipeline ? 2 : 4;  // ranks of a column, or of all
            const std::vector<BlockGrid> grids = random_grids(graph, seed, most);
            for (std::size_t i = 0; i < grids.size(); ++i) {
                BlockGrid grid = grids[i];
                auto first = static_cast<std::int32_t>(random() % static_cast<unsigned>(most + 1 - grid.count()));
                if (outline.pipeline)
                    first += 2 * outline.pipeline->column_of[static_cast<std::size_t>(outline.pipeline->stage_of[i])];
                grid.first = Rank(first);
                outline.plan.operations[i].points = grid;
            }
            SCOPED_TRACE(name + " " + request.strategy + " " + std::to_string(seed));
            const PlannedGraph planned =
                plan_graph(graph, machine, from_text(print_plan_file(graph, outline, "plan.yaml")));
            EXPECT_NO_THROW(prove(planned.graph, planned.plan, {}));
        }
    }
}

// --- What is refused ---------------------------------------------------------------------------------------------

/// The file of terrain on two ranks with `from` replaced by `to`.
std::string edited(const std::string& from, const std::string& to) {
    const Graph& graph = shipped_graph("terrain");
    PlanRequest data;
    data.strategy = "data";
    std::string text = print_plan_file(graph, outline_plan(graph, Machine::uniform(2, {}), data), "plan.yaml");
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " is not in\n" << text;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// What is wrong with a file, "LINE: message", one a line, and the line of the file.
std::string refusal(const std::string& text, ExitCode code = ExitCode::job, int ranks = 2) {
    try {
        outline_plan(shipped_graph("terrain"), Machine::uniform(ranks, {}), from_text(text));
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), code);
        std::string all;
        for (const Diagnostic& one : error.diagnostics()) {
            EXPECT_TRUE(one.place) << one.message;
            EXPECT_EQ(one.place.file, "plan.yaml");
            all += one.message + (one.suggestion.empty() ? "" : " (" + one.suggestion + "?)") + " | " +
                   one.place.line_text.substr(static_cast<std::size_t>(one.place.column) - 1, 8) + "\n";
        }
        return all;
    }
    return "nothing";
}

TEST(PlanFile, RefusesWhatMayNotBeCut) {
    EXPECT_NE(refusal(edited("smooth: {cut: {y: 2}", "smooth: {cut: {z: 2}")).find("has no index 'z'; it has y, x"),
              std::string::npos);
    EXPECT_NE(refusal(edited("smooth: {cut: {y: 2}", "smooth: {cut: {y: 541}")).find("540 points"), std::string::npos);
    EXPECT_NE(refusal(edited("smooth: {cut: {y: 2}", "smooth: {cut: {y: 1}")).find("| 1"), std::string::npos);
}

TEST(PlanFile, RefusesRanksThatAreNotThere) {
    const std::string outside = refusal(edited("smooth: {cut: {y: 2}, rank: 0}", "smooth: {cut: {y: 2}, rank: 1}"));
    EXPECT_NE(outside.find("this takes ranks 1 to 2, and the plan has 2 (ranks:) | 1}"), std::string::npos) << outside;
    const std::string many = refusal(edited("\nranks: 2", "\nranks: 3"), ExitCode::unavailable);
    EXPECT_NE(many.find("the plan takes 3 ranks, there are 2"), std::string::npos) << many;
}

TEST(PlanFile, RefusesWhatIsAbsurd) {
    EXPECT_NE(refusal(edited("smooth: {cut: {y: 2}", "smooth: {cut: {y: 99999999999}")).find("540 points"),
              std::string::npos);
    EXPECT_NE(refusal(edited("smooth: {cut: {y: 2}, rank: 0}", "smooth: {cut: [y], rank: 0}")).find("a mapping"),
              std::string::npos);
    EXPECT_NE(refusal(edited("smooth: {cut: {y: 2}, rank: 0}", "smooth: {cut: {y: 540, x: 1081}, rank: 0}"))
                  .find("ranks 0 to 583739"),
              std::string::npos);
    EXPECT_NE(refusal(edited("\nranks: 2", "\nranks: none")).find("| none"), std::string::npos);
    EXPECT_NE(refusal(edited("maniple_plan: 1",
                             "pipeline: {microbatches: 2, depth: 1, columns: [], tables: 1}\n"
                             "maniple_plan: 1"))
                  .find("has no pipeline"),
              std::string::npos);
}

PlanRequest pipeline_request() {
    PlanRequest request;
    request.strategy = "pipeline";
    return request;
}

PlanRequest grid_request(int data, int pipeline) {
    PlanRequest request;
    request.strategy = "hybrid";
    request.hybrid = {data, pipeline, 1};
    return request;
}

/// The same of the file of a pipeline on so many ranks, which has one error.
std::string pipeline_refusal(const std::string& from, const std::string& to, int ranks = 3,
                             const PlanRequest& request = pipeline_request()) {
    const Graph& graph = shipped_graph("layers");
    const Machine machine = Machine::uniform(ranks, {});
    std::string text = print_plan_file(graph, outline_plan(graph, machine, request), "plan.yaml");
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " is not in\n" << text;
    if (at != std::string::npos) text.replace(at, from.size(), to);
    try {
        outline_plan(graph, machine, from_text(text));
    } catch (const JobError& error) {
        const Diagnostic& first = error.diagnostics().front();
        EXPECT_EQ(error.diagnostics().size(), 1u);
        return first.message + " (" + first.suggestion + "?) | " +
               first.place.line_text.substr(static_cast<std::size_t>(first.place.column) - 1);
    }
    return "nothing";
}

TEST(PlanFile, AStrategyIsOneThatThereIs) {
    const std::string unknown = refusal(edited("strategy: \"data\"", "strategy: \"dta\""));
    EXPECT_EQ(
        unknown,
        "expected one of data, model, pipeline, stealing or a grid like {data: 2, pipeline: 4}, found 'dta' (data?) | "
        "\"dta\"\n");
    for (const char* const grid :
         {"{}x", "{data: 0, model: 2}", "{data: 2, data: 2}", "{dat: 2}", "{data: 2", "frob"}) {
        const std::string why = refusal(edited("strategy: \"data\"", fmt::format("strategy: \"{}\"", grid)));
        EXPECT_NE(why.find("expected one of data"), std::string::npos) << grid << ": " << why;
    }
    for (const char* const grid : {"model", "stealing", "{data: 2, model: 2}", "{model: 1}"})
        EXPECT_EQ(refusal(edited("strategy: \"data\"", fmt::format("strategy: \"{}\"", grid))), "nothing") << grid;
}

TEST(PlanFile, WhatHasStagesIsCalledAPipeline) {
    EXPECT_EQ(pipeline_refusal("strategy: \"pipeline\"", "strategy: \"data\""),
              "a plan with 'pipeline:' is a pipeline or a grid like {data: 2, pipeline: 4}, found 'data' (pipeline?) | "
              "\"data\"");
    EXPECT_NE(pipeline_refusal("strategy: \"pipeline\"", "strategy: \"{data: 3}\"").find("found '{data: 3}'"),
              std::string::npos);
    EXPECT_EQ(pipeline_refusal("strategy: \"pipeline\"\n", ""), "nothing");
    EXPECT_EQ(pipeline_refusal("strategy: \"{data: 2, pipeline: 2}\"\n", "", 4, grid_request(2, 2)), "nothing");
}

TEST(PlanFile, AStageIsComputedByItsColumn) {
    const std::string why = pipeline_refusal("{stage: 0, rank: 0}", "{stage: 0, rank: 2}");
    EXPECT_EQ(why.substr(0, why.find('|')), "stage 0 is on column 0, which is rank 0; this takes rank 2 (0?) ") << why;
    EXPECT_EQ(why.substr(why.find('|')).substr(0, 4), "| 2}") << why;
}

TEST(PlanFile, RefusesUnknownAndMissingOperations) {
    const std::string unknown = refusal(edited("  smooth:", "  smoth:"));
    EXPECT_EQ(unknown, "'smoth' is no operation of graph 'terrain' (smooth?) | smoth: {\n");
    const std::string text = edited("  slope:", "  # slope:");
    EXPECT_NE(refusal(text).find("operation 'slope' is missing"), std::string::npos) << refusal(text);
}

TEST(PlanFile, RefusesAnotherGraph) {
    const Graph& other = shipped_graph("life");
    PlanRequest data;
    data.strategy = "data";
    const std::string text = print_plan_file(other, outline_plan(other, Machine::uniform(2, {}), data), "plan.yaml");
    EXPECT_NE(refusal(text).find("another graph"), std::string::npos);
    EXPECT_NE(refusal(edited("graph: x", "graph: y")).find("another graph"), std::string::npos);
}

TEST(PlanFile, RefusesWhatIsNoPlan) {
    EXPECT_NE(refusal("maniple_plan: 1\n").find("missing key 'operations'"), std::string::npos);
    EXPECT_NE(refusal(edited("maniple_plan: 1", "maniple_plan: 2")).find("format 1"), std::string::npos);
    EXPECT_NE(refusal(edited("strategy:", "strateg:")).find("(strategy?)"), std::string::npos);
    EXPECT_NE(refusal("[1, 2]\n").find("expected a mapping"), std::string::npos);
    EXPECT_NE(refusal(edited("rank: 0}", "rank: 0, stage: 1}")).find("unknown key 'stage'"), std::string::npos);
}

}  // namespace
}  // namespace maniple
