#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/job_loading.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/planning_machine.hpp"
#include "cli/prediction_text.hpp"
#include "cli/scaling.hpp"
#include "cli/stages.hpp"
#include "plan/outline.hpp"
#include "program/fit_memory.hpp"
#include "program/refuse_plan.hpp"

namespace maniple {

namespace {

/// One number of ranks.
struct Row : ScalingRow {
    std::string plan;              ///< "data on 4 ranks"
    std::string strategy;          ///< as carried out
    std::optional<double> bubble;  ///< of a pipeline
    Constraints constraints;
    std::exception_ptr refusal;  ///< why its plan may not be carried out

    std::string broken() const { return broken_by(prediction, constraints); }
};

Row row_of(const PlannedJob& planned, const PlanningMachine& machine, int ranks) {
    const Machine those = machine.with(ranks, planned.job);
    const PredictionRequest request = prediction_for(planned.job, those, machine);
    Row row;
    row.ranks = ranks;
    row.constraints = machine.constraints_of(planned.job, ranks);
    PlanRequest asked = plan_request(planned.job.plan, ranks);
    asked.from_text = planned.asked.from_text;
    const PlanRequest wanted = choose_plan(planned.whole, asked, request, row.constraints);
    const PlannedGraph made = plan_to_fit(planned.whole, wanted, request, row.constraints).planned;
    row.strategy = row.plan = made.plan.strategy;
    const int used = ranks_for(wanted, ranks);
    if (used < ranks) row.plan += fmt::format(" on {} {}", used, used == 1 ? "rank" : "ranks");
    if (!made.plan.timeline.empty()) row.bubble = bubble_of(planned.whole, outline_plan(planned.whole, those, wanted));
    row.prediction = predict(made.graph, made.plan, request);
    if (row.broken().empty()) return row;
    try {
        require_constraints(planned.whole, asked, wanted, request, row.constraints);
    } catch (const UnavailableError&) {
        row.refusal = std::current_exception();
        row.may_run = false;
    }
    return row;
}

std::vector<Row> rows_of(const SimulateOptions& options, const PlanningMachine& machine, std::string& job_name) {
    const KernelRegistry registry(standard_kernels());
    std::vector<Row> rows;
    const PlannedJob planned = plan_job(options.job, options.overrides, registry, machine, options.ranks.front());
    job_name = planned.job.name;
    print_messages(planned.graph.warnings);
    for (const int ranks : options.ranks) {
        rows.push_back(row_of(planned, machine, ranks));
        const Row& first = rows.front();
        rows.back().efficiency =
            first.prediction.seconds * first.ranks / (rows.back().prediction.seconds * rows.back().ranks);
    }
    return rows;
}

std::string scaling_of(const std::vector<Row>& rows) { return scaling_text({rows.begin(), rows.end()}); }

std::string table_of(const std::vector<Row>& rows) {
    const bool bubbles = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.bubble.has_value(); });
    const auto bubble_cell = [&](const std::string& text) { return bubbles ? fmt::format(" {:>7}", text) : ""; };
    std::string text =
        fmt::format("{:>8} {:<18} {:>10} {:>11} {:>7}{} {:>11} {:>11} {:>12}  {}\n", "ranks", "plan", "time",
                    "efficiency", "idle", bubble_cell("bubble"), "messages", "sent", "memory/rank", "most of it is");
    for (const Row& row : rows) {
        const Prediction& found = row.prediction;
        const std::string bubble = row.bubble ? fmt::format("{:.0f} %", 100 * *row.bubble) : "-";
        text +=
            fmt::format("{:>8} {:<18} {:>10} {:>9.0f} % {:>5.0f} %{} {:>11} {:>11} {:>12}  {}{}\n", row.ranks, row.plan,
                        duration_text(found.seconds), 100 * row.efficiency, 100 * found.idle_share, bubble_cell(bubble),
                        found.messages, format_bytes(found.message_bytes), format_bytes(found.peak_bytes),
                        limit_text(found.way), row.refusal ? "; " + row.broken() : "");
    }
    const int first = rows.front().ranks;
    if (first > 1) text += fmt::format("efficiency is relative to {} ranks\n", first);
    return text;
}

nlohmann::ordered_json json_of(const std::vector<Row>& rows) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Row& row : rows) {
        nlohmann::ordered_json one = {{"ranks", row.ranks}, {"strategy", row.strategy}, {"plan", row.plan}};
        one.update(prediction_json(row.prediction));
        one["efficiency"] = row.efficiency;
        one["efficiency_relative_to_ranks"] = rows.front().ranks;
        one["bubble"] = row.bubble ? nlohmann::ordered_json(*row.bubble) : nlohmann::ordered_json(nullptr);
        one["fits"] = !row.refusal;
        one["memory_limit_bytes"] = row.constraints.memory.bytes;
        list.push_back(std::move(one));
    }
    return list;
}

}  // namespace

int simulate_command(const std::vector<std::string>& arguments) {
    if (wants_help(arguments)) {
        std::fputs(simulate_usage().c_str(), stdout);
        return 0;
    }
    const SimulateOptions options = parse_simulate_options(arguments);
    print_messages(unknown_variables());
    const PlanningMachine machine(options.cluster, !options.no_history);
    std::string job;
    const std::vector<Row> rows = rows_of(options, machine, job);
    const std::string origin = machine.with(1).rates.origin;
    std::string text;
    if (options.json) {
        const nlohmann::ordered_json all = {
            {"job", job}, {"machine", origin}, {"rows", json_of(rows)}, {"scaling", scaling_of(rows)}};
        text = all.dump(2) + "\n";
    } else {
        text = fmt::format("{} on {}, predicted\n", job, origin) + table_of(rows) + scaling_of(rows) + "\n";
    }
    std::fputs(text.c_str(), stdout);
    // What fits on some of the numbers of ranks is an answer; what fits on none of them cannot be run.
    if (std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.refusal != nullptr; }))
        std::rethrow_exception(rows.back().refusal);
    return 0;
}

}  // namespace maniple
