// cluster/machine.hpp: the ranks of a run and what each of them has: plain facts, found out by the lanes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "cluster/rates.hpp"

namespace maniple {

/// One gpu lane of a rank: a device that it has opened.
struct GpuFacts {
    std::string name;
    int device = 0;         ///< number in the node's enumeration
    bool software = false;  ///< a processor that imitates a gpu
    bool unified = false;   ///< the host's memory is its own and coherent: buffers can be used in place
    bool keeps_denormals = false;
    /// Ranks whose lanes are on it, each with its part of the rates. Of a cluster file; else 1, whoever shares it.
    int sharers = 1;
    std::uint32_t features = 0;  ///< MANIPLE_GPU_* of kernel/abi.hpp
};

/// What one rank has.
struct RankFacts {
    std::string host;
    int threads = 1;                ///< compute threads
    std::int64_t memory_bytes = 0;  ///< its node's; 0: not known
    std::vector<int> cores;         ///< those it may run on, ascending
    std::vector<GpuFacts> gpus;     ///< its gpu lanes, in order
};

/// The machine that a plan is made for: one entry for each rank.
struct Machine {
    std::vector<RankFacts> ranks;
    Rates rates;

    int size() const { return static_cast<int>(ranks.size()); }
    int ranks_on_node_of(Rank rank) const;
    /// The first of the cores of `rank`, counted from 0 among them, that its threads may be pinned to, one each: ranks
    /// that were given the same cores take their turns. Nothing where there are too few cores, or masks overlap in part.
    std::optional<int> first_core(Rank rank) const;
    /// What each rank may have of its node's memory, of the rank with the least; 0: not known.
    std::int64_t least_memory_bytes() const;
    /// `count` equal ranks, for plans without the machine at hand.
    static Machine uniform(int count, const RankFacts& facts);
};

/// The facts of one rank as bytes and back, for the gathering of a Machine over the ranks.
std::string serialize(const RankFacts& facts);
RankFacts deserialize_rank_facts(const std::string& bytes);

}  // namespace maniple
