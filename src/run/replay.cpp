#include "run/replay.hpp"

namespace maniple {

Replay::Replay(const ChunkGraph& graph, LanePrograms lanes, Scheduler& scheduler, StartLog* log)
    : graph_(graph), lanes_(std::move(lanes)), scheduler_(scheduler), log_(log) {}

std::string Replay::fault_of(const ChunkGraph& graph, std::span<const ChunkStart> order, int workers) {
    std::vector<std::int32_t> remaining = graph.all_predecessors();
    std::vector<bool> started(graph.size(), false);
    const auto run = [&](ChunkId first) {
        std::vector<ChunkId> ended = {first};
        while (!ended.empty()) {
            const ChunkId chunk = ended.back();
            ended.pop_back();
            for (const ChunkId dependent : graph.dependents(chunk)) {
                const bool is_last = --remaining[dependent.index()] == 0;
                if (is_last && !graph.runs_on_cpu(dependent)) ended.push_back(dependent);
            }
        }
    };
    for (const ChunkId root : graph.other_roots()) run(root);
    for (const auto& [worker, chunk] : order) {
        const std::string name = "chunk " + std::to_string(chunk.value);
        if (!chunk.valid() || chunk.index() >= graph.size() || !graph.runs_on_cpu(chunk))
            return name + " is none of the cpu's";
        if (worker < 0 || worker >= workers) return name + " is on worker " + std::to_string(worker);
        if (started[chunk.index()]) return name + " starts twice";
        if (remaining[chunk.index()] != 0) return name + " starts before one that it waits for";
        started[chunk.index()] = true;
        run(chunk);
    }
    for (std::size_t i = 0; i < graph.size(); ++i) {
        if (graph.runs_on_cpu(ChunkId(i)) && !started[i]) return "chunk " + std::to_string(i) + " does not start";
    }
    return "";
}

void Replay::start(const Execution& execution, std::vector<ChunkStart> order) {
    MANIPLE_CHECK(is_done(), "a replay was started while in flight");
    {
        const std::lock_guard lock(mutex_);
        execution_ = execution;
        execution_.number = ++executions_;
        if (audit_) audit_->begin();
        remaining_ = graph_.all_predecessors();
        order_ = std::move(order);
        turn_ = 0;
        open_.store(graph_.size(), std::memory_order_relaxed);  // shown by the lock
    }
    submit(graph_.other_roots());
    scheduler_.wake_all();
}

bool Replay::work(Worker& worker) {
    ChunkId chunk;
    {
        const std::lock_guard lock(mutex_);
        if (turn_ == order_.size()) return false;
        const ChunkStart& next = order_[turn_];
        if (next.worker != worker.number || remaining_[next.chunk.index()] != 0) return false;
        chunk = next.chunk;
        if (log_ != nullptr) log_->add(worker.number, chunk);
        ++turn_;
    }
    scheduler_.wake_all();
    if (audit_) audit_->starts(chunk);
    worker.current.store(chunk.value, std::memory_order_relaxed);
    if (!has_failed()) {
        try {
            lanes_.cpu->run(chunk, execution_);
        } catch (...) { fail(std::current_exception()); }
    }
    worker.current.store(-1, std::memory_order_relaxed);
    worker.finished.store(worker.finished.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    end(chunk);
    return true;
}

void Replay::finished(ChunkId chunk, std::exception_ptr error) {
    if (error) fail(std::move(error));
    scheduler_.count_foreign();
    end(chunk);
}

/// After a failure chunks of other lanes end here, without being submitted.
void Replay::end(ChunkId chunk) {
    std::vector<ChunkId> ended = {chunk};
    std::vector<ChunkId> ready;
    Scheduler& scheduler = scheduler_;
    {
        const std::lock_guard lock(mutex_);
        while (!ended.empty()) {
            const ChunkId one = ended.back();
            ended.pop_back();
            if (audit_) audit_->ends(one);
            for (const ChunkId dependent : graph_.dependents(one)) {
                if (--remaining_[dependent.index()] > 0 || graph_.runs_on_cpu(dependent)) continue;
                (has_failed() ? ended : ready).push_back(dependent);
            }
            // Release, with is_done()'s acquire: all that was written. What is ready has not ended, so this is over only
            // where nothing is left to submit.
            open_.fetch_sub(1, std::memory_order_acq_rel);
        }
    }
    submit(ready);
    scheduler.wake_all();
}

void Replay::submit(const std::vector<ChunkId>& chunks) {
    for (const ChunkId chunk : chunks) {
        if (audit_) audit_->starts(chunk);
        lanes_.by_chunk[chunk.index()]->submit(chunk, execution_, *this);
    }
}

}  // namespace maniple
