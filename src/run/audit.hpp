// run/audit.hpp: what the scheduler promises, looked at while it runs (`--check`).
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "program/chunk_graph.hpp"

namespace maniple {

/// In each execution every chunk begins once, after all that it waits for has ended, and ends. What does not hold aborts
/// the process, naming the chunk. Borrows the graph. Threads: begin() between executions, the others any.
class Audit {
public:
    explicit Audit(const ChunkGraph& graph);

    /// An execution begins; the one before has to be complete.
    void begin();
    void starts(ChunkId chunk);
    void ends(ChunkId chunk);

private:
    struct Counts {
        std::atomic<std::int32_t> started{0};
        std::atomic<std::int32_t> ended{0};
        std::atomic<std::int32_t> predecessors{0};  ///< that have ended
    };
    const ChunkGraph& graph_;
    std::vector<Counts> counts_;  ///< by chunk
    bool begun_ = false;
};

}  // namespace maniple
