// cli/preparation.hpp: what a run can make before MPI is there, while it starts.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "cli/history_file.hpp"
#include "cli/options.hpp"
#include "cli/rehearsal.hpp"
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
    std::optional<Rehearsal> rehearsal;  ///< of a run on one rank
};

/// What a run is prepared from.
struct PreparationRequest {
    RunOptions options;
    std::string cache_folder;
    bool is_root = true;  ///< as the launcher says; where it says nothing, true
    /// This process, where it is the only rank; without gpus. Found out meanwhile.
    std::shared_future<std::optional<RankFacts>> alone;
};

/// On a thread beside MPI_Init, which waits for other processes most of its time. As MPI_Init alters the environment,
/// nothing that asks for a variable can be done here: neither HDF5's files nor hwloc.
class Preparation {
public:
    enum class Thread {
        its_own,
        of_caller,  ///< nothing is done before take(): where there is nothing to be beside of
    };
    Preparation(PreparationRequest request, Thread thread);
    /// Blocks until it is done. Once.
    Prepared take(const World& world);

private:
    std::future<Prepared> prepared_;
};

}  // namespace maniple
