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

namespace maniple {

/// What could be made; whatever is missing, the run makes itself, and meets there what is wrong with it.
struct Prepared {
    std::unique_ptr<const KernelRegistry> registry;
    std::optional<std::string> text;        ///< of the job, as this rank finds it
    std::optional<JobReading> reading;      ///< of that text
    std::optional<Graph> graph;             ///< of that job, if it reads no files; borrows `registry`
    std::optional<HistoryReading> history;  ///< as this rank finds it
    std::optional<Rehearsal> rehearsal;     ///< of a run on ranks of one node

    /// Forgets what follows from another text than `text`.
    void keep_if_of(const std::string& text);
};

/// What a run is prepared from.
struct PreparationRequest {
    RunOptions options;
    std::string cache_folder;
    Rank rank = Rank(0);  ///< as the launcher says; where it says nothing, 0 of 1
    int ranks = 1;
    /// facts_of_all(), found out meanwhile.
    std::shared_future<std::optional<RankFacts>> facts;
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
    Prepared take() { return prepared_.get(); }

private:
    std::future<Prepared> prepared_;
};

}  // namespace maniple
