// run/run.hpp: the counters that carry out one program, again and again.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lanes/lane.hpp"
#include "program/program.hpp"
#include "run/ready_queue.hpp"

namespace maniple {

/// The lanes' parts of one program; null where it has no chunk of that lane.
struct LanePrograms {
    std::unique_ptr<LaneProgram> cpu;
    std::unique_ptr<LaneProgram> net;
    std::unique_ptr<LaneProgram> file;
    std::vector<std::unique_ptr<LaneProgram>> gpus;  ///< by gpu lane

    LaneProgram& of(const Chunk& chunk) const;
};

/// Carries out one execution of a program at a time. Borrows the program, the queue and the progress counter.
/// Threads: start() and the waiting on one; run_chunk() and finished() on any.
class Run final : public Completion {
public:
    /// Requires: the program has a root unless it has no chunk at all.
    Run(const Program& program, LanePrograms lanes, ReadyQueue& queue, std::atomic<std::int64_t>& progress);

    /// Submits the roots. Requires: is_done(), nothing failed before.
    void start(const Execution& execution);

    /// Every chunk is done, or a failure has been drained. What they wrote is then visible to the caller.
    bool is_done() const { return in_flight_.load(std::memory_order_acquire) == 0; }  // partner: finished()

    /// Runs a chunk that came from the queue; drops it if the run has failed.
    void run_chunk(ChunkId chunk);

    /// Lets nothing more start. The first error is kept.
    void fail(std::exception_ptr error);
    bool has_failed() const { return failed_.load(std::memory_order_acquire); }
    std::exception_ptr error() const;

    void finished(ChunkId chunk, std::exception_ptr error) override;

    /// What has started and not finished, one line each, for a diagnosis. Threads: any; a snapshot.
    std::string in_flight_text(std::size_t most) const;

private:
    void release(ChunkId chunk);
    const Chunk& chunk_at(ChunkId id) const { return program_.chunks[id.index()]; }

    const Program& program_;
    LanePrograms lanes_;
    ReadyQueue& queue_;
    std::atomic<std::int64_t>& progress_;
    Execution execution_;
    std::vector<std::atomic<std::int32_t>> remaining_;  ///< by chunk: predecessors not yet done
    std::vector<std::atomic<bool>> started_;            ///< by chunk: released and not finished
    std::atomic<std::int64_t> in_flight_{0};            ///< chunks released and not finished, and start() itself
    std::atomic<bool> failed_{false};
    mutable std::mutex error_mutex_;
    std::exception_ptr error_;
};

}  // namespace maniple
