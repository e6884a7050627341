#include "run/run.hpp"

#include <algorithm>

namespace maniple {

LaneProgram& LanePrograms::of(const Chunk& chunk) const {
    switch (chunk.lane) {
        case LaneKind::cpu: return *cpu;
        case LaneKind::gpu: return *gpus[static_cast<std::size_t>(chunk.gpu)];
        case LaneKind::net: return *net;
        case LaneKind::file: break;
    }
    return *file;
}

Run::Run(const Program& program, LanePrograms lanes, ReadyQueue& queue, std::atomic<std::int64_t>& progress)
    : program_(program), lanes_(std::move(lanes)), queue_(queue), progress_(progress),
      remaining_(program.chunks.size()), started_(program.chunks.size()) {
    const bool has_root = std::any_of(program.chunks.begin(), program.chunks.end(),
                                      [](const Chunk& chunk) { return chunk.predecessors == 0; });
    MANIPLE_CHECK(has_root || program.chunks.empty(), "a program without a chunk that could start");
}

void Run::start(const Execution& execution) {
    MANIPLE_CHECK(is_done(), "a run was started while in flight");
    execution_ = execution;
    // Relaxed: the queue's lock, or the lanes' own hand-over, publishes these before any other thread sees a chunk.
    for (std::size_t i = 0; i < program_.chunks.size(); ++i) {
        remaining_[i].store(program_.chunks[i].predecessors, std::memory_order_relaxed);
    }
    in_flight_.store(
        1, std::memory_order_relaxed);  // start() itself, so that the run is not over before all roots are out
    for (std::size_t i = 0; i < program_.chunks.size(); ++i) {
        // The immutable count, never the atomic: a chunk that has meanwhile become ready was released by its predecessor.
        if (program_.chunks[i].predecessors == 0) release(ChunkId(i));
    }
    if (in_flight_.fetch_sub(1, std::memory_order_acq_rel) == 1) queue_.wake_all();
}

void Run::release(ChunkId chunk) {
    in_flight_.fetch_add(1, std::memory_order_relaxed);  // the releaser itself is in flight: cannot be seen as zero
    started_[chunk.index()].store(true, std::memory_order_relaxed);
    const LaneKind lane = chunk_at(chunk).lane;
    if (lane == LaneKind::cpu) {
        queue_.push({this, chunk});
    } else {
        lanes_.of(chunk_at(chunk)).submit(chunk, execution_, *this);
    }
}

void Run::run_chunk(ChunkId chunk) {
    if (has_failed()) {
        finished(chunk, nullptr);
    } else {
        lanes_.cpu->submit(chunk, execution_, *this);
    }
}

void Run::fail(std::exception_ptr error) {
    const std::lock_guard lock(error_mutex_);
    if (!error_) error_ = std::move(error);
    failed_.store(true, std::memory_order_release);  // partner: has_failed()
}

std::exception_ptr Run::error() const {
    const std::lock_guard lock(error_mutex_);
    return error_;
}

void Run::finished(ChunkId chunk, std::exception_ptr error) {
    if (error) fail(std::move(error));
    started_[chunk.index()].store(false, std::memory_order_relaxed);
    progress_.fetch_add(1, std::memory_order_relaxed);
    if (!has_failed()) {
        for (const ChunkId dependent : chunk_at(chunk).dependents) {
            // Release: what this chunk wrote. Acquire: what the other predecessors wrote, for whoever takes it to zero.
            if (remaining_[dependent.index()].fetch_sub(1, std::memory_order_acq_rel) == 1) release(dependent);
        }
    }
    // Release, with is_done()'s acquire: all that was written. Nothing of this run is touched after it reaches zero,
    // but the queue, which outlives it.
    ReadyQueue& queue = queue_;
    if (in_flight_.fetch_sub(1, std::memory_order_acq_rel) == 1) queue.wake_all();
}

std::string Run::in_flight_text(std::size_t most) const {
    std::string text;
    for (std::size_t i = 0; i < started_.size() && most > 0; ++i) {
        if (!started_[i].load(std::memory_order_relaxed)) continue;
        const Instruction& instruction = program_.instructions[program_.chunks[i].instructions.front().index()];
        text += std::string(name_of(instruction.lane)) + " " + std::string(name_of(instruction.kind)) + " " +
                to_string(instruction.box);
        if (instruction.peer.valid())
            text += (instruction.kind == InstructionKind::send ? " to rank " : " from rank ") +
                    std::to_string(instruction.peer.value);
        text += "; ";
        --most;
    }
    return text.empty() ? "nothing in flight" : text.substr(0, text.size() - 2);
}

}  // namespace maniple
