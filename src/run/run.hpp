// run/run.hpp: the counters that carry out one program, again and again.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "lanes/lane.hpp"
#include "program/chunk_graph.hpp"
#include "program/static_schedule.hpp"
#include "run/audit.hpp"
#include "run/first_error.hpp"
#include "run/live_microbatches.hpp"
#include "run/scheduler.hpp"

namespace maniple {

/// The lanes' parts of one program; null where it has no chunk of that lane.
struct LanePrograms {
    std::unique_ptr<InlineProgram> cpu;
    std::vector<std::unique_ptr<LaneProgram>> others;  ///< the other lanes'; owned for as long as the run may use them
    std::vector<LaneProgram*> by_chunk;                ///< of chunks that the cpu does not run; else null
};

/// Carries out one execution of a program at a time. Borrows the graph, the schedule and the scheduler.
/// Threads: start() and the waiting on one; the rest on any.
///
/// Every chunk ends exactly once in each execution, also after a failure: then without being run. So an execution is over
/// when the chunks that nobody waits for have ended, which is all that is counted.
class Run final : public Completion {
public:
    /// With a `schedule` every worker of the team has to come to run_static() once for each execution.
    Run(const ChunkGraph& graph, LanePrograms lanes, Scheduler& scheduler, const StaticSchedule* schedule = nullptr);

    /// Looks at every chunk from now on. Not while an execution is under way.
    void audit() { audit_ = std::make_unique<Audit>(graph_, chains_on_devices_); }

    /// Tells `live`, which it borrows, of every chunk from now on; those of gpus, which are submitted early, when they have
    /// ended. Not while an execution is under way, nor with a schedule.
    void watch(LiveMicrobatches& live) { live_ = &live; }

    /// Chunks of a gpu are submitted when all that they wait for has ended on the host, also what the gpu itself does. By
    /// default the gpu orders its own. Before the first execution.
    void complete_on_host() {
        chains_on_devices_ = false;
        if (audit_) audit();
    }

    /// Submits the roots. Requires: is_done(), nothing failed before. Aborts if it is in flight.
    void start(const Execution& execution);

    /// Every chunk has ended. What they wrote is then visible to the caller.
    bool is_done() const { return open_ends_.load(std::memory_order_acquire) == 0; }  // partner: end()

    /// Runs a chunk and, one after the other, those that it made ready and nobody else needs to take.
    void run_from(ChunkId chunk, Worker& worker);
    /// A chunk of the cpu that waits for nothing, from the part of worker `of`; none: all have been taken.
    ChunkId take_root(int of);
    /// Whether take_root() or run_static() would find something for this worker.
    bool has_roots(const Worker& worker) const;
    /// Tells the run what the worker has ended.
    void add_end(Worker* worker);
    void settle(Worker& worker);

    /// Whether there are few chunks side by side: then the oldest goes first, so that none are left to wait for.
    bool is_narrow() const { return narrow_; }

    bool is_static() const { return schedule_ != nullptr; }
    /// This worker's part of the current execution; false if it has done it.
    bool run_static(Worker& worker);

    /// Lets nothing more start. The first error is kept.
    void fail(std::exception_ptr error) { error_.keep(std::move(error)); }
    bool has_failed() const { return error_.is_there(); }
    std::exception_ptr error() const { return error_.get(); }

    /// For lanes with completions of their own.
    void finished(ChunkId chunk, std::exception_ptr error) override;

    /// For the one that waits for the end, again and again while it finds nothing to do: with an audit, aborts where a chunk
    /// that could run has not begun for a second, since nobody will ever begin it.
    void look_for_missed();

    /// Chunks of gpus that the submission of one that they wait for has released, not its end: in all executions so far.
    std::int64_t chained() const { return chained_.load(std::memory_order_relaxed); }

    /// Chunks of other lanes that have been submitted and have not ended. Threads: any; a snapshot.
    std::vector<ChunkId> in_flight_elsewhere() const;

private:
    struct alignas(64) Roots {
        std::atomic<std::size_t> next{0};
        std::size_t end = 0;
    };
    struct alignas(64) StaticProgress {
        std::atomic<std::int64_t> levels{0};  ///< done, over all executions
        std::int64_t executions = 0;          ///< begun; the worker's own
    };

    void run_here(ChunkId chunk, Worker& worker);
    void run_here(std::span<const ChunkId> chunks, Worker& worker);
    enum class Released { all, but_on_its_device };
    ChunkId release_dependents(ChunkId chunk, Worker* worker, Released which);
    void submit_elsewhere(ChunkId chunk);
    ChunkId release_on_device(ChunkId chunk);
    void end(std::int64_t ends);
    void wait_for_levels(const StaticWait& wait, std::int64_t base) const;

    const ChunkGraph& graph_;
    LanePrograms lanes_;
    Scheduler& scheduler_;
    const StaticSchedule* schedule_;
    bool narrow_;
    bool chains_on_devices_ = true;
    std::unique_ptr<Audit> audit_;      ///< null: nobody looks
    LiveMicrobatches* live_ = nullptr;  ///< null: nobody counts
    ChunkId overdue_;                   ///< at the last look for missed ones
    std::int64_t looked_ns_ = 0;
    Execution execution_;
    std::uint64_t executions_ = 0;  ///< begun
    std::atomic<std::int64_t> chained_{0};
    std::vector<std::atomic<std::int32_t>> remaining_;  ///< by chunk: predecessors not yet ended
    std::vector<std::atomic<bool>> elsewhere_;          ///< by chunk: submitted to another lane and not ended
    std::vector<Roots> roots_;                          ///< by worker: a stretch of graph.cpu_roots()
    std::vector<StaticProgress> progress_;              ///< by worker
    std::atomic<std::int64_t> static_executions_{0};    ///< that workers may begin
    std::atomic<std::int64_t> open_ends_{0};            ///< chunks that nobody waits for, and start() itself
    FirstError error_;
};

}  // namespace maniple
