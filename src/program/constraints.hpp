// program/constraints.hpp: what a plan may take, and who says so.
#pragma once

#include <cstdint>
#include <string>

#include "job/job.hpp"
#include "program/predict.hpp"

namespace maniple {

/// How many bytes of buffers a rank may have, and who says so.
struct MemoryLimit {
    std::int64_t bytes = 0;  ///< 0: not known, nothing is refused
    std::string origin;      ///< "this machine's memory shared by 4 ranks"
    Place place = {};        ///< where the job says so
};

/// The job's `plan: {memory: …}`, else this machine's memory shared by the ranks on it.
MemoryLimit memory_limit(const Job& job, std::int64_t memory_bytes, int ranks_on_node);

/// Equal nodes, whose ranks share their memory.
struct SharedNodes {
    std::int64_t memory_bytes = 0;  ///< of a node; 0: nothing is known of nodes
    int ranks_on_each = 1;
    std::int64_t ranks = 0;  ///< of all
};

/// What may be done where a plan does not fit the memory (fit_memory.hpp).
enum class MemoryUse {
    fast,      ///< nothing that takes time
    balanced,  ///< waiting and computing again
    small,     ///< a file, too
};

/// What is asked of a plan beside being right.
struct Constraints {
    MemoryLimit memory = {};
    MemoryUse memory_use = MemoryUse::balanced;
    SharedNodes nodes = {};  ///< those of a cluster file
    double max_seconds = 0;  ///< of the predicted time; 0: any
    Place time_place = {};

    /// Whether the job says any of it.
    bool given() const { return memory.place || max_seconds > 0; }
    bool has_memory_for(std::int64_t bytes) const { return memory.bytes <= 0 || bytes <= memory.bytes; }
    bool has_time_for(double seconds) const { return max_seconds <= 0 || seconds <= max_seconds; }
};

/// Those of `plan:`, with the memory that there is.
Constraints constraints_of(const Job& job, MemoryLimit memory);

/// Why a plan of that prediction is not to be taken; empty: it may be. Memory comes first.
std::string broken_by(const Prediction& prediction, const Constraints& constraints);

/// The machine with at most `most` gpu lanes, the first ones of every rank first; the others are left idle.
Machine with_devices(Machine machine, std::int64_t most);

}  // namespace maniple
