// tests/run/random_run.hpp: one graph on all ranks and lanes, held to the sequential reference.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/net/net_lane.hpp"
#include "lanes/reference/reference.hpp"
#include "run/executor.hpp"

namespace maniple {

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
};

/// One graph to be run on all ranks.
struct RunCase {
    Graph graph;
    InputLoader load;
    PlanRequest request;
    std::uint32_t seed = 0;
    bool sums_last = true;  ///< floating-point sums are not read by anything: their last bits may differ
    std::string text;       ///< for messages
};

/// Small positive numbers, the same for the same tensor everywhere.
TensorBytes input_bytes(const Tensor& tensor, std::uint32_t seed);

/// Rank 0 compares with the reference: bit for bit, but floating-point sums, and on a gpu whatever follows from a
/// kernel that is not exact. Returns the operations on this rank's gpu lanes. `gpus` may be null.
std::int64_t run_case(const RunCase& run, const World& world, GpuSource* gpus);

/// The random graph of `seed`, two of three with random grids.
std::int64_t run_seed(std::uint32_t seed, const World& world, const KernelRegistry& registry, GpuSource* gpus);

}  // namespace maniple
