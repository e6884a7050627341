// tests/run/random_run.hpp: one graph on all ranks and lanes, held to the sequential reference.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/net/net_lane.hpp"
#include "lanes/reference/reference.hpp"
#include "program/fit_memory.hpp"
#include "run/executor.hpp"

namespace maniple {

/// A number from the environment, for who looks for more than the tests' usual cases.
std::uint32_t setting(const char* name, std::uint32_t usual);
/// Each number of ranks has cases of its own. MANIPLE_TEST_FIRST_SEED is another.
std::uint32_t first_seed(const World& world);
/// So many graphs meet everything that a test counts; fewer may not.
constexpr std::uint32_t seeds_that_meet_everything = 250;

/// The gpu lanes of one run on one rank. Owns them.
class GpuSource {
public:
    virtual ~GpuSource() = default;
    /// The lanes of every operation.
    virtual LaneChoice choose(const Graph& graph, std::uint32_t seed, Rank rank) = 0;
    /// Gets what buffers of gpu lanes need; before the arena is made.
    virtual void open(const Graph& graph, const Layout& layout) = 0;
    virtual std::byte* mapped(BufferId buffer) = 0;
    virtual std::vector<Lane*> lanes(const Graph& graph, Arena& arena, int threads) = 0;
    /// Whether they are cpus in truth, which owe the same bits for all but folds.
    virtual bool imitated() const { return false; }
};

/// One graph to be run on all ranks.
struct RunCase {
    Graph graph;
    InputLoader load;
    PlanRequest request;
    std::uint32_t seed = 0;
    bool sums_last = true;   ///< floating-point sums are not read by anything: their last bits may differ
    std::string text;        ///< for messages
    double memory_part = 0;  ///< of what the plan needs: what a rank may have, by whatever means; 0: all
    /// If there are any: how far every value may be off, by name, that follows from what may differ between lanes at
    /// all (of cpus: folds that are not exact); everything else must be bit-equal.
    std::map<std::string, double> errors;
};

/// Small positive numbers, the same for the same tensor everywhere.
TensorBytes input_bytes(const Tensor& tensor, std::uint32_t seed);

/// What a case did on this rank.
struct CaseCounts {
    std::int64_t operations = 0;  ///< of the graph
    std::int64_t on_gpus = 0;     ///< operations
    std::int64_t border_moves = 0;
    std::int64_t share_changes = 0;
    std::int64_t recuts = 0;
    std::int64_t claimed_by_gpus = 0;  ///< operations, where lanes claim tiles
    std::int64_t handed_on = 0;        ///< messages sent around rings or by doubling
    std::int64_t fitted = 0;           ///< where the plan had to be made to fit: 1, and there are the means
    std::int64_t unfit = 0;            ///< 1: that was not possible, it has not been run
    std::int64_t recomputed = 0;       ///< steps of MemoryStep::Kind
    std::int64_t spilled = 0;
    std::int64_t ended = 0;         ///< by `until`, before all steps were done: 1
    std::int64_t ended_behind = 0;  ///< likewise, where steps may have been begun that nobody wanted (looks_behind)
};

/// Where the job has a loop and there are no gpus, borders move between most blocks for half of the seeds.
/// Rank 0 compares with the reference: bit for bit, but floating-point sums, and on a gpu whatever follows from a
/// kernel that is not exact. `gpus` may be null.
CaseCounts run_case(const RunCase& run, const World& world, GpuSource* gpus);

/// Boxes that ranks have computed for others, in all runs so far. Collective.
std::int64_t claims_so_far(const World& world);

/// How random_job() makes a job, and in which part of the memory that it needs it runs; 0: in all that it likes.
struct RandomRunOptions {
    int entries = 0;
    double memory_part = 0;
};

/// The random graph of `seed`, two of three with random grids.
CaseCounts run_seed(std::uint32_t seed, const World& world, const KernelRegistry& registry, GpuSource* gpus,
                    const RandomRunOptions& options = {});

/// A job that reads no files, with a random plan, in a part of the memory that it needs.
CaseCounts run_text(const std::string& text, std::uint32_t seed, const World& world, const KernelRegistry& registry,
                    double memory_part);

/// How often each kernel was called, composite ones too.
using KernelCounts = std::map<std::string, std::int64_t>;

/// The same with the random job of all kernels (all_kernels_job.hpp).
CaseCounts run_all_kernels_seed(std::uint32_t seed, const World& world, const KernelRegistry& registry, GpuSource* gpus,
                                KernelCounts& counts);

}  // namespace maniple
