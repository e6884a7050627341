// cli/run_planning.hpp: the stages of a run before anything is computed: what will be run, agreed upon by all ranks.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "cli/gpu_choice.hpp"
#include "cli/history_file.hpp"
#include "cli/options.hpp"
#include "cli/own_choice.hpp"
#include "cli/preparation.hpp"
#include "cli/test_hooks.hpp"
#include "lanes/cpu/topology.hpp"
#include "lanes/file/files.hpp"
#include "program/constraints.hpp"
#include "program/program.hpp"

namespace maniple {

/// What a rank is going to do. Neither copied nor moved: the first program is built from it while it is used.
struct PlannedRun {
    PlannedRun() = default;
    PlannedRun(const PlannedRun&) = delete;
    PlannedRun& operator=(const PlannedRun&) = delete;

    std::unique_ptr<const Topology> topology;
    std::unique_ptr<const KernelRegistry> registry;
    TestHooks hooks;
    std::string instruction_set;
    int threads = 1;
    std::string threads_origin;
    std::optional<int> first_core;  ///< of this node, from which on each thread has its own
    HistoryReading history;
    Job job;
    Catalogue catalogue;
    Machine machine;
    GpuChoice gpus;
    LaneUse lane_use = LaneUse::automatic;
    /// A schedule is kept or followed. It holds for the programs that it was kept of: these follow from the job, not from
    /// what runs have measured.
    bool is_scheduled = false;
    PlanRequest asked;                ///< as the job says it
    std::optional<OwnChoice> choice;  ///< of `auto`, on rank 0
    Graph graph;                      ///< as it is run
    Plan plan;
    std::string plan_text;
    Layout layout;                            ///< of this rank
    std::future<Program> first_program;       ///< of this rank's first block; borrows what stands above
    std::optional<double> predicted_seconds;  ///< of all steps; none: nobody has predicted them yet

    Constraints constraints(Rank rank) const;
    /// The lanes that compute on `rank`, with their shares.
    LaneChoice lanes_of(Rank rank, const RankFacts& facts) const;
};

/// Collective. Fills `run`, of which `topology` may be there already; uses of `prepared` what turns out to hold. Opens no
/// lane and creates no file.
/// Errors: all that is wrong with a job, a plan or a machine, the same on every rank.
void plan_run(const World& world, const RunOptions& options, Prepared prepared, PlannedRun& run);

}  // namespace maniple
