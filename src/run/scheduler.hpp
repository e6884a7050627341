// run/scheduler.hpp: what the workers of one rank share: their deques, what comes from elsewhere, and where they sleep.
#pragma once

#include <atomic>
#include <chrono>
#include <vector>

#include "base/ids.hpp"
#include "lanes/lane.hpp"
#include "run/chunk_stack.hpp"
#include "run/parking.hpp"
#include "run/stealing_deque.hpp"
#include "run/work_source.hpp"

namespace maniple {

class Run;

/// What one worker has to itself. Others steal from the deque and read the counters.
struct alignas(128) Worker {
    Worker(int the_number, std::size_t capacity) : deque(capacity), number(the_number) {}

    void count_finished(std::int64_t chunks) {
        finished.store(finished.load(std::memory_order_relaxed) + chunks, std::memory_order_relaxed);
    }

    StealingDeque<> deque;
    int number;
    std::atomic<std::int64_t> finished{0};  ///< chunks; relaxed: one writer, read for reports
    std::atomic<std::int32_t> current{-1};  ///< the chunk that it runs; likewise
    std::int64_t ends = 0;                  ///< chunks that nobody waits for, not yet told to the run
    std::uint32_t next_victim = 0;
    std::int64_t polled = 0;  ///< in ticks(): when it last moved messages forward
};

/// One for each team. Borrows the net lane. Threads: each worker calls with its own Worker; the rest any.
class Scheduler {
public:
    /// `net` may be null.
    Scheduler(int threads, Lane* net);
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// Where workers look who find nothing else; null: nowhere. Borrowed. Not while a run is under way.
    void look_also_in(WorkSource* source) { source_ = source; }

    int threads() const { return static_cast<int>(workers_.size()); }
    Worker& worker(int number) { return *workers_[static_cast<std::size_t>(number)]; }

    /// The worker that calls, if it is one of this scheduler's; else null. adopt() says who it is.
    Worker* caller();
    void adopt(int number);

    /// Room for chunks below `chunks` to come from threads that are no workers. Not while a run is under way.
    void reserve(std::size_t chunks) { injected_.reserve(chunks); }

    /// Makes `chunk` of the current run known to whoever is free. `worker` is the caller's, or null.
    void offer(ChunkId chunk, Worker* worker);
    /// Shows what worker.deque.stage() took, and wakes one sleeper.
    void publish(Worker& worker);
    /// If there is no room in the worker's own deque it goes where foreign threads put theirs.
    void stage(Worker& worker, ChunkId chunk) {
        if (!worker.deque.stage(chunk)) injected_.push(chunk);
    }

    /// Whose chunks everybody works on from now on. Called by Run::start() before any of them can be seen.
    void begin(Run& run) { current_.store(&run, std::memory_order_seq_cst); }  // partner: work() and has_work()

    /// What a worker with nothing in hand does: takes a chunk and what follows from it. False: there was nothing to do.
    bool work(Worker& worker);
    /// Moves messages forward if any are in flight; at most every few µs for each worker.
    void poll(Worker& worker) {
        if (net_ != nullptr && net_->in_flight() > 0) poll_net(worker);
    }
    bool poll_now() { return net_ != nullptr && net_->progress(); }

    /// Sleeps until there is something to do, somebody calls wake_all(), or the time has passed. At once also where the
    /// worker `awaits` a run that is done.
    void sleep(Worker& worker, const Run* awaits, std::chrono::nanoseconds at_most);
    /// No more work is to come: whoever sleeps is woken, and nobody falls asleep.
    void dismiss() {
        dismissed_.store(true, std::memory_order_seq_cst);  // partner: has_work()
        parking_.wake_all();
    }
    /// Before the team begins.
    void recall() { dismissed_.store(false, std::memory_order_relaxed); }
    bool is_dismissed() const { return dismissed_.load(std::memory_order_acquire); }  // partner: dismiss()
    void wake_all() { parking_.wake_all(); }
    void wake_one() { parking_.wake_one(); }

    /// Chunks that have ended, of all runs. Threads: any.
    std::int64_t finished_chunks() const;
    void count_foreign() { foreign_finished_.fetch_add(1, std::memory_order_relaxed); }  // for reports alone
    /// What the workers are at. Threads: any.
    std::vector<ChunkId> current_chunks() const;

private:
    ChunkId take(Run& run, Worker& worker);
    ChunkId steal(Run& run, Worker& worker);
    bool has_work(const Worker& worker) const;
    void poll_net(Worker& worker);

    bool work_elsewhere(Worker& worker) {
        if (source_ == nullptr || !source_->work(worker)) return false;
        poll(worker);
        return true;
    }

    Lane* net_;
    WorkSource* source_ = nullptr;
    std::int64_t poll_interval_;  ///< in ticks()
    std::atomic<Run*> current_{nullptr};
    std::vector<std::unique_ptr<Worker>> workers_;
    Parking<> parking_;
    std::atomic<bool> dismissed_{false};
    ChunkStack<> injected_;  ///< from threads that are no workers, and what found no room in a deque
    std::atomic<std::int64_t> foreign_finished_{0};
};

}  // namespace maniple
