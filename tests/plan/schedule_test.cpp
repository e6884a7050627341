#include "plan/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace maniple {
namespace {

/// Stages in a row, each on a column of its own, or forwards and backwards over half as many; each reads from the one
/// before, and on the way back also from that on its column.
PipelineShape shape_of(int columns, bool folded, int microbatches, bool alternates, int depth) {
    PipelineShape shape;
    const int stages = folded ? 2 * columns : columns;
    for (int stage = 0; stage < stages; ++stage) {
        shape.column_of.push_back(stage < columns ? stage : stages - 1 - stage);
        shape.readers.emplace_back();
        if (stage + 1 < stages) shape.readers.back().push_back(stage + 1);
        if (folded && stage + 1 < columns) shape.readers.back().push_back(stages - 1 - stage);
    }
    shape.microbatches = microbatches;
    shape.alternates = alternates;
    shape.depth = depth;
    return shape;
}

/// Every task once, one at a time on a column, after those that it reads from.
void expect_right(const PipelineShape& shape, const std::vector<ScheduledTask>& tasks) {
    std::map<std::pair<int, int>, int> time_of;
    std::map<std::pair<int, int>, int> on_column;
    for (const ScheduledTask& task : tasks) {
        EXPECT_TRUE(time_of.emplace(std::pair(task.stage, task.microbatch), task.time).second);
        const int column = shape.column_of[static_cast<std::size_t>(task.stage)];
        EXPECT_TRUE(on_column.emplace(std::pair(column, task.time), 0).second);
    }
    EXPECT_EQ(tasks.size(), shape.column_of.size() * static_cast<std::size_t>(shape.microbatches));
    for (std::size_t stage = 0; stage < shape.readers.size(); ++stage) {
        for (int number = 0; number < shape.microbatches; ++number) {
            const int made = time_of[{static_cast<int>(stage), number}];
            for (const int reader : shape.readers[stage]) {
                EXPECT_GT((time_of[{reader, number}]), made);
                EXPECT_TRUE(number < shape.depth || (made > time_of[{reader, number - shape.depth}]));
            }
        }
    }
}

TEST(Schedule, EqualStagesIdleWhileThePipelineFillsAndDrains) {
    for (const bool alternates : {false, true}) {
        for (int columns = 1; columns <= 6; ++columns) {
            for (int microbatches = 1; microbatches <= 12; ++microbatches) {
                const PipelineShape shape = shape_of(columns, false, microbatches, alternates, std::max(2, columns));
                const std::vector<ScheduledTask> tasks = pipeline_schedule(shape);
                expect_right(shape, tasks);
                EXPECT_NEAR(bubble(shape, tasks), (columns - 1.0) / (microbatches + columns - 1), 1e-12);
            }
        }
    }
}

TEST(Schedule, ForwardsAndBackwardsTooUnderBothSchedules) {
    for (const bool alternates : {false, true}) {
        for (int columns = 1; columns <= 6; ++columns) {
            for (int microbatches = columns; microbatches <= 12; ++microbatches) {
                const int depth = alternates ? std::max(2, columns) : microbatches;
                const PipelineShape shape = shape_of(columns, true, microbatches, alternates, depth);
                const std::vector<ScheduledTask> tasks = pipeline_schedule(shape);
                expect_right(shape, tasks);
                EXPECT_NEAR(bubble(shape, tasks), (columns - 1.0) / (microbatches + columns - 1), 1e-12)
                    << columns << " columns, " << microbatches << " microbatches, " << alternates;
            }
        }
    }
}

/// The most microbatches that column 0 has begun and not ended at a time.
int most_alive(const PipelineShape& shape, const std::vector<ScheduledTask>& tasks) {
    int alive = 0, most = 0;
    const int last = static_cast<int>(shape.column_of.size()) - 1;
    for (const ScheduledTask& task : tasks) {
        if (task.stage == 0) most = std::max(most, ++alive);
        if (task.stage == last) --alive;
    }
    return most;
}

TEST(Schedule, AlternatingKeepsFewMicrobatchesAlive) {
    const PipelineShape filling = shape_of(4, true, 12, false, 12), alternating = shape_of(4, true, 12, true, 4);
    EXPECT_EQ(most_alive(filling, pipeline_schedule(filling)), 12);
    EXPECT_LE(most_alive(alternating, pipeline_schedule(alternating)), 4);
}

TEST(Schedule, AnyDepthComesToAnEnd) {
    for (int depth = 1; depth <= 3; ++depth) {
        for (const bool alternates : {false, true}) {
            for (const bool folded : {false, true}) {
                const PipelineShape shape = shape_of(4, folded, 9, alternates, depth);
                expect_right(shape, pipeline_schedule(shape));
            }
        }
    }
}

TEST(Schedule, IsShownAsATable) {
    const PipelineShape shape = shape_of(2, false, 3, false, 3);
    EXPECT_EQ(timeline(shape, pipeline_schedule(shape)), (std::vector<std::string>{"0 1 2 .", ". 0 1 2"}));
    const PipelineShape folded = shape_of(2, true, 2, true, 2);
    EXPECT_EQ(timeline(folded, pipeline_schedule(folded)),
              (std::vector<std::string>{"0:0 0:1   . 3:0   . 3:1", "  . 1:0 2:0 1:1 2:1   ."}));
}

}  // namespace
}  // namespace maniple
