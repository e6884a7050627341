// cli/options.hpp: what the user typed, as values.
#pragma once

#include <string>
#include <vector>

#include "job/job.hpp"

namespace maniple {

/// Options of `maniple run`.
struct RunOptions {
    std::string job;
    JobOverrides overrides;
    std::string lanes = "auto";
    std::string gpus = "all";
    std::string report;  ///< empty: NAME.report beside the job file
    int threads = 0;     ///< 0: as many as there are cores
    double stall_seconds = 60;
    bool no_report = false;
    bool overwrite = false;
    bool quiet = false;
    bool dry_run = false;
};

/// Options of `maniple plan`.
struct PlanOptions {
    std::string job;
    JobOverrides overrides;
    std::string dump;  ///< "", "graph", "plan" or "program"
    int ranks = 1;
};

/// The arguments behind the command's name. Errors: UsageError, with the nearest option; UnavailableError for an option
/// that is not built in yet.
RunOptions parse_run_options(const std::vector<std::string>& arguments);
PlanOptions parse_plan_options(const std::vector<std::string>& arguments);

/// Texts for `maniple --help` and `maniple COMMAND --help`.
std::string usage();
std::string run_usage();
std::string plan_usage();

}  // namespace maniple
