// cli/options.hpp: what the user typed, as values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/settings.hpp"
#include "job/job.hpp"

namespace maniple {

/// Options of `maniple run`.
struct RunOptions {
    std::string job;
    JobOverrides overrides;
    std::optional<std::string> lanes;  ///< absent: as the job says
    std::string gpus = "all";
    std::string record;  ///< empty: no schedule is kept
    std::string replay;  ///< empty: none is followed
    bool is_scheduled() const { return !record.empty() || !replay.empty(); }
    std::string report;  ///< empty: NAME.report beside the job file
    int threads = 0;     ///< 0: as many as there are cores
    double stall_seconds = 60;
    bool no_report = false;
    bool no_history = false;
    bool overwrite = false;
    bool quiet = false;
    bool verbose = false;
    bool dry_run = false;
    bool validate = false;
    bool check = false;                                  ///< the scheduler's own assertions
    bool host_complete = false;                          ///< gpus do not order their own chunks
    std::vector<std::pair<std::string, Setting>> given;  ///< for --verbose: what was set, in the order of the help
};

/// Options of `maniple plan` and `maniple check`.
struct PlanOptions {
    std::string job;
    JobOverrides overrides;
    std::string dump;     ///< "", "graph", "plan", "program", or a file: its name has a . or /
    std::string cluster;  ///< a cluster file; empty: this machine
    int ranks = 1;
    int threads = 0;  ///< of each rank; 0: they share the cores
    bool overwrite = false;
    bool json = false;
    bool no_history = false;  ///< always for `check`, whose answer does not depend on earlier runs
};

/// Options of `maniple simulate`.
struct SimulateOptions {
    std::string job;
    JobOverrides overrides;
    std::string cluster;     ///< as above
    std::vector<int> ranks;  ///< ascending, each once
    bool json = false;
    bool no_history = false;
};

/// Options of `maniple devices`.
struct DevicesOptions {
    bool json = false;
    bool measure = false;
};

/// The options of each command. `threads` has no variable here: MANIPLE_THREADS is a limit, not a setting.
const std::vector<Option>& run_options();
const std::vector<Option>& check_options();
const std::vector<Option>& plan_options();

/// The arguments behind the command's name. Errors: UsageError, with the nearest option; UnavailableError for an option
/// or a value that is not built in yet.
RunOptions parse_run_options(const std::vector<std::string>& arguments);
PlanOptions parse_check_options(const std::vector<std::string>& arguments);
PlanOptions parse_plan_options(const std::vector<std::string>& arguments);

const std::vector<Option>& simulate_options();
SimulateOptions parse_simulate_options(const std::vector<std::string>& arguments);
std::string simulate_usage();

const std::vector<Option>& devices_options();
DevicesOptions parse_devices_options(const std::vector<std::string>& arguments);
std::string devices_usage();

/// Whether `--help` is among them.
bool wants_help(const std::vector<std::string>& arguments);

/// Texts for `maniple --help` and `maniple COMMAND --help`.
std::string usage();
std::string run_usage();
std::string check_usage();
std::string plan_usage();

}  // namespace maniple
