#include "plan/plan_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.hpp"

namespace maniple {

namespace {

struct Cell {
    ScheduledTask task;
    Place place;
};

class TableReader {
public:
    TableReader(Reading& reading, const YamlNode& node, const Graph& graph, const Batch& batch,
                const PipelineOutline& outline, int phase)
        : reading_(reading), node_(node), graph_(graph), batch_(batch), outline_(outline), phase_(phase),
          of_(pipeline_phase(graph, batch, outline, phase)) {}

    std::vector<ScheduledTask> read() {
        const std::size_t before = reading_.errors.size();
        for (const YamlEntry* row : reading_.entries(node_, "tables")) {
            reading_.attempt([&] { read_row(row->first, row->second); });
        }
        if (reading_.errors.size() == before) require_all();
        if (reading_.errors.size() == before) require_order();
        std::vector<ScheduledTask> tasks;
        for (const auto& [key, cell] : cells_) tasks.push_back(cell.task);
        std::sort(tasks.begin(), tasks.end(), [](const ScheduledTask& a, const ScheduledTask& b) {
            return a.time != b.time ? a.time < b.time : a.stage < b.stage;
        });
        return tasks;
    }

private:
    // --- Cells ---------------------------------------------------------------------------------------------------

    void read_row(const YamlNode& key, const YamlNode& value) {
        const std::int64_t column = read_count(key, 0);
        const std::string& text = read_text(value, "a row of cells like 0:3, and . for nothing");
        int time = 0;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t begin = text.find_first_not_of(' ', at);
            if (begin == std::string::npos) break;
            at = std::min(text.find(' ', begin), text.size());
            const std::string cell = text.substr(begin, at - begin);
            const Place place = value.place_at(begin, static_cast<int>(cell.size()));
            if (cell != ".") reading_.attempt([&] { read_cell(cell, place, column, time); });
            ++time;
        }
    }

    void read_cell(const std::string& cell, const Place& place, std::int64_t column, int time) {
        const std::size_t colon = cell.find(':');
        const std::int64_t stage = parse_count(cell.substr(0, colon)).value_or(-1);
        const std::int64_t microbatch =
            colon == std::string::npos ? -1 : parse_count(cell.substr(colon + 1)).value_or(-1);
        if (stage < 0 || microbatch < 0)
            throw JobError(place, fmt::format("expected STAGE:MICROBATCH or '.', found '{}'", printable(cell)));
        if (stage >= static_cast<std::int64_t>(outline_.column_of.size()))
            throw JobError(place,
                           fmt::format("there is no stage {}: they are 0 to {}", stage, outline_.column_of.size() - 1));
        if (microbatch >= outline_.microbatches)
            throw JobError(place, fmt::format("there is no microbatch {}: they are 0 to {}", microbatch,
                                              outline_.microbatches - 1));
        const int owner = outline_.column_of[static_cast<std::size_t>(stage)];
        if (owner != column)
            throw JobError(place,
                           fmt::format("stage {} is on column {}, this is the row of column {}", stage, owner, column));
        const ScheduledTask task{static_cast<int>(stage), static_cast<int>(microbatch), time};
        if (of_.number_of(task.stage) < 0)
            throw JobError(place, fmt::format("stage {} has nothing to do in this table", task.stage));
        const auto [known, is_new] = cells_.emplace(std::pair(task.stage, task.microbatch), Cell{task, place});
        if (!is_new)
            throw JobError(place, fmt::format("stage {} does microbatch {} twice: also at time {}", task.stage,
                                              task.microbatch, known->second.task.time));
    }

    // --- Rules ---------------------------------------------------------------------------------------------------

    const Cell& cell(int stage, int microbatch) const { return cells_.at({stage, microbatch}); }

    void require_all() {
        for (const int stage : of_.stages) {
            for (int microbatch = 0; microbatch < outline_.microbatches; ++microbatch) {
                if (!cells_.contains({stage, microbatch}))
                    reading_.error(node_.place, fmt::format("stage {} never does microbatch {}", stage, microbatch));
            }
        }
    }

    void require_order() {
        for (std::size_t number = 0; number < of_.stages.size(); ++number) {
            const int stage = of_.stages[number];
            for (int microbatch = 1; microbatch < outline_.microbatches; ++microbatch) {
                const Cell& earlier = cell(stage, microbatch - 1);
                if (cell(stage, microbatch).task.time < earlier.task.time)
                    reading_.error(
                        cell(stage, microbatch).place,
                        fmt::format("stage {} does microbatch {} before microbatch {} (time {}): a stage takes "
                                    "them in their order",
                                    stage, microbatch, microbatch - 1, earlier.task.time));
            }
            for (const int reader : of_.shape.readers[number])
                require_edge(stage, of_.stages[static_cast<std::size_t>(reader)]);
        }
    }

    /// `reader` reads what `maker` makes, of each microbatch.
    void require_edge(int maker, int reader) {
        for (int microbatch = 0; microbatch < outline_.microbatches; ++microbatch) {
            const Cell& made = cell(maker, microbatch);
            const Cell& read = cell(reader, microbatch);
            if (read.task.time <= made.task.time)
                reading_.error(read.place, fmt::format("stage {} does microbatch {} at time {}, but {}, which stage {} "
                                                       "makes at time {}",
                                                       reader, microbatch, read.task.time, edge_text(maker, reader),
                                                       maker, made.task.time));
            if (microbatch < outline_.depth) continue;
            const Cell& kept = cell(reader, microbatch - outline_.depth);
            if (made.task.time <= kept.task.time)
                reading_.error(made.place,
                               fmt::format("stage {} does microbatch {} at time {}, but depth: {} has no buffer for it "
                                           "before stage {} has done microbatch {} at time {}: {}",
                                           maker, microbatch, made.task.time, outline_.depth, reader,
                                           microbatch - outline_.depth, kept.task.time, edge_text(maker, reader)));
        }
    }

    /// "'h2' reads 'h1'": one of the edges between two stages.
    std::string edge_text(int maker, int reader) const {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (outline_.stage_of[i] != reader || batch_.phase[i] != phase_ || !batch_.has(OperationId(i))) continue;
            for (const TensorId input : graph_.operations[i].inputs) {
                const OperationId producer = graph_[input].producer;
                if (graph_[input].kind != Tensor::Kind::computed || !batch_.has(producer)) continue;
                if (outline_.stage_of[producer.index()] == maker && batch_.phase[producer.index()] == phase_)
                    return fmt::format("'{}' reads '{}'", graph_.operations[i].name, graph_[producer].name);
            }
        }
        return "it reads";
    }

    Reading& reading_;
    const YamlNode& node_;
    const Graph& graph_;
    const Batch& batch_;
    const PipelineOutline& outline_;
    int phase_;
    PipelinePhase of_;
    std::map<std::pair<int, int>, Cell> cells_;  ///< by stage and microbatch
};

}  // namespace

std::vector<ScheduledTask> read_table(Reading& reading, const YamlNode& node, const Graph& graph, const Batch& batch,
                                      const PipelineOutline& outline, int phase) {
    return TableReader(reading, node, graph, batch, outline, phase).read();
}

}  // namespace maniple
