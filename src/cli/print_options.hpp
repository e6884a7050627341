// cli/print_options.hpp: what `maniple run --verbose` says of its options.
#pragma once

#include <string>

#include "cli/options.hpp"
#include "job/job.hpp"

namespace maniple {

/// The compute threads of a rank, and why so many.
struct ThreadCount {
    int threads = 1;
    std::string origin;
};

/// Prints every option with its value and where it came from: command line, environment, job file, default.
void print_run_options(const RunOptions& options, const Job& job, const ThreadCount& threads,
                       const std::string& report);

}  // namespace maniple
