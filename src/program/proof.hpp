// program/proof.hpp: that a plan fits its memory and that its ranks cannot wait for each other for ever.
#pragma once

#include <cstdint>
#include <string>

#include "plan/plan.hpp"
#include "program/layout.hpp"

namespace maniple {

/// How many bytes of buffers a rank may have, and who says so.
struct MemoryLimit {
    std::int64_t bytes = 0;  ///< 0: not known, nothing is refused
    std::string origin;      ///< "this machine's memory shared by 4 ranks"
};

/// The job's `plan: {memory: …}`, else this machine's memory shared by the ranks on it.
MemoryLimit memory_limit(const Job& job, std::int64_t memory_bytes, int ranks_on_node);

/// What a proof looked at.
struct Proof {
    Rank fullest;                 ///< the rank with the most bytes
    std::int64_t most_bytes = 0;  ///< of its buffers
    int blocks = 0;               ///< different blocks of steps
    std::int64_t messages = 0;    ///< of one execution of each
};

/// Errors: UnavailableError naming the rank, its bytes and its largest buffer, where they pass `limit`.
void require_memory(const Layout& layout, const MemoryLimit& limit);

/// Builds the programs of all ranks for every different block of steps. Holds them to these: each fits `limit`; every
/// send has its receive of the same bytes; no instruction of any rank waits for itself, a message counting as one
/// event that waits for what its sender and its receiver wait for. Pure; costs the programs of all ranks.
/// Errors: UnavailableError for the memory; the others would be errors of this program and break an invariant.
Proof prove(const Graph& graph, const Plan& plan, const MemoryLimit& limit);

}  // namespace maniple
