// run/replay.hpp: executions of a program in which the chunks of the cpu start in a given order, on given workers.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "run/first_error.hpp"
#include "run/run.hpp"
#include "run/start_log.hpp"

namespace maniple {

/// In place of a Run, for `--replay`. One lock for all: what counts is the order, not the speed. A chunk begins when it is
/// next in the order, it is its worker's, and what it waits for has ended; then the next one may begin beside it. Chunks of
/// other lanes are submitted when what they wait for has ended on the host. Borrows the graph, the scheduler and the log.
/// Threads: start() and the waiting on one; the rest on any.
class Replay final : public Completion {
public:
    /// `log` keeps the starts; null: nobody wants them.
    Replay(const ChunkGraph& graph, LanePrograms lanes, Scheduler& scheduler, StartLog* log);

    /// Looks at every chunk from now on. Not while an execution is under way.
    void audit() { audit_ = std::make_unique<Audit>(graph_, false); }

    /// What is wrong with `order` as one of this graph's executions on so many workers; empty: nothing. An order without a
    /// fault cannot keep this rank waiting for itself.
    static std::string fault_of(const ChunkGraph& graph, std::span<const ChunkStart> order, int workers);

    /// Requires: is_done(), nothing failed before, fault_of(order) is empty.
    void start(const Execution& execution, std::vector<ChunkStart> order);
    /// Every chunk has ended. What they wrote is then visible to the caller.
    bool is_done() const { return open_.load(std::memory_order_acquire) == 0; }  // partner: end()

    /// Runs the next chunk, if it is this worker's turn.
    bool work(Worker& worker);

    /// Lets nothing more start. The first error is kept.
    void fail(std::exception_ptr error) { error_.keep(std::move(error)); }
    bool has_failed() const { return error_.is_there(); }
    std::exception_ptr error() const { return error_.get(); }

    void finished(ChunkId chunk, std::exception_ptr error) override;

private:
    void end(ChunkId chunk);
    void submit(const std::vector<ChunkId>& chunks);

    const ChunkGraph& graph_;
    LanePrograms lanes_;
    Scheduler& scheduler_;
    StartLog* log_;
    std::unique_ptr<Audit> audit_;  ///< null: nobody looks
    Execution execution_;
    std::uint64_t executions_ = 0;      ///< begun
    std::atomic<std::size_t> open_{0};  ///< chunks that have not ended
    FirstError error_;
    std::mutex mutex_;                     ///< guards the rest
    std::vector<std::int32_t> remaining_;  ///< by chunk: predecessors that have not ended
    std::vector<ChunkStart> order_;
    std::size_t turn_ = 0;  ///< in the order
};

}  // namespace maniple
