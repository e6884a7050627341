#include "cli/options.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/gpu_choice.hpp"

namespace maniple {

namespace {

Option flag(std::string name, std::string help) { return {std::move(name), "", std::move(help), false, true, true}; }
Option value(std::string name, std::string word, std::string help) {
    return {std::move(name), std::move(word), std::move(help), false, true, true};
}
/// Only on the command line.
Option local(Option option) {
    option.from_environment = false;
    return option;
}
/// Of the interface, without its machinery yet.
Option later(Option option) {
    option.built_in = false;
    return option;
}

Option set_option() { return {"set", "NAME=VALUE", "override a constant of the job", true, false, true}; }
Option plan_option() {
    return value("plan", "PLAN", "a strategy (auto, data, model, pipeline, stealing), or any YAML value of plan:");
}
Option help_option() { return local(flag("help", "print this")); }
Option ranks_option(const std::string& what) { return local(value("ranks", "N", what)); }
Option cluster_option() { return value("cluster", "FILE", "the machine to plan for (default: this one)"); }

Option no_history_option() { return flag("no-history", "predict without what earlier runs measured"); }

std::string one_job(const Settings& settings, const std::string& command) {
    const std::vector<std::string>& jobs = settings.positional();
    if (jobs.size() == 1) return jobs[0];
    throw UsageError("maniple " + command + " takes one job file, found " + std::to_string(jobs.size()) + "; maniple " +
                     command + " --help lists the options");
}

JobOverrides overrides_of(const Settings& settings) {
    JobOverrides overrides;
    if (const Setting* plan = settings.find("plan")) overrides.plan = plan->value;
    for (const std::string& setting : settings.all("set")) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0)
            throw UsageError("--set takes NAME=VALUE, found '" + setting + "'");
        overrides.set.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
    }
    return overrides;
}

void read_lanes(const Settings& settings, RunOptions& options) {
    options.lanes = settings.one_of("lanes", {"auto", "cpu", "gpu", "both"});
    const Setting* gpus = settings.find("gpus");
    if (gpus == nullptr) return;
    options.gpus = gpus->value;
    if (options.gpus != "all" && options.gpus != "none") parse_gpu_list(options.gpus, settings.written("gpus"));
}

PlanOptions parse_planning(const std::string& command, const std::vector<Option>& known,
                           const std::vector<std::string>& arguments) {
    const Settings settings(command, known, arguments);
    PlanOptions options;
    options.job = one_job(settings, command);
    options.overrides = overrides_of(settings);
    options.ranks = settings.count("ranks", 1, 1'000'000).value_or(1);
    options.overwrite = settings.has("overwrite");
    options.json = settings.has("json");
    options.no_history = settings.has("no-history");
    if (const Setting* cluster = settings.find("cluster")) options.cluster = cluster->value;
    if (const Setting* dump = settings.find("dump")) {
        const bool is_file = dump->value.find_first_of("./") != std::string::npos;
        options.dump = is_file ? dump->value : *settings.one_of("dump", {"graph", "plan", "program"});
    }
    return options;
}

}  // namespace

const std::vector<Option>& run_options() {
    static const std::vector<Option> options = {
        set_option(),
        plan_option(),
        value("lanes", "auto|cpu|gpu|both", "which lanes compute (default: auto)"),
        local(value("threads", "N", "compute threads of this rank (default: the cores it may use)")),
        value("gpus", "all|none|0,1", "this rank's share of the node's GPUs, or exactly these (default: all)"),
        flag("overwrite", "outputs may replace files that maniple did not write"),
        value("report", "DIR", "where the report goes (default: NAME.report beside the job file)"),
        flag("no-report", "write no report"),
        local(flag("dry-run", "validate everything, read no data, run nothing")),
        value("stall", "TIME", "no progress for so long ends the run (default: 60s)"),
        flag("validate", "run each operation on another lane, too, and compare"),
        flag("check", "the scheduler's own assertions"),
        flag("host-complete", "a gpu gets work when what it waits for is known to be done, also on that gpu"),
        value("record", "FILE", "keep in which order threads start the cpu's chunks, in FILE.0, FILE.1, … by rank"),
        value("replay", "FILE", "start the cpu's chunks in the order of FILE.0, FILE.1, …"),
        flag("no-history", "share work between lanes without what earlier runs measured"),
        flag("quiet", "print errors only"),
        flag("verbose", "print also every option, its value and where it came from"),
        help_option(),
        later(flag("resume", "")),
        later(flag("reproducible", "")),
        later(flag("no-fallback", "")),
        later(value("time-left", "TIME", "")),
        later(value("inside", "DIR", ""))};
    return options;
}

const std::vector<Option>& check_options() {
    static const std::vector<Option> options = {
        ranks_option("ranks to check for (default: 1)"), set_option(),  plan_option(),
        flag("overwrite", "as for maniple run"),         help_option(), cluster_option()};
    return options;
}

const std::vector<Option>& plan_options() {
    static const std::vector<Option> options = {
        ranks_option("ranks to plan for (default: 1)"),
        set_option(),
        plan_option(),
        local(value("dump", "graph|plan|program|FILE",
                    "print a stage instead, or write the plan to FILE (with a . or / "
                    "in its name), to be edited and run by --plan '{from: FILE}'")),
        help_option(),
        cluster_option(),
        no_history_option(),
        local(flag("json", "print JSON"))};
    return options;
}

