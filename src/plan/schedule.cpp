#include "plan/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"

namespace maniple {

namespace {

class Scheduler {
public:
    explicit Scheduler(const PipelineShape& shape)
        : shape_(shape), done_(shape.column_of.size(), 0), makers_(shape.column_of.size()),
          stages_of_(static_cast<std::size_t>(shape.columns())) {
        for (std::size_t stage = 0; stage < shape.column_of.size(); ++stage) {
            stages_of_[static_cast<std::size_t>(shape.column_of[stage])].push_back(static_cast<int>(stage));
            for (const int reader : shape.readers[stage])
                makers_[static_cast<std::size_t>(reader)].push_back(static_cast<int>(stage));
        }
    }

    std::vector<ScheduledTask> schedule() {
        const std::size_t all = shape_.column_of.size() * static_cast<std::size_t>(shape_.microbatches);
        std::vector<ScheduledTask> tasks;
        for (int time = 0; tasks.size() < all; ++time) {
            const std::size_t before = tasks.size();
            for (const std::vector<int>& stages : stages_of_) {
                const int stage = next_of(stages);
                if (stage >= 0) tasks.push_back({stage, done_[static_cast<std::size_t>(stage)], time});
            }
            MANIPLE_CHECK(tasks.size() > before, "a pipeline in which nothing can be done");
            for (std::size_t i = before; i < tasks.size(); ++i) ++done_[static_cast<std::size_t>(tasks[i].stage)];
        }
        std::sort(tasks.begin(), tasks.end(), [](const ScheduledTask& a, const ScheduledTask& b) {
            return a.time != b.time ? a.time < b.time : a.stage < b.stage;
        });
        return tasks;
    }

private:
    int next_of(const std::vector<int>& stages) const {
        const auto can = [&](int stage) { return can_begin(stage, stages); };
        if (shape_.alternates) {
            const auto found = std::find_if(stages.rbegin(), stages.rend(), can);
            return found == stages.rend() ? -1 : *found;
        }
        const auto found = std::find_if(stages.begin(), stages.end(), can);
        return found == stages.end() ? -1 : *found;
    }

    bool has_done(int stage, int microbatch) const {
        return microbatch < 0 || done_[static_cast<std::size_t>(stage)] > microbatch;
    }

    bool can_begin(int stage, const std::vector<int>& beside) const {
        const auto number = static_cast<std::size_t>(stage);
        const int microbatch = done_[number];
        if (microbatch >= shape_.microbatches) return false;
        const bool made = std::all_of(makers_[number].begin(), makers_[number].end(),
                                      [&](int maker) { return has_done(maker, microbatch); });
        const bool read = std::all_of(shape_.readers[number].begin(), shape_.readers[number].end(),
                                      [&](int reader) { return has_done(reader, microbatch - shape_.depth); });
        if (!made || !read || !shape_.alternates || stage != beside.front()) return made && read;
        // A microbatch is over on this column after so many times, of which the column has one in each round.
        const int times = beside.back() - beside.front() + 1;
        const int rounds = static_cast<int>(beside.size());
        return has_done(beside.back(), microbatch - (times + rounds - 1) / rounds);
    }

    const PipelineShape& shape_;
    std::vector<int> done_;                 ///< by stage: microbatches, in their order
    std::vector<std::vector<int>> makers_;  ///< by stage: those that it reads from
    std::vector<std::vector<int>> stages_of_;
};

}  // namespace

int PipelineShape::columns() const {
    return column_of.empty() ? 0 : *std::max_element(column_of.begin(), column_of.end()) + 1;
}

std::vector<ScheduledTask> pipeline_schedule(const PipelineShape& shape) { return Scheduler(shape).schedule(); }

double bubble(const PipelineShape& shape, const std::vector<ScheduledTask>& tasks) {
    if (tasks.empty()) return 0;
    const double places = static_cast<double>(tasks.back().time + 1) * shape.columns();
    return 1 - static_cast<double>(tasks.size()) / places;
}

std::vector<std::string> timeline(const PipelineShape& shape, const std::vector<ScheduledTask>& tasks) {
    constexpr std::size_t longest = 120;
    constexpr int most_columns = 16;
    const bool several = shape.column_of.size() > static_cast<std::size_t>(shape.columns());
    std::map<int, std::map<int, std::string>> cells;  // by column and time
    std::size_t width = 1;
    for (const ScheduledTask& task : tasks) {
        const int column = shape.column_of[static_cast<std::size_t>(task.stage)];
        if (column >= most_columns) continue;
        std::string text =
            several ? fmt::format("{}:{}", task.stage, task.microbatch) : fmt::format("{}", task.microbatch);
        width = std::max(width, text.size());
        cells[column][task.time] = std::move(text);
    }
    std::vector<std::string> lines;
    for (int column = 0; column < std::min(shape.columns(), most_columns); ++column) {
        std::string line;
        for (int time = 0; !tasks.empty() && time <= tasks.back().time && line.size() < longest; ++time) {
            const auto found = cells[column].find(time);
            line += fmt::format("{:>{}} ", found == cells[column].end() ? "." : found->second, width);
        }
        lines.push_back(line.size() < longest ? line.substr(0, line.size() - 1) : line + "…");
    }
    return lines;
}

}  // namespace maniple
