// cli/this_rank.hpp: what a rank finds out about itself: its threads, cores and memory.
#pragma once

#include <memory>
#include <optional>

#include "cli/options.hpp"
#include "cli/print_options.hpp"
#include "cluster/machine.hpp"
#include "lanes/cpu/topology.hpp"

namespace maniple {

/// MANIPLE_THREADS and OMP_NUM_THREADS (its first number) may lower the number of cores; --threads stands above both.
/// Errors: UsageError for variables that are no counts.
ThreadCount choose_threads(const RunOptions& options, const Topology& topology);

RankFacts facts_without_gpus(int threads, const Topology& topology);

/// Before MPI is there; null where it fails, which is met again where all ranks can be told.
std::unique_ptr<const Topology> look_around();

/// What all ranks will say of themselves, if each is as this one but for its cores; nothing where that is not likely: on
/// several nodes, or where it fails. Likewise before MPI is there.
std::optional<RankFacts> facts_of_all(const RunOptions& options, const Topology* topology);

}  // namespace maniple
