// bench/mpi_bench.hpp: the main() of a bench whose systems all need MPI and one OpenMP team on each rank.
#pragma once

#include <functional>
#include <string>

#include "harness.hpp"
#include "ranks.hpp"

namespace maniple::bench {

/// What such a bench is given.
struct MpiBench {
    const Options& options;  ///< 2 threads over all ranks, if --threads does not say otherwise
    const Ranks& ranks;
    Report& report;
    bool tiny;           ///< sizes for a test of the bench itself
    std::string suffix;  ///< of the names of cases: "" or "/2ranks"

    /// Wall time of the slowest rank in ms. The threads are awake, and all ranks begin together.
    double time_ms(const std::function<void()>& execute) const;
};

/// Reads the options, initialises MPI, pins the team, calls `measure` and writes the file. What main() returns: 64 for
/// wrong options, 1 after an error; where there are several ranks, that ends them all.
int run_mpi_bench(int argc, char** argv, const std::string& name, const std::function<void(const MpiBench&)>& measure);

}  // namespace maniple::bench
