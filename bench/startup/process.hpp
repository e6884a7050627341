// bench/startup/process.hpp: a program run from its start to its end.
#pragma once

#include <string>
#include <vector>

namespace maniple::bench {

struct ProcessTimes {
    double wall_ms = 0;
    double cpu_ms = 0;  ///< of all its threads, user and system
};

/// Runs a program, looked for as a shell does, with its outputs thrown away; blocks until it has ended.
/// Errors: std::runtime_error where it cannot be started or does not end with 0.
ProcessTimes run_process(const std::vector<std::string>& command);

}  // namespace maniple::bench
