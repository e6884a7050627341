// lanes/lane.hpp: where chunks run. The run sees OpenMP, MPI, HDF5 and later Vulkan only as this.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>

#include "program/program.hpp"
#include "trace/activity.hpp"
#include "trace/byte_times.hpp"
#include "trace/work_time.hpp"

namespace maniple {

/// Told when a chunk is done. Implemented by the run.
class Completion {
public:
    virtual ~Completion() = default;

    /// Exactly once for each chunk submitted. Everything the chunk wrote is visible to whoever learns of this.
    /// `error` is null if it succeeded. Threads: any; never called while the lane holds a lock.
    virtual void finished(ChunkId chunk, std::exception_ptr error) = 0;
};

/// What differs from one execution of a program to the next.
struct Execution {
    std::int64_t first_step = 0;  ///< of the block, counted over the whole run
    /// How many steps of the run are wanted, as far as is known: fewer from when `until` is found to hold. The cpu leaves
    /// out what belongs to others. Borrowed; relaxed: what must not be done follows what has found it out. Not null where a program decides (InstructionKind::decide).
    std::atomic<std::int64_t>* wanted_steps = nullptr;
    /// Of its program, counted from 1; 0 where nobody counts. A device waits for values of the same execution alone.
    std::uint64_t number = 0;
};

/// One lane's part of a program, with addresses, requests and handles resolved. Immutable but for what is in flight.
/// Borrows the program, the arena and the lane.
class LaneProgram {
public:
    virtual ~LaneProgram() = default;  ///< Requires: nothing is in flight.

    /// Starts `chunk` and returns at once, but for an InlineProgram.
    /// Requires: the chunk is one of this lane; its predecessors have completed.
    /// Errors reach `done`, never the caller.
    virtual void submit(ChunkId chunk, const Execution& execution, Completion& done) = 0;
};

/// Of a lane without threads of its own: chunks run on the workers that take them.
class InlineProgram : public LaneProgram {
public:
    /// Runs `chunk` to its end on the calling thread. Errors: whatever its kernels throw.
    virtual void run(ChunkId chunk, const Execution& execution) = 0;
    /// One after the other. Errors: those of the first that fails; the rest has not run.
    virtual void run_all(std::span<const ChunkId> chunks, const Execution& execution) {
        for (const ChunkId chunk : chunks) run(chunk, execution);
    }

    void submit(ChunkId chunk, const Execution& execution, Completion& done) final {
        std::exception_ptr error;
        try {
            run(chunk, execution);
        } catch (...) { error = std::current_exception(); }
        done.finished(chunk, error);
    }
};

/// Owns its threads and handles. Borrows the arena, which outlives it.
class Lane {
public:
    virtual ~Lane() = default;  ///< Blocks until its threads have ended.

    /// Resolves a program. Not while an execution is under way.
    virtual std::unique_ptr<LaneProgram> prepare(const Program& program) = 0;

    /// Moves what is in flight forward, without blocking; true if anything completed or seems to be on its way. Called by
    /// idle workers and between chunks, by any number of threads.
    virtual bool progress() { return false; }

    /// What progress() has to look after. Threads: any; a hint.
    virtual int in_flight() const { return 0; }

    /// Gives up what is in flight after a failure: each chunk is reported as finished, with an error.
    virtual void cancel() {}

    /// Looks at what its device does from now on, as far as that costs something (`--check`). What does not hold aborts the
    /// process. Before the first execution.
    virtual void audit() {}

    /// What it did so far. Call when nothing is in flight.
    virtual Activity activity() const = 0;

    /// Buffers that it has taken from a device's memory so far.
    virtual std::int64_t allocations() const { return 0; }

    /// Adds how long it computed which operation, summed over its threads; nothing for lanes that compute nothing. Likewise.
    virtual void add_work_times(WorkTimes&) const {}
    WorkTimes work_times() const {
        WorkTimes times;
        add_work_times(times);
        return times;
    }

    /// How long it made or moved what no kernel computes; empty where that is not measured. Likewise.
    virtual ByteTimes byte_times() const { return {}; }
};

}  // namespace maniple
