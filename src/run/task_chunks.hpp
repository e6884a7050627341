// run/task_chunks.hpp: the tasks of a program in chunks.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "program/chunk_graph.hpp"
#include "run/task_program.hpp"

namespace maniple {

/// Which tasks a chunk runs, one after the other.
struct TaskChunks {
    std::vector<TaskId> tasks;       ///< by chunk
    std::vector<std::size_t> first;  ///< by chunk, and one past the last
    std::vector<ChunkId> chunk_of;   ///< by task

    std::size_t size() const { return first.size() - 1; }

    /// Each task is one.
    static TaskChunks each(const TaskProgram& program);
    /// Tasks that lie equally deep share chunks of up to some µs, so that each thread still has several of each depth.
    /// Chunks cannot wait for each other: what they wait for is less deep.
    static TaskChunks by_depth(const TaskProgram& program, int threads);

    ChunkGraph graph(const TaskProgram& program) const;
};

}  // namespace maniple
