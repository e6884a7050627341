// run/start_log.hpp: which worker started which chunk of the cpu, in one order over all workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lanes/lane.hpp"
#include "run/scheduler.hpp"

namespace maniple {

/// A chunk's start.
struct ChunkStart {
    std::int32_t worker = 0;
    ChunkId chunk;

    bool operator==(const ChunkStart&) const = default;
};

/// The starts of one execution at a time. Threads: add() any worker; the rest one, between executions.
class StartLog {
public:
    /// An execution of at most so many chunks of the cpu begins.
    void begin(std::size_t chunks) {
        if (starts_.size() < chunks) starts_.resize(chunks);
        next_.store(0, std::memory_order_relaxed);  // shown to workers with the execution's first chunks
    }
    void add(int worker, ChunkId chunk) {
        // Relaxed: a chunk that waits for another one is added after it, on the same counter.
        starts_[next_.fetch_add(1, std::memory_order_relaxed)] = {worker, chunk};
    }
    /// In the order of the starts. Valid until begin().
    std::span<const ChunkStart> starts() const { return {starts_.data(), next_.load(std::memory_order_relaxed)}; }

private:
    std::vector<ChunkStart> starts_;
    std::atomic<std::size_t> next_{0};
};

/// Stands before the cpu's part of a program and keeps the starts of its chunks. Borrows the log and the scheduler.
class LoggedProgram final : public InlineProgram {
public:
    LoggedProgram(std::unique_ptr<InlineProgram> program, Scheduler& scheduler, StartLog& log)
        : program_(std::move(program)), scheduler_(scheduler), log_(log) {}

    void run(ChunkId chunk, const Execution& execution) override {
        log_.add(scheduler_.caller()->number, chunk);
        program_->run(chunk, execution);
    }

private:
    std::unique_ptr<InlineProgram> program_;
    Scheduler& scheduler_;
    StartLog& log_;
};

}  // namespace maniple
