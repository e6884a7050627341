#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/planning_machine.hpp"
#include "cli/prediction_text.hpp"
#include "cli/stages.hpp"
#include "plan/plan_file.hpp"
#include "program/blocks.hpp"
#include "program/choose_plan.hpp"

namespace maniple {

namespace {

/// The first block of `rank`, cut to two steps: those between the first and the last repeat them.
std::string program_text(const Graph& graph, const Plan& plan, Rank rank) {
    constexpr int shown_steps = 2;
    const Layout layout = build_layout(graph, plan, rank);
    StepBlock block = block_at(graph, layout.versions, 0);
    std::string note;
    if (block.shape.steps > shown_steps) {
        note = fmt::format("(the first block has {} steps: the first and the last are shown)\n", block.shape.steps);
        block.shape.steps = shown_steps;
    }
    return print_program(graph, layout, build_program(graph, plan, layout, block.shape)) + note;
}

/// Nothing where even the programs of a few ranks would take long.
std::string memory_text(const Graph& graph, const Plan& plan) {
    if (!may_predict(graph, plan.ranks)) return "";
    std::string text;
    constexpr int shown = 8;
    for (int rank = 0; rank < std::min(plan.ranks, shown); ++rank) {
        const Layout layout = build_layout(graph, plan, Rank(rank));
        const StepBlock block = block_at(graph, layout.versions, 0);
        const Program program = build_program(graph, plan, layout, block.shape);
        text += fmt::format("  rank {}: {} in {} buffers; first block ({} {}): {} chunks, sends {} messages, {}\n",
                            rank, format_bytes(layout.host_bytes()), layout.buffers.size(), block.shape.steps,
                            block.shape.steps == 1 ? "step" : "steps", program.chunks.size(), program.message_count,
                            format_bytes(program.message_bytes));
    }
    if (plan.ranks > shown) text += fmt::format("  and {} more ranks\n", plan.ranks - shown);
    return text;
}

/// Of the work that one rank does alone, rank for rank; nothing where one of the two has not been predicted.
std::optional<double> efficiency_of(const std::vector<PlanCandidate>& all, const PlanCandidate& one) {
    const auto alone =
        std::find_if(all.begin(), all.end(), [](const PlanCandidate& other) { return other.ranks() == 1; });
    if (!one.predicted || alone == all.end() || !alone->predicted) return std::nullopt;
    return alone->prediction.seconds / (one.prediction.seconds * one.ranks());
}

const PlanCandidate& taken_of(const std::vector<PlanCandidate>& all) {
    return *std::find_if(all.begin(), all.end(), [](const PlanCandidate& one) { return one.taken(); });
}

/// The one that is taken first, then the others, the fastest first.
std::vector<const PlanCandidate*> ranked(const std::vector<PlanCandidate>& all) {
    std::vector<const PlanCandidate*> order;
    for (const PlanCandidate& one : all) order.push_back(&one);
    std::stable_sort(order.begin(), order.end(), [](const PlanCandidate* a, const PlanCandidate* b) {
        if (a->taken() != b->taken()) return a->taken();
        if (a->predicted != b->predicted) return a->predicted;
        return a->prediction.seconds < b->prediction.seconds;
    });
    return order;
}

std::string candidates_text(const std::vector<PlanCandidate>& all, const Machine& machine) {
    std::string text = fmt::format("  predicted for {}:\n    {:<24} {:>10} {:>11} {:>7} {:>11} {:>12}\n",
                                   machine.rates.origin, "plan", "time", "efficiency", "idle", "sent", "memory/rank");
    for (const PlanCandidate* one : ranked(all)) {
        const Prediction& found = one->prediction;
        const std::string name = name_of(one->request);
        if (!one->predicted) {
            text += fmt::format(
                "    {:<24} {:>10} {:>11} {:>7} {:>11} {:>12}  {}\n", name, "-", "-", "-", "-", "-",
                one->taken() ? "taken; too many operations on too many ranks to be predicted" : one->why_not);
            continue;
        }
        const std::optional<double> efficiency = efficiency_of(all, *one);
        text +=
            fmt::format("    {:<24} {:>10} {:>11} {:>5.0f} % {:>11} {:>12}  {}\n", name, duration_text(found.seconds),
                        efficiency ? fmt::format("{:.0f} %", 100 * *efficiency) : std::string("-"),
                        100 * found.idle_share, format_bytes(found.message_bytes), format_bytes(found.peak_bytes),
                        one->taken() ? "taken; most of it is " + limit_text(found.way) : one->why_not);
    }
    return text;
}

/// Numbers that nobody has found out are null.
void add_prediction(const std::vector<PlanCandidate>& all, const PlanCandidate& one, nlohmann::ordered_json& to) {
    nlohmann::ordered_json found = prediction_json(one.prediction);
    if (!one.predicted) {
        for (auto& value : found) value = nullptr;
    }
    to.update(found);
    const std::optional<double> efficiency = efficiency_of(all, one);
    to["efficiency"] = efficiency ? nlohmann::ordered_json(*efficiency) : nlohmann::ordered_json(nullptr);
}

std::string candidates_json(const PlannedJob& planned, const std::vector<PlanCandidate>& all, const Machine& machine) {
    nlohmann::ordered_json json = {{"job", planned.job.name},
                                   {"ranks", machine.size()},
                                   {"strategy", planned.plan.strategy},
                                   {"machine", machine.rates.origin}};
    add_prediction(all, taken_of(all), json);
    json["notes"] = planned.plan.notes;
    json["alternatives"] = nlohmann::ordered_json::array();
    for (const PlanCandidate* one : ranked(all)) {
        nlohmann::ordered_json entry = {
            {"plan", name_of(one->request)}, {"ranks", one->ranks()}, {"chosen", one->taken()}};
        entry["why_not"] = one->taken() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(one->why_not);
        add_prediction(all, *one, entry);
        json["alternatives"].push_back(std::move(entry));
    }
    return json.dump(2) + "\n";
}

/// A plan file may be replaced by another one, anything else may not.
void write_plan_file(const Graph& graph, const PlanOutline& outline, const std::string& path) {
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) {
        std::ifstream old(path, std::ios::binary);
        std::string line;
        bool is_plan = false;
        while (!is_plan && std::getline(old, line)) is_plan = line.starts_with("maniple_plan:");
        if (!is_plan) throw CreateError("--dump " + path + ": this is there already, and no plan file");
    }
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << print_plan_file(graph, outline, path);
    file.close();
    if (!file) throw CreateError("--dump " + path + ": cannot be written: " + std::strerror(errno));
    std::fprintf(stderr, "%s: the plan, to be run with --plan '{from: %s}'\n", path.c_str(), path.c_str());
}

}  // namespace

