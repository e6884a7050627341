// Checks of what an input may hold: where they are and what waits for them.
#include <gtest/gtest.h>

#include "example.hpp"
#include "program/lane_choice.hpp"

namespace maniple {
namespace {

constexpr const char* text = R"yaml(maniple: 1
name: check
inputs: {x: {shape: [40, 5], fill: 1}, labels: {shape: [40], fill: 2, dtype: i64}}
graph:
  moved: labels + 1
  loss: cross_entropy_of_class(x, moved)
outputs: {loss: out.h5:/loss}
)yaml";

bool computes(const Graph& graph, const Instruction& instruction, const std::string& kernel) {
    return instruction.kind == InstructionKind::compute && graph[instruction.operation].kernel->name == kernel;
}

/// Every part of the operation on `rank` waits for checks of all that the rank reads.
void expect_guarded(const Example& example, const Layout& layout, const Shape& rows) {
    const Program program = build_program(example.graph, example.plan, layout, example.first_block());
    const std::vector<InstructionId> checks =
        find_all(program, [](const Instruction& i) { return i.kind == InstructionKind::check; });
    Region seen;
    for (const InstructionId id : checks) {
        EXPECT_EQ(program.instructions[id.index()].lane, LaneKind::cpu);
        seen.add(program.instructions[id.index()].box);
    }
    Region missing(Box(Extents{rows[0]}, Extents{rows[1]}));
    for (const Box& box : seen.boxes()) missing.subtract(box);
    EXPECT_TRUE(missing.empty());
    const std::vector<InstructionId> users =
        find_all(program, [&](const Instruction& i) { return computes(example.graph, i, "cross_entropy_of_class"); });
    EXPECT_FALSE(users.empty());
    for (const InstructionId user : users) {
        for (const InstructionId check : checks) EXPECT_TRUE(waits_for(program, user, check));
    }
}

TEST(Checks, ComeBeforeWhatTheyGuardOnEveryRank) {
    const Example example(text, {}, 2);
    expect_guarded(example, example.layouts[0], {0, 20});
    expect_guarded(example, example.layouts[1], {20, 40});
}

TEST(Checks, AreTheCpusWhereAGpuComputes) {
    const Example example(text, {}, 1);
    LaneChoice choice;
    choice.gpus.resize(1);
    choice.lanes.assign(example.graph.operations.size(), {0});
    const Layout layout = build_layout(example.graph, example.plan, Rank(0), choice);
    expect_guarded(example, layout, {0, 40});
}

}  // namespace
}  // namespace maniple