RunOptions parse_run_options(const std::vector<std::string>& arguments) {
    const Settings settings("run", run_options(), arguments);
    RunOptions options;
    options.job = one_job(settings, "run");
    options.overrides = overrides_of(settings);
    read_lanes(settings, options);
    options.threads = settings.count("threads", 1, 4096).value_or(0);
    if (const Setting* report = settings.find("report")) options.report = report->value;
    if (const Setting* record = settings.find("record")) options.record = record->value;
    if (const Setting* replay = settings.find("replay")) options.replay = replay->value;
    options.stall_seconds = settings.seconds("stall").value_or(options.stall_seconds);
    options.no_report = settings.has("no-report");
    options.no_history = settings.has("no-history");
    options.overwrite = settings.has("overwrite");
    options.quiet = settings.has("quiet");
    options.verbose = settings.has("verbose");
    options.dry_run = settings.has("dry-run");
    options.validate = settings.has("validate");
    options.check = settings.has("check");
    options.host_complete = settings.has("host-complete");
    if (options.no_report && !options.report.empty()) throw UsageError("--report and --no-report exclude each other");
    if (options.quiet && options.verbose) throw UsageError("--quiet and --verbose exclude each other");
    for (const Option& option : run_options()) {
        if (const Setting* setting = settings.find(option.name)) options.given.emplace_back(option.name, *setting);
    }
    return options;
}

PlanOptions parse_check_options(const std::vector<std::string>& arguments) {
    PlanOptions options = parse_planning("check", check_options(), arguments);
    options.no_history = true;
    return options;
}

PlanOptions parse_plan_options(const std::vector<std::string>& arguments) {
    return parse_planning("plan", plan_options(), arguments);
}

const std::vector<Option>& simulate_options() {
    static const std::vector<Option> options = {ranks_option("numbers of ranks: 1,8,64 (default: 1)"),
                                                cluster_option(),
                                                local(flag("json", "print JSON")),
                                                no_history_option(),
                                                set_option(),
                                                plan_option(),
                                                help_option()};
    return options;
}

SimulateOptions parse_simulate_options(const std::vector<std::string>& arguments) {
    const Settings settings("simulate", simulate_options(), arguments);
    SimulateOptions options;
    options.job = one_job(settings, "simulate");
    options.overrides = overrides_of(settings);
    options.json = settings.has("json");
    options.no_history = settings.has("no-history");
    if (const Setting* cluster = settings.find("cluster")) options.cluster = cluster->value;
    const Setting* ranks = settings.find("ranks");
    std::string rest = ranks == nullptr ? "1" : ranks->value;
    while (!rest.empty() || options.ranks.empty()) {
        const std::size_t comma = rest.find(',');
        const auto count = parse_count(rest.substr(0, comma));
        if (!count || *count < 1 || *count > 1'000'000 || comma + 1 == rest.size())
            throw UsageError("--ranks takes whole numbers from 1 to 1000000 with commas between, found '" +
                             ranks->value + "'");
        options.ranks.push_back(static_cast<int>(*count));
        rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    }
    std::sort(options.ranks.begin(), options.ranks.end());
    options.ranks.erase(std::unique(options.ranks.begin(), options.ranks.end()), options.ranks.end());
    return options;
}

std::string simulate_usage() { return help_text("maniple simulate JOB.yaml [options]", simulate_options()); }

const std::vector<Option>& devices_options() {
    static const std::vector<Option> options = {local(flag("json", "print JSON")), help_option(),
                                                local(flag("measure", "measure how fast it is, and keep that"))};
    return options;
}

DevicesOptions parse_devices_options(const std::vector<std::string>& arguments) {
    const Settings settings("devices", devices_options(), arguments);
    if (!settings.positional().empty()) throw UsageError("maniple devices takes no argument");
    return {settings.has("json"), settings.has("measure")};
}

std::string devices_usage() { return help_text("maniple devices [options]", devices_options()); }

bool wants_help(const std::vector<std::string>& arguments) {
    return std::find(arguments.begin(), arguments.end(), "--help") != arguments.end();
}

std::string usage() {
    return "maniple runs tensor jobs on clusters: HDF5 in, a graph of kernels, HDF5 out.\n"
           "\n"
           "  mpirun -n N maniple run JOB.yaml     run a job on N ranks (or under srun, or alone)\n"
           "  maniple check JOB.yaml --ranks N     every error at once, and whether it fits; no MPI needed\n"
           "  maniple plan JOB.yaml --ranks N      what each rank would compute; no MPI needed\n"
           "  maniple simulate JOB.yaml --ranks 1,8,64 --cluster FILE   how long it would take there\n"
           "  maniple devices                      what this machine has\n"
           "  maniple kernels [list|show|check]    the kernels, and whether they keep to what they declare\n"
           "  maniple inspect FILE.h5              what a result holds and where it came from\n"
           "  maniple --version                    what this program was built with\n"
           "\n"
           "maniple COMMAND --help lists a command's options.\n";
}

std::string run_usage() {
    return help_text("maniple run JOB.yaml [options]      (under mpirun, srun, or alone)", run_options());
}

std::string check_usage() { return help_text("maniple check JOB.yaml [options]", check_options()); }

std::string plan_usage() { return help_text("maniple plan JOB.yaml [options]", plan_options()); }

}  // namespace maniple