int plan_command(const std::vector<std::string>& arguments) {
    if (wants_help(arguments)) {
        std::fputs(plan_usage().c_str(), stdout);
        return 0;
    }
    const PlanOptions options = parse_plan_options(arguments);
    if (options.json && !options.dump.empty()) throw UsageError("--json and --dump exclude each other");
    print_messages(unknown_variables());
    const KernelRegistry registry(standard_kernels());
    const PlanningMachine planning(options.cluster, !options.no_history);
    const PlannedJob planned = plan_job(options.job, options.overrides, registry, planning, options.ranks);
    const Machine machine = planning.with(options.ranks, planned.job);
    print_messages(planned.graph.warnings);
    require_constraints(planned, planning);
    const Graph& graph = planned.graph;
    const Plan& plan = planned.plan;
    std::string text;
    if (options.dump.find_first_of("./") != std::string::npos) {
        write_plan_file(planned.whole, outline_plan(planned.whole, machine, planned.chosen), options.dump);
        return 0;
    }
    if (options.dump == "graph") {
        text = print_graph(graph);
    } else if (options.dump == "program") {
        for (int rank = 0; rank < options.ranks; ++rank) text += program_text(graph, plan, Rank(rank));
    } else {
        if (!options.json) text = print_plan(graph, plan);
        if (options.dump.empty()) {
            const std::vector<PlanCandidate> all =
                weigh_plans(planned.whole, planned.asked, prediction_for(planned.job, machine, planning),
                            planning.constraints_of(planned.job, options.ranks));
            text += options.json ? candidates_json(planned, all, machine)
                                 : memory_text(graph, plan) + candidates_text(all, machine);
        }
    }
    std::fputs(text.c_str(), stdout);
    return 0;
}

}  // namespace maniple
