#include "run/run.hpp"

#include <sched.h>

#include <algorithm>

#include "run/countdown.hpp"
#include "run/relax.hpp"

namespace maniple {

namespace {

/// Ends that a worker keeps to itself before it tells the run.
constexpr std::int64_t most_untold_ends = 64;
/// Side by side on average; with fewer a worker that runs ahead leaves the others nothing.
constexpr std::size_t narrow_chunks_per_worker = 32;

}  // namespace

Run::Run(const ChunkGraph& graph, LanePrograms lanes, Scheduler& scheduler, const StaticSchedule* schedule)
    : graph_(graph), lanes_(std::move(lanes)), scheduler_(scheduler), schedule_(schedule),
      narrow_(graph.is_on_cpu() &&
              graph.size() < graph.levels() * narrow_chunks_per_worker * static_cast<std::size_t>(scheduler.threads())),
      remaining_(graph.size()), elsewhere_(graph.size()), roots_(static_cast<std::size_t>(scheduler.threads())),
      progress_(static_cast<std::size_t>(scheduler.threads())) {
    scheduler.reserve(graph.size());
    const std::size_t count = graph.cpu_roots().size();
    for (std::size_t w = 0; w < roots_.size(); ++w) {
        roots_[w].end = count * (w + 1) / roots_.size();
        roots_[w].next.store(roots_[w].end, std::memory_order_relaxed);  // none before start()
    }
}

void Run::start(const Execution& execution) {
    std::int64_t none = 0;
    // Acquire: what the execution before wrote. start() itself is one end, so that it is not over before all are out.
    const bool idle = open_ends_.compare_exchange_strong(none, graph_.ends() + 1, std::memory_order_acquire);
    MANIPLE_CHECK(idle, "a run was started while in flight");
    execution_ = execution;
    execution_.number = ++executions_;
    if (audit_) audit_->begin();
    if (live_ != nullptr) live_->begin();
    overdue_ = {};
    // Relaxed: the stores of the roots below, or the lanes' own hand-over, show these to whoever gets a chunk. A schedule
    // does without.
    for (std::size_t i = 0; schedule_ == nullptr && i < graph_.size(); ++i) {
        remaining_[i].store(graph_.all_predecessors()[i], std::memory_order_relaxed);
    }
    scheduler_.begin(*this);
    if (schedule_ != nullptr) {
        static_executions_.fetch_add(1, std::memory_order_seq_cst);  // partner: run_static() and has_roots()
    } else {
        const std::size_t count = graph_.cpu_roots().size();
        for (std::size_t w = 0; w < roots_.size(); ++w) {
            // Release: all of the above, for take_root(). Sequentially consistent: partner has_roots().
            roots_[w].next.store(count * w / roots_.size(), std::memory_order_seq_cst);
        }
        for (const ChunkId root : graph_.other_roots()) submit_elsewhere(root);
    }
    scheduler_.wake_all();
    end(1);
}

ChunkId Run::take_root(int of) {
    Roots& roots = roots_[static_cast<std::size_t>(of)];
    // The first look keeps workers without work from writing. Acquire: start().
    if (roots.next.load(std::memory_order_acquire) >= roots.end) return {};
    const std::size_t next = roots.next.fetch_add(1, std::memory_order_acquire);
    return next < roots.end ? graph_.cpu_roots()[next] : ChunkId();
}

bool Run::has_roots(const Worker& worker) const {
    if (schedule_ != nullptr) {
        const std::int64_t begun = progress_[static_cast<std::size_t>(worker.number)].executions;
        return begun < static_executions_.load(std::memory_order_seq_cst);
    }
    return std::any_of(roots_.begin(), roots_.end(),
                       [](const Roots& roots) { return roots.next.load(std::memory_order_seq_cst) < roots.end; });
}

void Run::run_from(ChunkId chunk, Worker& worker) {
    while (chunk.valid()) {
        run_here(chunk, worker);
        chunk = release_dependents(chunk, &worker, Released::all);
        if (worker.ends >= most_untold_ends) settle(worker);
        scheduler_.poll(worker);
    }
}

void Run::run_here(ChunkId chunk, Worker& worker) {
    if (audit_) audit_->starts(chunk);
    if (live_ != nullptr) live_->starts(chunk);
    worker.current.store(chunk.value, std::memory_order_relaxed);
    if (!has_failed()) {
        try {
            lanes_.cpu->run(chunk, execution_);
        } catch (...) { fail(std::current_exception()); }
    }
    worker.current.store(-1, std::memory_order_relaxed);
    worker.count_finished(1);
}

void Run::run_here(std::span<const ChunkId> chunks, Worker& worker) {
    if (chunks.empty()) return;
    if (audit_) {
        for (const ChunkId chunk : chunks) audit_->starts(chunk);
    }
    worker.current.store(chunks.front().value, std::memory_order_relaxed);
    if (!has_failed()) {
        try {
            lanes_.cpu->run_all(chunks, execution_);
        } catch (...) { fail(std::current_exception()); }
    }
    worker.current.store(-1, std::memory_order_relaxed);
    worker.count_finished(static_cast<std::int64_t>(chunks.size()));
}

/// The most urgent of those that become ready is given back, the others are shown to everybody.
ChunkId Run::release_dependents(ChunkId chunk, Worker* worker, Released which) {
    const bool skips = which == Released::but_on_its_device && chains_on_devices_;
    if (audit_) audit_->ends(chunk);
    if (live_ != nullptr) live_->ends(chunk);
    const std::span<const ChunkId> dependents = graph_.dependents(chunk);
    if (dependents.empty()) {
        add_end(worker);
        return {};
    }
    // What waits for it on its device may wait for a part of it alone. Others may end the run once they are released.
    const bool is_end = graph_.on_device(chunk);
    ChunkId next;
    bool staged = false;
    for (const ChunkId dependent : dependents) {
        if (skips && graph_.on_one_device(chunk, dependent)) continue;  // released when this one was submitted
        if (!take_to_zero(remaining_[dependent.index()])) continue;
        if (!graph_.runs_on_cpu(dependent)) {
            submit_elsewhere(dependent);
            continue;
        }
        if (next.valid()) {
            scheduler_.stage(*worker, next);
            staged = true;
        }
        if (worker == nullptr) {
            scheduler_.offer(dependent, nullptr);
        } else {
            next = dependent;
        }
    }
    if (next.valid() && narrow_ && !worker->deque.is_empty()) {
        scheduler_.stage(*worker, next);
        staged = true;
        next = {};
    }
    if (staged) scheduler_.publish(*worker);
    if (is_end) add_end(worker);
    return next;
}

/// Without a worker the run may be over, and gone.
void Run::add_end(Worker* worker) {
    if (worker != nullptr) {
        ++worker->ends;
    } else {
        end(1);
    }
}

void Run::submit_elsewhere(ChunkId chunk) {
    while (chunk.valid()) {
        if (has_failed()) {
            // A worker ends it, without running it: here a chain of such chunks would be a recursion.
            scheduler_.offer(chunk, scheduler_.caller());
            return;
        }
        if (audit_) audit_->starts(chunk);
        elsewhere_[chunk.index()].store(true, std::memory_order_relaxed);  // for reports alone
        if (live_ != nullptr && !graph_.on_device(chunk)) live_->starts(chunk);
        const bool chains = chains_on_devices_ && graph_.on_device(chunk);
        lanes_.by_chunk[chunk.index()]->submit(chunk, execution_, *this);
        // It may have ended by now, and with it the run, unless something on its device still waits to be submitted here.
        chunk = chains ? release_on_device(chunk) : ChunkId();
    }
}

/// What waits for `chunk` on the same gpu and for nothing else on the host is submitted behind it; the last of these is given
/// back instead.
ChunkId Run::release_on_device(ChunkId chunk) {
    ChunkId next;
    for (const ChunkId dependent : graph_.dependents(chunk)) {
        if (!graph_.on_one_device(chunk, dependent) || !take_to_zero(remaining_[dependent.index()])) continue;
        chained_.fetch_add(1, std::memory_order_relaxed);  // for reports
        if (next.valid()) submit_elsewhere(next);
        next = dependent;
    }
    return next;
}

void Run::finished(ChunkId chunk, std::exception_ptr error) {
    if (error) fail(std::move(error));
    if (live_ != nullptr && graph_.on_device(chunk)) live_->starts(chunk);
    elsewhere_[chunk.index()].store(false, std::memory_order_relaxed);
    Worker* const worker = scheduler_.caller();
    if (worker != nullptr) {
        worker->count_finished(1);
    } else {
        scheduler_.count_foreign();
    }
    const ChunkId next = release_dependents(chunk, worker, Released::but_on_its_device);
    if (next.valid()) scheduler_.offer(next, worker);
    if (worker != nullptr) settle(*worker);
}

void Run::settle(Worker& worker) {
    if (worker.ends == 0) return;
    const std::int64_t ends = worker.ends;
    worker.ends = 0;
    end(ends);
}

void Run::end(std::int64_t ends) {
    // Release, with is_done()'s acquire: all that was written. Nothing of this run is touched after it reaches zero,
    // but the scheduler, which outlives it.
    Scheduler& scheduler = scheduler_;
    if (open_ends_.fetch_sub(ends, std::memory_order_acq_rel) == ends) scheduler.wake_all();
}

bool Run::run_static(Worker& worker) {
    StaticProgress& mine = progress_[static_cast<std::size_t>(worker.number)];
    // Acquire: start().
    if (mine.executions == static_executions_.load(std::memory_order_acquire)) return false;
    const std::int64_t base = mine.executions++ * schedule_->levels;
    const StaticPart& part = schedule_->parts[static_cast<std::size_t>(worker.number)];
    std::int64_t ends = 0;
    for (std::int64_t level = 0; level < schedule_->levels; ++level) {
        const StaticLevel& now = part.levels[static_cast<std::size_t>(level)];
        for (std::size_t i = now.first_wait; i < now.end_wait; ++i) wait_for_levels(part.waits[i], base);
        run_here(std::span(part.chunks).subspan(now.first, now.end - now.first), worker);
        ends += now.ends;
        for (std::size_t i = now.first; audit_ && i < now.end; ++i) audit_->ends(part.chunks[i]);
        mine.levels.store(base + level + 1, std::memory_order_release);  // partner: wait_for_levels()
    }
    end(ends);
    return true;
}

/// Spins: where a static schedule is used chunks take microseconds at most. Yields if the other has no core.
void Run::wait_for_levels(const StaticWait& wait, std::int64_t base) const {
    const std::atomic<std::int64_t>& levels = progress_[static_cast<std::size_t>(wait.worker)].levels;
    for (int spins = 0; levels.load(std::memory_order_acquire) < base + wait.levels; ++spins) {
        if (spins < 2000) {
            relax();
        } else {
            sched_yield();
        }
    }
}

void Run::look_for_missed() {
    constexpr std::int64_t patience_ns = 1'000'000'000;
    if (!audit_ || has_failed()) return;
    const std::int64_t now = now_ns();
    if (now - looked_ns_ < patience_ns) return;
    looked_ns_ = now;
    const ChunkId overdue = audit_->overdue();
    MANIPLE_CHECK(!overdue.valid() || overdue != overdue_,
                  "chunk " + std::to_string(overdue.value) + " was never started");
    overdue_ = overdue;
}

std::vector<ChunkId> Run::in_flight_elsewhere() const {
    std::vector<ChunkId> chunks;
    for (std::size_t i = 0; i < elsewhere_.size(); ++i) {
        if (elsewhere_[i].load(std::memory_order_relaxed)) chunks.push_back(ChunkId(i));
    }
    return chunks;
}

}  // namespace maniple
