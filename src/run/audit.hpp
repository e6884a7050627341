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
    /// With `chains_on_devices` a chunk of a gpu may begin before those of the same gpu have ended.
    Audit(const ChunkGraph& graph, bool chains_on_devices);

    /// An execution begins; the one before has to be complete.
    void begin();
    void starts(ChunkId chunk);
    void ends(ChunkId chunk);
    /// A chunk that has not begun, though all that it waits for has ended; none: there is none. Threads: any; between the end
    /// of one and the beginning of the other this is so for a moment.
    ChunkId overdue() const;

private:
    struct Counts {
        std::atomic<std::int32_t> started{0};
        std::atomic<std::int32_t> ended{0};
        std::atomic<std::int32_t> predecessors{0};  ///< that have ended
    };
    bool is_awaited(ChunkId before, ChunkId chunk) const {
        return !chains_on_devices_ || !graph_.on_one_device(before, chunk);
    }

    const ChunkGraph& graph_;
    bool chains_on_devices_;
    std::vector<std::int32_t> awaited_;  ///< by chunk: how many have to end before
    std::vector<Counts> counts_;         ///< by chunk
    bool begun_ = false;
};

}  // namespace maniple
