// cluster/machine.hpp: the ranks of a run and what each of them has: plain facts, found out by the lanes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"

namespace maniple {

/// What one rank has.
struct RankFacts {
    std::string host;
    int threads = 1;                ///< compute threads
    std::int64_t memory_bytes = 0;  ///< this rank's share of its node's memory; 0: not known
};

/// The machine that a plan is made for: one entry for each rank.
struct Machine {
    std::vector<RankFacts> ranks;

    int size() const { return static_cast<int>(ranks.size()); }
    /// `count` equal ranks, for plans without the machine at hand.
    static Machine uniform(int count, const RankFacts& facts);
};

/// The facts of one rank as bytes and back, for the gathering of a Machine over the ranks.
std::string serialize(const RankFacts& facts);
RankFacts deserialize_rank_facts(const std::string& bytes);

}  // namespace maniple
