// program/memory_candidates.hpp: what a rank keeps through its peak without using it there.
#pragma once

#include <vector>

#include "graph/again.hpp"
#include "program/layout.hpp"

namespace maniple {

/// A step that takes a tensor out of the memory where it is fullest.
struct MemoryCandidate {
    MemoryStep step;
    std::int64_t bytes = 0;  ///< of the tensor on this rank
    double ns = 0;           ///< that it costs, in each step of a loop: roughly, and the same on every machine
};

/// By Instruction::position: what the buffers of a tight layout hold then.
std::vector<std::int64_t> live_bytes(const Layout& layout);

/// Tensors that are there in the operation that needs most, and have been used before and will be after but not by it: what
/// it takes to make them again, with `spills` also to keep them in a file. The largest first. Pure; O(operations), and a
/// bounded search for each tensor.
std::vector<MemoryCandidate> memory_candidates(const Graph& graph, const Plan& plan, const Layout& layout, bool spills);

}  // namespace maniple
