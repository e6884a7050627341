// plan/schedule.hpp: when each stage of a pipeline does each microbatch, in units of one task.
#pragma once

#include <string>
#include <vector>

namespace maniple {

/// A pipeline as its schedule sees it.
struct PipelineShape {
    std::vector<int> column_of;             ///< by stage: one column does one task at a time
    std::vector<std::vector<int>> readers;  ///< by stage: the later stages that read what it makes
    int microbatches = 1;
    int depth = 1;            ///< a stage begins a microbatch when what it made so many before has been read
    bool alternates = false;  ///< `1f1b`; else `gpipe`

    int columns() const;
};

struct ScheduledTask {
    int stage = 0;
    int microbatch = 0;
    int time = 0;

    bool operator==(const ScheduledTask&) const = default;
};

/// Every stage once for every microbatch, sorted by time and stage; on a column one at a time. Of the tasks that can be done
/// `gpipe` takes that of the earliest stage: columns with several fill with all microbatches before they drain. `1f1b` takes
/// that of the latest, and begins no more microbatches than are needed to keep the column busy until the first is over.
/// Pure; O(tasks · stages of a column).
std::vector<ScheduledTask> pipeline_schedule(const PipelineShape& shape);

/// The share of the columns' time, from the first task to the last, in which they have none.
double bubble(const PipelineShape& shape, const std::vector<ScheduledTask>& tasks);

/// A line for each of the first columns: what it does at each time: "0 1 2 3", with several stages "0:0 0:1 3:0", "." for
/// nothing; long lines are cut.
std::vector<std::string> timeline(const PipelineShape& shape, const std::vector<ScheduledTask>& tasks);

}  // namespace maniple
