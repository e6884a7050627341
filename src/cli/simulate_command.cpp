#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/job_loading.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/planning_machine.hpp"
#include "cli/prediction_text.hpp"
#include "cli/stages.hpp"
#include "program/fit_memory.hpp"
#include "program/refuse_plan.hpp"

namespace maniple {

namespace {

/// One number of ranks.
struct Row {
    int ranks = 1;
    std::string strategy;
    Prediction prediction;
    Constraints constraints;
    std::exception_ptr refusal;  ///< why its plan may not be carried out
    double efficiency = 1;       ///< of the work that the fewest ranks do in the same time, rank for rank

    std::string broken() const { return broken_by(prediction, constraints); }
};

/// Ranks that are used well do at least half of what the fewest do.
constexpr double worth_it = 0.5;

std::vector<Row> rows_of(const SimulateOptions& options, const PlanningMachine& machine, std::string& job_name) {
    const KernelRegistry registry(standard_kernels());
    std::vector<Row> rows;
    const PlannedJob planned = plan_job(options.job, options.overrides, registry, machine, options.ranks.front());
    job_name = planned.job.name;
    print_messages(planned.graph.warnings);
    for (const int ranks : options.ranks) {
        const Machine those = machine.with(ranks, planned.job);
        const PredictionRequest request = prediction_for(planned.job, those, machine);
        Row row;
        row.ranks = ranks;
        row.constraints = machine.constraints_of(planned.job, ranks);
        const PlanRequest wanted = choose_plan(planned.whole, planned.asked, request, row.constraints);
        const PlannedGraph made = plan_to_fit(planned.whole, wanted, request, row.constraints).planned;
        row.strategy = made.plan.strategy;
        row.prediction = predict(made.graph, made.plan, request);
        if (!row.broken().empty()) {
            try {
                require_constraints(planned.whole, planned.asked, wanted, request, row.constraints);
            } catch (const UnavailableError&) { row.refusal = std::current_exception(); }
        }
        rows.push_back(row);
        const Row& first = rows.front();
        rows.back().efficiency =
            first.prediction.seconds * first.ranks / (rows.back().prediction.seconds * rows.back().ranks);
    }
    return rows;
}

/// Up to which number of ranks another one is worth it, and what stands in the way beyond.
std::string scaling_text(const std::vector<Row>& rows) {
    const Row* last = &rows.front();
    for (std::size_t i = 1; i < rows.size(); ++i) {
        if (rows[i].efficiency >= worth_it && rows[i].prediction.seconds < last->prediction.seconds) {
            last = &rows[i];
            continue;
        }
        return fmt::format("scales to {} {}: with {} the efficiency is {:.0f} %, most of the time goes to {}",
                           last->ranks, last->ranks == 1 ? "rank" : "ranks", rows[i].ranks, 100 * rows[i].efficiency,
                           limit_text(rows[i].prediction.way));
    }
    return fmt::format("scales to {} ranks and perhaps beyond; most of the time goes to {}", last->ranks,
                       limit_text(last->prediction.way));
}

std::string table_of(const std::vector<Row>& rows) {
    std::string text = fmt::format("{:>8} {:<10} {:>10} {:>11} {:>7} {:>11} {:>11} {:>12}  {}\n", "ranks", "strategy",
                                   "time", "efficiency", "idle", "messages", "sent", "memory/rank", "most of it is");
    for (const Row& row : rows) {
        const Prediction& found = row.prediction;
        text += fmt::format("{:>8} {:<10} {:>10} {:>9.0f} % {:>5.0f} % {:>11} {:>11} {:>12}  {}{}\n", row.ranks,
                            row.strategy, duration_text(found.seconds), 100 * row.efficiency, 100 * found.idle_share,
                            found.messages, format_bytes(found.message_bytes), format_bytes(found.peak_bytes),
                            limit_text(found.way), row.refusal ? "; " + row.broken() : "");
    }
    return text;
}

nlohmann::ordered_json json_of(const std::vector<Row>& rows) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Row& row : rows) {
        nlohmann::ordered_json one = {{"ranks", row.ranks}, {"strategy", row.strategy}};
        one.update(prediction_json(row.prediction));
        one["efficiency"] = row.efficiency;
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
            {"job", job}, {"machine", origin}, {"rows", json_of(rows)}, {"scaling", scaling_text(rows)}};
        text = all.dump(2) + "\n";
    } else {
        text = fmt::format("{} on {}, predicted\n", job, origin) + table_of(rows) + scaling_text(rows) + "\n";
    }
    std::fputs(text.c_str(), stdout);
    // What fits on some of the numbers of ranks is an answer; what fits on none of them cannot be run.
    if (std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.refusal != nullptr; }))
        std::rethrow_exception(rows.back().refusal);
    return 0;
}

}  // namespace maniple
