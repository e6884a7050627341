// tests/run/random_run.hpp: one random graph on all ranks and lanes, held to the sequential reference.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/net/net_lane.hpp"
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

/// Runs the graph of `seed`; rank 0 compares: bit for bit, but floating-point sums, and on a gpu whatever follows from
/// a kernel that is not exact. Returns the operations on this rank's gpu lanes. `gpus` may be null.
std::int64_t run_seed(std::uint32_t seed, const World& world, const KernelRegistry& registry, GpuSource* gpus);

}  // namespace maniple
