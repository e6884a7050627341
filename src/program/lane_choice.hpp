// program/lane_choice.hpp: which lanes of a rank compute which operation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cluster/machine.hpp"
#include "graph/graph.hpp"

namespace maniple {

/// What `--lanes` asks for.
enum class LaneUse {
    automatic,  ///< gpus where they are real and the work is large
    cpu,
    gpu,   ///< whatever has a gpu variant
    both,  ///< every operation that can be split gives every lane a box
};

/// Errors: UsageError for another word than auto, cpu, gpu and both.
LaneUse parse_lane_use(std::string_view word);

/// One rank's lanes. A lane is the number of a gpu lane, or `cpu_lane`.
struct LaneChoice {
    static constexpr int cpu_lane = -1;

    std::vector<std::vector<int>> lanes;       ///< by OperationId; empty as a whole: the cpu computes everything
    std::vector<std::vector<double>> weights;  ///< as `lanes`: how large each one's share is; empty: all alike
    /// By OperationId: nanoseconds that a point takes one thread of the cpu lane, measured or guessed (point_costs.hpp); 0,
    /// or empty as a whole: nothing is known. Tiles and the order of chunks follow from it, and nothing else.
    std::vector<double> point_ns;
    std::vector<GpuFacts> gpus;      ///< the rank's gpu lanes
    bool cpus_alone = false;         ///< it is known that no rank has a gpu lane; the same on all ranks
    int threads = 1;                 ///< of the cpu lane
    bool folds_by_tile = true;       ///< the cpu may go from a fold's inputs to its results in one call
    bool chains = true;              ///< the cpu may pass over a tile with several operations (chains.hpp)
    std::vector<std::string> notes;  ///< what was asked for and does not apply, one line each

    std::vector<int> of(OperationId id) const { return lanes.empty() ? std::vector<int>{cpu_lane} : lanes[id.index()]; }
    bool on_cpu_alone(OperationId id) const {
        return lanes.empty() || (lanes[id.index()].size() == 1 && lanes[id.index()].front() == cpu_lane);
    }
    std::vector<double> weights_of(OperationId id) const {
        return weights.empty() ? std::vector<double>(of(id).size(), 1) : weights[id.index()];
    }
    double point_ns_of(OperationId id) const { return point_ns.empty() ? 0 : point_ns[id.index()]; }
    /// Whether `lane` computes in the host's memory: the cpu, and the first gpu with unified memory.
    bool uses_host_memory(int lane) const;
    /// The memory that `lane` computes in: 0 the host's, 1 + k that of gpu lane k.
    int memory_of(int lane) const { return uses_host_memory(lane) ? 0 : 1 + lane; }
    int memory_count() const { return 1 + static_cast<int>(gpus.size()); }
};

/// LaneChoice::cpus_alone.
bool has_cpus_alone(const Machine& machine);

/// Whether `gpu` can run `operation`: there is a shader for its types and the device has what that needs.
bool can_run(const Operation& operation, const GpuFacts& gpu);

/// Pure. Errors: UnavailableError where `use` or `place:` ask for a lane that the rank does not have, or for a gpu
/// where the kernel has no variant for one.
LaneChoice choose_lanes(const Graph& graph, const RankFacts& facts, LaneUse use);

}  // namespace maniple
