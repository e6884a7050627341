#include "run/scheduler.hpp"

#include "run/run.hpp"
#include "trace/ticks.hpp"

namespace maniple {

namespace {

/// What does not fit goes the slower way of foreign chunks.
constexpr std::size_t deque_capacity = 4096;
/// Of a worker that has something to do; one that has not polls all the time. A poll costs 0.2 us.
constexpr double poll_interval_ns = 5000;

struct Membership {
    const Scheduler* scheduler = nullptr;
    int number = 0;
};
thread_local Membership membership;

}  // namespace

Scheduler::Scheduler(int threads, Lane* net)
    : net_(net), poll_interval_(static_cast<std::int64_t>(poll_interval_ns * ticks_per_ns())) {
    for (int i = 0; i < threads; ++i) workers_.push_back(std::make_unique<Worker>(i, deque_capacity));
}

Scheduler::~Scheduler() {
    if (membership.scheduler == this) membership = {};
}

Worker* Scheduler::caller() { return membership.scheduler == this ? &worker(membership.number) : nullptr; }

void Scheduler::adopt(int number) { membership = {this, number}; }

void Scheduler::offer(ChunkId chunk, Worker* worker) {
    if (worker != nullptr && worker->deque.stage(chunk)) {
        publish(*worker);
    } else {
        injected_.push(chunk);
        parking_.wake_one();
    }
}

void Scheduler::publish(Worker& worker) {
    worker.deque.publish();
    parking_.wake_one();
}

bool Scheduler::work(Worker& worker) {
    Run* const run = current_.load(std::memory_order_acquire);
    if (run == nullptr) return work_elsewhere(worker);
    if (run->is_static()) return run->run_static(worker);
    const ChunkId chunk = take(*run, worker);
    if (!chunk.valid()) return work_elsewhere(worker);
    // Another run may have begun since, whose chunk this is then. It cannot be over before this chunk has ended; what
    // showed the chunk came after begin(), so that a relaxed load sees it.
    current_.load(std::memory_order_relaxed)->run_from(chunk, worker);
    return true;
}

ChunkId Scheduler::take(Run& run, Worker& worker) {
    if (const ChunkId own = run.is_narrow() ? worker.deque.steal() : worker.deque.pop(); own.valid()) return own;
    if (!injected_.seems_empty()) {
        if (const ChunkId foreign = injected_.pop(); foreign.valid()) {
            if (!injected_.seems_empty())
                parking_.wake_one();  // of those who brought the rest only the first woke somebody
            return foreign;
        }
    }
    if (const ChunkId root = run.take_root(worker.number); root.valid()) return root;
    // The run may be waiting for what this worker alone knows.
    run.settle(worker);
    return steal(run, worker);
}

ChunkId Scheduler::steal(Run& run, Worker& worker) {
    const auto count = static_cast<std::uint32_t>(workers_.size());
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t victim = worker.next_victim;
        worker.next_victim = victim + 1 == count ? 0 : victim + 1;
        if (static_cast<int>(victim) == worker.number) continue;
        ChunkId chunk = workers_[victim]->deque.steal();
        if (!chunk.valid()) chunk = run.take_root(static_cast<int>(victim));
        if (!chunk.valid()) continue;
        worker.next_victim = victim;  // it may have more
        parking_.wake_one();
        return chunk;
    }
    return {};
}

bool Scheduler::has_work(const Worker& worker) const {
    if (dismissed_.load(std::memory_order_seq_cst)) return true;  // to leave is what there is to do
    if (!injected_.is_empty()) return true;
    if (source_ != nullptr && source_->has_work()) return true;
    for (const auto& other : workers_) {
        if (!other->deque.is_empty()) return true;
    }
    const Run* const run = current_.load(std::memory_order_seq_cst);
    return run != nullptr && run->has_roots(worker);
}

void Scheduler::sleep(Worker& worker, const Run* awaits, std::chrono::nanoseconds at_most) {
    const auto ticket = parking_.announce();
    if (has_work(worker) || (awaits != nullptr && awaits->is_done())) {
        parking_.leave();
    } else {
        parking_.sleep(ticket, at_most);
    }
}

void Scheduler::poll_net(Worker& worker) {
    const std::int64_t now = ticks();
    if (now - worker.polled < poll_interval_) return;
    worker.polled = now;
    net_->progress();
}

std::int64_t Scheduler::finished_chunks() const {
    std::int64_t sum = foreign_finished_.load(std::memory_order_relaxed);
    for (const auto& worker : workers_) sum += worker->finished.load(std::memory_order_relaxed);
    return sum;
}

std::vector<ChunkId> Scheduler::current_chunks() const {
    std::vector<ChunkId> chunks;
    for (const auto& worker : workers_) {
        const ChunkId chunk(worker->current.load(std::memory_order_relaxed));
        if (chunk.valid()) chunks.push_back(chunk);
    }
    return chunks;
}

}  // namespace maniple
