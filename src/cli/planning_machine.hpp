// cli/planning_machine.hpp: the machine that `check`, `plan` and `simulate` look at: a cluster file's, or this one.
#pragma once

#include <optional>
#include <string>

#include "program/cluster_file.hpp"
#include "program/proof.hpp"
#include "program/throughput.hpp"

namespace maniple {

/// What plans are made for without MPI.
class PlanningMachine {
public:
    /// With a `cluster_file` the machine in it; if that is empty this one, with the rates that `maniple devices --measure`
    /// has kept and, with `use_history`, what earlier runs measured. Each of its ranks has so many threads; 0: they share
    /// the cores, and none has more than the variables of the environment allow. Errors: DataError, JobError, UsageError.
    PlanningMachine(const std::string& cluster_file, bool use_history, int threads = 0);

    /// Errors: UnavailableError where there are not so many.
    Machine with(int ranks) const;
    /// The same for a job, with no more gpu lanes than its `max_devices`.
    Machine with(int ranks, const Job& job) const;
    /// What a plan of the job may take on so many ranks.
    Constraints constraints_of(const Job& job, int ranks) const;
    /// What each of so many ranks may need: as the job says, else its part of a node.
    MemoryLimit memory_limit_of(const Job& job, int ranks) const;
    /// Whether it is a cluster file's: of this machine the gpus are not looked at.
    bool is_described() const { return cluster_.has_value(); }
    /// Empty for a cluster: what this machine measured says nothing of it.
    const ThroughputHistory& history() const { return history_; }

private:
    std::optional<Cluster> cluster_;
    RankFacts facts_;  ///< of this machine, its threads all cores
    int threads_ = 0;  ///< of each rank; 0: they share the cores
    int most_threads_ = 1;
    Rates rates_;
    ThroughputHistory history_;
};

}  // namespace maniple
