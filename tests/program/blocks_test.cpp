#include "program/blocks.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "example.hpp"

namespace maniple {
namespace {

std::vector<StepBlock> blocks_of(const std::string& loop, const std::string& outputs) {
    const Example example(
        "maniple: 1\nname: t\ninputs: {a: i.h5:/a}\ngraph: {v: a + a}\n" + loop + "outputs: {" + outputs + "}\n", {4},
        1);
    std::vector<StepBlock> blocks;
    for (std::int64_t first = 0; first < example.graph.steps; first = blocks.back().end()) {
        blocks.push_back(block_at(example.graph, example.layouts[0].versions, first));
    }
    return blocks;
}

TEST(BlockAt, AJobWithoutALoopIsOneBlock) {
    const auto blocks = blocks_of("", "v: o.h5:/v");
    ASSERT_EQ(blocks.size(), 1u);
    EXPECT_TRUE(blocks[0].shape.loads);
    EXPECT_EQ(blocks[0].shape.observed, std::vector<std::size_t>{0});
}

TEST(BlockAt, EndsWhereASeriesIsWritten) {
    const auto blocks = blocks_of("loop: {steps: 11, carry: {a: v}}\n", "v: {to: 'o.h5:/v', every: 4}, a: o.h5:/a");
    ASSERT_EQ(blocks.size(), 3u);
    EXPECT_EQ(blocks[0].end(), 4);
    EXPECT_EQ(blocks[1].end(), 8);
    EXPECT_EQ(blocks[2].end(), 11);
    EXPECT_EQ(blocks[1].shape.observed, std::vector<std::size_t>{0});
    EXPECT_EQ(blocks[2].shape.observed, std::vector<std::size_t>{1});
    EXPECT_TRUE(blocks[0].shape.loads);
    EXPECT_FALSE(blocks[1].shape.loads);
}

TEST(BlockAt, LongStretchesRepeatOneShape) {
    const auto blocks = blocks_of("loop: {steps: 160, carry: {a: v}}\n", "v: o.h5:/v");
    for (std::size_t i = 2; i + 1 < blocks.size(); ++i) EXPECT_EQ(blocks[i].shape, blocks[1].shape);
}

/// A run of `steps` steps that looks at `until` after every `check` of them.
Example conditional(int steps, int check, const std::string& outputs = "v: o.h5:/v", int ranks = 2) {
    return Example("maniple: 1\nname: t\ninputs: {a: i.h5:/a}\ngraph: {v: a + a, m: max(v)}\nloop: {steps: " +
                       std::to_string(steps) + ", carry: {a: v}, until: m > 9, check: " + std::to_string(check) +
                       "}\noutputs: {" + outputs + "}\n",
                   {4}, ranks);
}

std::vector<StepBlock> blocks_of(const Example& example) {
    Versions versions = example.layouts[0].versions;
    versions.settling_steps = 0;  // while speeds are measured blocks are short, wherever `until` is looked at
    std::vector<StepBlock> blocks(1);
    set_first_block(example.graph, versions, blocks.back());
    while (blocks.back().end() < example.graph.steps) {
        blocks.push_back(blocks.back());
        set_next_block(example.graph, versions, 0, blocks.back());
    }
    return blocks;
}

TEST(BlocksAhead, FewerStepsAreAheadThanAnEighthOfThoseThatAreKnown) {
    for (const int check : {1, 2, 3, 4, 5, 8}) {
        const Example example = conditional(1000, check);
        EXPECT_GT(example.layouts[0].versions.ahead_divisor, 0) << check;
        int longest = 0;
        for (const StepBlock& block : blocks_of(example)) {
            const std::int64_t ahead = block.shape.steps - block.shape.decides;
            EXPECT_LE(8 * ahead, block.first) << "check " << check << ", block at " << block.first;
            EXPECT_EQ(block.shape.decides, check);
            if (block.end() < 1000) { EXPECT_EQ(block.shape.steps % check, 0); }
            longest = std::max(longest, block.shape.steps);
        }
        EXPECT_EQ(longest, 16 / check * check);
    }
}

TEST(BlocksAhead, NothingIsAheadWhereItCannotBeUndone) {
    const auto divisor = [](const Example& example) { return example.layouts[0].versions.ahead_divisor; };
    EXPECT_EQ(divisor(conditional(31, 1)), 0) << "too short";
    EXPECT_GT(divisor(conditional(32, 1)), 0);
    EXPECT_EQ(divisor(conditional(1000, 9)), 0) << "one look in a block";
    EXPECT_EQ(divisor(conditional(1000, 1, "v: o.h5:/v", 1)), 0) << "nobody else to ask";
    const std::string head = "maniple: 1\nname: t\ninputs: {a: i.h5:/a, b: i.h5:/b}\ngraph: {v: a + b, m: max(v)}\n";
    const auto job = [&](const std::string& loop, const std::string& outputs = "v: o.h5:/v") {
        return divisor(Example(head + "loop: {steps: 1000, " + loop + "}\noutputs: {" + outputs + "}\n", {4}, 2));
    };
    EXPECT_GT(job("carry: {a: v}, until: m > 9"), 0);
    EXPECT_EQ(job("carry: {a: v, b: a}, until: m > 9"), 0) << "a chain of carries";
    EXPECT_EQ(job("carry: {a: v}"), 0) << "nothing to look at";
    const Example large(head + "loop: {steps: 1000, carry: {a: v}, until: m > 9}\noutputs: {v: o.h5:/v}\n", {1 << 28},
                        1);
    EXPECT_EQ(divisor(large), 0) << "steps that take long";
}

TEST(BlocksAhead, WhatABlockBeginsWithIsStillThereWhenItEnds) {
    const Example example = conditional(1000, 1);
    const Versions& versions = example.layouts[0].versions;
    const TensorId a = example.graph.carries[0].input, v = example.graph.carries[0].value;
    for (BlockShape block; block.phase < versions.period; ++block.phase) {
        for (block.steps = 1; block.steps <= most_block_steps; ++block.steps) {
            for (int step = 0; step < block.steps; ++step) {
                EXPECT_EQ(versions.slot(a, block, step + 1), versions.slot(v, block, step));
                EXPECT_NE(versions.slot(a, block, step), versions.slot(v, block, step));
                EXPECT_NE(versions.slot(a, block, 0), versions.slot(v, block, step));
            }
            BlockShape next;
            next.phase = versions.next_phase(block);
            next.steps = 1;
            EXPECT_EQ(versions.slot(a, next, 0), versions.slot(v, block, block.steps - 1));
            next.steps = 0;
            EXPECT_EQ(versions.slot(v, next, -1), versions.slot(v, block, block.steps - 1));
            EXPECT_EQ(versions.slot(a, next, -1), versions.slot(a, block, block.steps - 1));
        }
    }
}

TEST(BlocksAhead, EachLookHasItsOwnSlot) {
    const Example example = conditional(1024, 2);
    const std::vector<StepBlock> blocks = blocks_of(example);
    EXPECT_EQ(blocks.back().shape.steps, 16);
    EXPECT_EQ(example.program(0, blocks.back().shape).verdicts.size(), 8u);
    std::vector<BufferId> verdicts = example.program(0, blocks.back().shape).verdicts;
    std::sort(verdicts.begin(), verdicts.end());
    EXPECT_EQ(std::unique(verdicts.begin(), verdicts.end()), verdicts.end());
}

TEST(BlocksAhead, SeriesAreWrittenWhenTheStepIsKnownToBeWanted) {
    const Example example = conditional(1000, 1, "m: {to: 'o.h5:/m', every: 40}");
    const auto writes = [&](const BlockShape& shape) {
        return find_all(example.program(0, shape),
                        [](const Instruction& i) { return i.kind == InstructionKind::write; })
            .size();
    };
    int held = 0;
    for (const StepBlock& block : blocks_of(example)) {
        const bool due = block.end() % 40 == 0;
        EXPECT_EQ(block.shape.observed.size(), due ? 1u : 0u);
        EXPECT_EQ(writes(block.shape), due && !block.shape.holds ? 1u : 0u);
        EXPECT_EQ(block.shape.holds, due && block.shape.steps > 1);
        if (!block.shape.holds) continue;
        ++held;
        StepBlock writing;
        set_writing_block(example.layouts[0].versions, block, writing);
        EXPECT_EQ(writing.shape.steps, 0);
        EXPECT_EQ(writes(writing.shape), 1u);
    }
    EXPECT_GT(held, 20);
}

TEST(BlocksAhead, WhatIsGoneBackToIsDoneStepByStep) {
    const Example example = conditional(1000, 1);
    const Versions& versions = example.layouts[0].versions;
    const std::vector<StepBlock> blocks = blocks_of(example);
    const StepBlock& dropped = blocks.back();
    ASSERT_GT(dropped.shape.steps, 1);
    StepBlock careful = dropped;
    set_careful_block(example.graph, versions, careful);
    for (std::int64_t step = dropped.first; step < dropped.end(); ++step) {
        EXPECT_EQ(careful.first, step);
        EXPECT_EQ(careful.shape.steps, 1);
        EXPECT_TRUE(careful.shape.completes);
        if (step == dropped.first) { EXPECT_EQ(careful.shape.phase, dropped.shape.phase); }
        if (step + 1 < dropped.end()) set_next_block(example.graph, versions, dropped.end(), careful);
    }
}

/// The same on ranks that are known to have no gpu; more threads have less to do in a step.
Example on_cpus(const std::string& loop, const std::string& outputs, int ranks = 2, int size = 40, int threads = 1) {
    Example example(
        "maniple: 1\nname: t\ninputs: {a: i.h5:/a, b: i.h5:/b}\ngraph: {v: \"heat_step(a, alpha=0.2)\", m: "
        "max(v), w: v * v, s: sum(w)}\nloop: {" +
            loop + "}\noutputs: {" + outputs + "}\n",
        {size, size}, ranks);
    LaneChoice lanes;
    lanes.cpus_alone = true;
    lanes.threads = threads;
    for (Layout& layout : example.layouts) layout = build_layout(example.graph, example.plan, layout.rank, lanes);
    return example;
}

const char* const looked_at = "steps: 1000, carry: {a: v}, until: m > 9";

TEST(LooksBehind, WhereCpusAloneComputeAndWhatIsLeftCanBeHeldBack) {
    const auto behind = [](const Example& example) {
        const Versions& versions = example.layouts[0].versions;
        EXPECT_FALSE(versions.looks_behind && versions.ahead_divisor > 0);
        return versions.looks_behind;
    };
    EXPECT_TRUE(behind(on_cpus(looked_at, "v: o.h5:/v")));
    EXPECT_TRUE(behind(on_cpus(looked_at, "v: o.h5:/v, m: o.h5:/m, s: {to: 'o.h5:/s', every: 7}", 1)));
    EXPECT_TRUE(behind(on_cpus("steps: 3, carry: {a: v}, until: m > 9, check: 8", "v: o.h5:/v")));
    EXPECT_FALSE(behind(on_cpus("steps: 1000, carry: {a: v}, until: m > 9, check: 9", "v: o.h5:/v"))) << "one look";
    EXPECT_FALSE(behind(on_cpus(looked_at, "a: o.h5:/a"))) << "the next step writes over it";
    EXPECT_FALSE(behind(on_cpus(looked_at, "v: o.h5:/v, s: o.h5:/s"))) << "needed in the last step alone";
    EXPECT_FALSE(behind(on_cpus(looked_at, "v: o.h5:/v", 1, 1000))) << "one rank, long steps";
    EXPECT_TRUE(behind(on_cpus(looked_at, "v: o.h5:/v", 1, 1000, 256))) << "shared by many threads";
    EXPECT_TRUE(behind(on_cpus(looked_at, "v: o.h5:/v", 2, 1000)));
    EXPECT_FALSE(behind(conditional(1000, 1))) << "another rank may have a gpu";
    EXPECT_TRUE(behind(conditional(1000, 1, "v: o.h5:/v", 1)));
}

TEST(LooksBehind, BlocksAreAsLongAsOnesWithoutLooks) {
    for (const int check : {1, 3, 8}) {
        const Example example =
            on_cpus("steps: 100, carry: {a: v}, until: m > 9, check: " + std::to_string(check), "v: o.h5:/v");
        for (const StepBlock& block : blocks_of(example)) {
            EXPECT_EQ(block.shape.decides, block.shape.steps < check ? 0 : check);
            EXPECT_EQ(block.shape.steps, std::min<std::int64_t>(16 / check * check, 100 - block.first));
        }
    }
    const Example series = on_cpus(looked_at, "v: o.h5:/v, m: {to: 'o.h5:/m', every: 10}");
    for (const StepBlock& block : blocks_of(series)) EXPECT_EQ(block.shape.steps, 10);
}

/// What writes over what `decide` reads of tensors, from the step after its own on.
std::vector<InstructionId> writers_after(const Program& program, InstructionId decide) {
    const Instruction& look = program.instructions[decide.index()];
    return find_all(program, [&](const Instruction& other) {
        const auto is_kept = [&](const Use& written) {
            return std::any_of(look.reads.begin(), look.reads.end(), [&](const Use& kept) {
                return kept.buffer == written.buffer && overlap(kept.box, written.box);
            });
        };
        return other.step > look.step && std::any_of(other.writes.begin(), other.writes.end(), is_kept);
    });
}

TEST(LooksBehind, WhatIsLeftOfAStepIsWrittenOverWhenItIsKnownNotToBeTheLast) {
    for (const int ranks : {1, 2, 3}) {
        const Example example = on_cpus(looked_at, "v: o.h5:/v, m: o.h5:/m", ranks);
        for (int rank = 0; rank < ranks; ++rank) {
            const Program program = example.program(rank, blocks_of(example)[1].shape);
            const std::vector<InstructionId> looks =
                find_all(program, [](const Instruction& i) { return i.kind == InstructionKind::decide; });
            EXPECT_EQ(looks.size(), 15u) << "behind the last one there is nothing";
            for (const InstructionId look : looks) {
                const std::vector<InstructionId> writers = writers_after(program, look);
                EXPECT_EQ(writers.empty(), program.instructions[look.index()].step == 14);
                for (const InstructionId writer : writers) {
                    EXPECT_GE(program.instructions[writer.index()].step, program.instructions[look.index()].step + 2);
                    EXPECT_TRUE(waits_for(program, writer, look));
                    EXPECT_EQ(program.instructions[writer.index()].lane, LaneKind::cpu) << "else it is not left out";
                }
            }
        }
    }
}

TEST(LooksBehind, TheNextStepDoesNotWait) {
    const Example example = on_cpus(looked_at, "v: o.h5:/v, m: o.h5:/m");
    const Program program = example.program(0, blocks_of(example)[1].shape);
    for (const InstructionId look :
         find_all(program, [](const Instruction& i) { return i.kind == InstructionKind::decide; })) {
        const int step = program.instructions[look.index()].step;
        for (const InstructionId next : find_all(program, [&](const Instruction& i) { return i.step == step + 1; }))
            EXPECT_FALSE(waits_for(program, next, look));
    }
}

TEST(LooksBehind, TakesNoMoreMemoryThanWithoutLooks) {
    const auto bytes = [](const std::string& loop) {
        return on_cpus(loop, "v: o.h5:/v", 2, 400).layouts[0].host_bytes();
    };
    EXPECT_LT(bytes(looked_at), bytes("steps: 1000, carry: {a: v}") + 4096);
}

}  // namespace
}  // namespace maniple
