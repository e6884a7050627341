// bench/startup/process.hpp: a program run from its start to its end.
#pragma once

#include <string>
#include <vector>

namespace maniple::bench {

struct ProcessTimes {
    double wall_ms = 0;
    double cpu_ms = 0;  ///< of all its threads, user and system
};

/// Runs a program with its outputs thrown away, with `variables` ("NAME=value") beside those of this process; blocks until
/// it has ended. Requires: `command[0]` is a path.
/// Errors: std::runtime_error where it cannot be started or does not end with 0.
ProcessTimes run_process(const std::vector<std::string>& command, const std::vector<std::string>& variables = {});

}  // namespace maniple::bench
