#include "run/executor.hpp"

#include <sched.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "run/team.hpp"

namespace maniple {

namespace {

/// How an idle worker waits: first it yields, since what it waits for is usually near, then it sleeps for longer and
/// longer stretches, polling the network in between.
class Idleness {
public:
    void reset() {
        rounds_ = 0;
        sleep_us_ = shortest_sleep_us;
    }

    void wait(ReadyQueue& queue) {
        if (rounds_++ == 0) since_ns_ = now_ns();
        if (now_ns() - since_ns_ < spin_ns) {
            sched_yield();
            return;
        }
        queue.wait(std::chrono::microseconds(sleep_us_));
        sleep_us_ = std::min<std::int64_t>(sleep_us_ * 2, longest_sleep_us);
    }

private:
    static constexpr std::int64_t spin_ns = 50'000;
    static constexpr std::int64_t shortest_sleep_us = 20;
    static constexpr std::int64_t longest_sleep_us = 1000;
    std::int64_t rounds_ = 0;
    std::int64_t since_ns_ = 0;
    std::int64_t sleep_us_ = shortest_sleep_us;
};

/// Compute operations of one execution on the cpu and on each gpu: one lane's share of one in one step counts once.
std::vector<std::int64_t> count_operations(const Program& program, std::size_t gpus) {
    std::set<std::tuple<int, OperationId, int>> seen;
    std::vector<std::int64_t> counts(1 + gpus, 0);
    for (const Instruction& instruction : program.instructions) {
        const bool is_new = instruction.operation.valid() &&
                            seen.emplace(instruction.gpu, instruction.operation, instruction.step).second;
        if (is_new) ++counts[static_cast<std::size_t>(1 + instruction.gpu)];
    }
    return counts;
}

}  // namespace

Executor::Executor(const Graph& graph, const Plan& plan, const Arena& arena, CpuLane& cpu, NetLane& net, Lane& file,
                   std::vector<Lane*> gpus, int threads, std::function<void(int)> begin_worker)
    : graph_(graph), plan_(plan), arena_(arena), layout_(arena.layout()), cpu_(cpu), net_(net), file_(file),
      gpus_(std::move(gpus)), threads_(threads), begin_worker_(std::move(begin_worker)) {}

RunTotals Executor::run(const std::function<void(std::int64_t)>& on_block) {
    RunTotals totals;
    totals.gpu_operations.resize(gpus_.size(), 0);
    std::exception_ptr error;
    over_.store(false, std::memory_order_relaxed);
    const auto announce = [&] {
        error = std::current_exception();
        if (!net_.failed_rank().valid()) net_.announce_failure();
    };
    const auto take_part = [&](int worker) {
        CpuLane::set_worker(worker);
        if (begin_worker_) begin_worker_(worker);
        if (worker > 0) {
            work(worker);
            return;
        }
        try {
            run_blocks(on_block, totals);
        } catch (...) { announce(); }
        over_.store(true, std::memory_order_release);  // partner: work()
        queue_.wake_all();
    };
    try {
        run_team(threads_, take_part);
    } catch (...) { announce(); }
    if (error) std::rethrow_exception(error);
    return totals;
}

void Executor::work(int) {
    Idleness idleness;
    while (!over_.load(std::memory_order_acquire)) {
        if (work_once()) {
            idleness.reset();
        } else {
            idleness.wait(queue_);
        }
    }
}

bool Executor::work_once() {
    bool worked = false;
    if (const std::optional<ReadyQueue::Item> item = queue_.try_pop()) {
        item->run->run_chunk(item->chunk);
        worked = true;
    }
    return net_.progress() || worked;
}

void Executor::run_blocks(const std::function<void(std::int64_t)>& on_block, RunTotals& totals) {
    bool stopped = false;
    while (!stopped && totals.steps < graph_.steps) {
        const StepBlock block = block_at(graph_, layout_.versions, totals.steps);
        run_block(block, totals);
        stopped = is_over(block);
        totals.steps = block.end();
        on_block(totals.steps);
    }
    if (graph_.until.valid()) run_block(closing_block(graph_, layout_.versions, totals.steps, stopped), totals);
}

void Executor::run_block(const StepBlock& block, RunTotals& totals) {
    Prepared& prepared = prepare(block.shape);
    {
        const std::lock_guard lock(current_mutex_);
        current_ = prepared.run.get();
    }
    prepared.run->start({block.first});
    finish_block(*prepared.run);
    totals.chunks += static_cast<std::int64_t>(prepared.program.chunks.size());
    totals.operations += prepared.operations[0];
    for (std::size_t gpu = 0; gpu < gpus_.size(); ++gpu) totals.gpu_operations[gpu] += prepared.operations[1 + gpu];
    totals.messages += prepared.program.message_count;
    totals.message_bytes += prepared.program.message_bytes;
    totals.flops += prepared.program.flops;
}

/// The same on every rank: all have received one value.
bool Executor::is_over(const StepBlock& block) {
    if (!block.shape.decides) return false;
    return *arena_.block(prepare(block.shape).program.verdict).data != std::byte{0};
}

void Executor::finish_block(Run& run) {
    Idleness idleness;
    while (!run.is_done()) {
        check_failure(run);
        if (work_once()) {
            idleness.reset();
        } else {
            idleness.wait(queue_);
        }
    }
    check_failure(run);
    if (run.has_failed()) std::rethrow_exception(run.error());
}

/// Another rank's announcement fails this run; a failure of any kind gives up the messages in flight, since a peer
/// that has failed too will not answer them.
void Executor::check_failure(Run& run) {
    const Rank announcer = net_.failed_rank();
    if (announcer.valid() && !run.has_failed()) {
        run.fail(std::make_exception_ptr(RemoteFailure("rank " + std::to_string(announcer.value) + " has failed")));
    }
    if (!run.has_failed()) return;
    if (!announcer.valid()) net_.announce_failure();
    net_.cancel();
    for (Lane* gpu : gpus_) gpu->cancel();
}

Executor::Prepared& Executor::prepare(const BlockShape& shape) {
    for (const auto& prepared : prepared_) {
        if (prepared->program.shape == shape) return *prepared;
    }
    auto fresh = std::make_unique<Prepared>();
    fresh->program = build_program(graph_, plan_, layout_, shape);
    fresh->operations = count_operations(fresh->program, gpus_.size());
    LanePrograms lanes;
    lanes.cpu = cpu_.prepare(fresh->program);
    lanes.net = net_.prepare(fresh->program);
    lanes.file = file_.prepare(fresh->program);
    for (Lane* gpu : gpus_) lanes.gpus.push_back(gpu->prepare(fresh->program));
    fresh->run = std::make_unique<Run>(fresh->program, std::move(lanes), queue_, progress_);
    prepared_.push_back(std::move(fresh));
    return *prepared_.back();
}

std::string Executor::in_flight_text() const {
    const std::lock_guard lock(current_mutex_);
    return current_ == nullptr ? "nothing in flight" : current_->in_flight_text(6);
}

}  // namespace maniple
