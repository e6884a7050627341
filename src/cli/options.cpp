#include "cli/options.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/error.hpp"
#include "base/text.hpp"

namespace maniple {

namespace {

namespace po = boost::program_options;

/// Options of the interface whose machinery is not there yet. They are parsed, then refused by name.
constexpr const char* later_flags[] = {"resume",     "reproducible", "validate", "no-fallback",
                                       "no-history", "check",        "verbose"};
constexpr const char* later_values[] = {"time-left", "inside"};

po::options_description run_description() {
    po::options_description options("Options of maniple run");
    auto add = options.add_options();
    add("set", po::value<std::vector<std::string>>()->value_name("NAME=VALUE"), "override a constant of the job");
    add("plan", po::value<std::string>()->value_name("PLAN"), "a strategy (data, auto), or any YAML value of plan:");
    add("lanes", po::value<std::string>()->value_name("auto|cpu")->default_value("auto"), "which lanes compute");
    add("threads", po::value<int>()->value_name("N"), "compute threads of this rank (default: the cores it may use)");
    add("gpus", po::value<std::string>()->value_name("none|all")->default_value("all"), "which GPUs may be used");
    add("overwrite", "outputs may replace files that maniple did not write");
    add("report", po::value<std::string>()->value_name("DIR"),
        "where the report goes (default: NAME.report beside the job file)");
    add("no-report", "write no report");
    add("dry-run", "validate everything, read no data, run nothing");
    add("stall", po::value<std::string>()->value_name("60s"), "no progress for so long ends the run");
    add("quiet", "print errors only");
    add("help", "print this");
    return options;
}

po::options_description plan_description() {
    po::options_description options("Options of maniple plan");
    auto add = options.add_options();
    add("ranks", po::value<int>()->value_name("N")->default_value(1), "ranks to plan for");
    add("set", po::value<std::vector<std::string>>()->value_name("NAME=VALUE"), "override a constant of the job");
    add("plan", po::value<std::string>()->value_name("PLAN"), "as for maniple run");
    add("dump", po::value<std::string>()->value_name("graph|plan|program"), "print a stage instead");
    add("help", "print this");
    return options;
}

std::vector<std::string> names_of(const po::options_description& options) {
    std::vector<std::string> names;
    for (const auto& option : options.options()) names.push_back("--" + option->long_name());
    return names;
}

po::variables_map parse(const std::vector<std::string>& arguments, const po::options_description& visible,
                        const std::string& command) {
    po::options_description all(visible);
    all.add_options()("job", po::value<std::vector<std::string>>());
    if (command == "run") {
        for (const char* flag : later_flags) all.add_options()(flag, "");
        for (const char* value : later_values) all.add_options()(value, po::value<std::string>());
    }
    po::positional_options_description positional;
    positional.add("job", -1);
    po::variables_map values;
    try {
        const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::store(po::command_line_parser(arguments).options(all).positional(positional).style(style).run(), values);
    } catch (const po::unknown_option& unknown) {
        throw UsageError(Place{}, "maniple " + command + ": unknown option '" + unknown.get_option_name() + "'",
                         nearest_word(unknown.get_option_name(), names_of(visible)));
    } catch (const po::error& wrong) { throw UsageError("maniple " + command + ": " + wrong.what()); }
    return values;
}

void refuse_later(const po::variables_map& values) {
    const auto refuse = [&](const char* name) {
        if (values.count(name) > 0) throw UnavailableError("--" + std::string(name) + " is not built in yet");
    };
    for (const char* name : later_flags) refuse(name);
    for (const char* name : later_values) refuse(name);
}

std::string one_job(const po::variables_map& values, const std::string& command) {
    const auto jobs =
        values.count("job") > 0 ? values["job"].as<std::vector<std::string>>() : std::vector<std::string>{};
    if (jobs.size() == 1) return jobs[0];
    throw UsageError("maniple " + command + " takes one job file, found " + std::to_string(jobs.size()) + "; maniple " +
                     command + " --help lists the options");
}

JobOverrides overrides_of(const po::variables_map& values) {
    JobOverrides overrides;
    if (values.count("plan") > 0) overrides.plan = values["plan"].as<std::string>();
    if (values.count("set") == 0) return overrides;
    for (const std::string& setting : values["set"].as<std::vector<std::string>>()) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0)
            throw UsageError("--set takes NAME=VALUE, found '" + setting + "'");
        overrides.set.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
    }
    return overrides;
}

