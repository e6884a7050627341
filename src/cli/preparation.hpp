// cli/preparation.hpp: what a run can make before MPI is there, while it starts.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "cli/history_file.hpp"
#include "cli/options.hpp"
#include "graph/graph.hpp"
#include "lanes/net/world.hpp"

namespace maniple {

/// What could be made; whatever is missing, the run makes itself, and meets there what is wrong with it.
struct Prepared {
    std::unique_ptr<const KernelRegistry> registry;
    std::optional<std::string> text;    ///< of the job; rank 0 alone, like all below
    std::optional<JobReading> reading;  ///< of that text
    std::optional<Graph> graph;         ///< of that job, if it reads no files; borrows `registry`
    std::optional<HistoryReading> history;
};

/// A thread beside MPI_Init, which waits for other processes most of its time. As MPI_Init alters the environment, nothing
/// that asks for a variable can be done here: neither HDF5's files nor hwloc.
class Preparation {
public:
    /// Starts it. `is_root` as the launcher says; where it says nothing, true. Copies what it is given.
    Preparation(const RunOptions& options, const std::string& cache_folder, bool is_root);
    /// Blocks until it is done. Once.
    Prepared take(const World& world);

private:
    std::future<Prepared> prepared_;
};

}  // namespace maniple