std::string one_of(const po::variables_map& values, const char* name, const std::vector<std::string>& known) {
    const std::string value = values[name].as<std::string>();
    if (std::find(known.begin(), known.end(), value) != known.end()) return value;
    throw UsageError(Place{}, "--" + std::string(name) + " takes " + join(known, ", ") + ", found '" + value + "'",
                     nearest_word(value, known));
}

/// "60s", "5 min", "1h".
double duration_seconds(const std::string& option, const std::string& text) {
    std::istringstream stream(text);
    double value = 0;
    std::string unit;
    stream >> value >> unit;
    const std::vector<std::pair<std::string, double>> units = {
        {"ms", 1e-3}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    for (const auto& [name, seconds] : units) {
        if (unit == name && value > 0) return value * seconds;
    }
    throw UsageError("--" + option + " takes a time with a unit (ms s min h d), found '" + text + "'");
}

void check_lanes(const po::variables_map& values, RunOptions& options) {
    options.lanes = one_of(values, "lanes", {"auto", "cpu", "gpu", "both"});
    if (options.lanes == "gpu" || options.lanes == "both")
        throw UnavailableError("--lanes " + options.lanes + ": gpu lanes are not built in yet");
    options.gpus = values["gpus"].as<std::string>();
    if (options.gpus == "all" || options.gpus == "none") return;
    if (options.gpus.find_first_not_of("0123456789,") == std::string::npos && !options.gpus.empty()) {
        throw UnavailableError("--gpus " + options.gpus + ": gpu lanes are not built in yet");
    }
    throw UsageError("--gpus takes all, none or a list of numbers, found '" + options.gpus + "'");
}

std::string help_text(const po::options_description& options, const std::string& line) {
    std::ostringstream text;
    text << line << "\n" << options;
    return text.str();
}

}  // namespace

RunOptions parse_run_options(const std::vector<std::string>& arguments) {
    const po::variables_map values = parse(arguments, run_description(), "run");
    refuse_later(values);
    RunOptions options;
    options.job = one_job(values, "run");
    options.overrides = overrides_of(values);
    check_lanes(values, options);
    if (values.count("threads") > 0) {
        options.threads = values["threads"].as<int>();
        if (options.threads < 1 || options.threads > 4096)
            throw UsageError("--threads takes a number from 1 to 4096, found " + std::to_string(options.threads));
    }
    if (values.count("report") > 0) options.report = values["report"].as<std::string>();
    if (values.count("stall") > 0) options.stall_seconds = duration_seconds("stall", values["stall"].as<std::string>());
    options.no_report = values.count("no-report") > 0;
    options.overwrite = values.count("overwrite") > 0;
    options.quiet = values.count("quiet") > 0;
    options.dry_run = values.count("dry-run") > 0;
    if (options.no_report && !options.report.empty()) throw UsageError("--report and --no-report exclude each other");
    return options;
}

PlanOptions parse_plan_options(const std::vector<std::string>& arguments) {
    const po::variables_map values = parse(arguments, plan_description(), "plan");
    PlanOptions options;
    options.job = one_job(values, "plan");
    options.overrides = overrides_of(values);
    options.ranks = values["ranks"].as<int>();
    if (options.ranks < 1) throw UsageError("--ranks takes a number from 1 on, found " + std::to_string(options.ranks));
    if (values.count("dump") > 0) options.dump = one_of(values, "dump", {"graph", "plan", "program"});
    return options;
}

std::string usage() {
    return "maniple runs tensor jobs on clusters: HDF5 in, a graph of kernels, HDF5 out.\n"
           "\n"
           "  mpirun -n N maniple run JOB.yaml     run a job on N ranks (or under srun, or alone)\n"
           "  maniple plan JOB.yaml --ranks N      what each rank would compute; no MPI needed\n"
           "  maniple inspect FILE.h5              what a result holds and where it came from\n"
           "  maniple --version                    what this program was built with\n"
           "\n"
           "maniple COMMAND --help lists a command's options.\n";
}

std::string run_usage() {
    return help_text(run_description(), "maniple run JOB.yaml [options]      (under mpirun, srun, or alone)\n");
}

std::string plan_usage() { return help_text(plan_description(), "maniple plan JOB.yaml [options]\n"); }

}  // namespace maniple
