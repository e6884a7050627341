#include "run/executor.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "program/soundness.hpp"
#include "run/idleness.hpp"
#include "run/team.hpp"

namespace maniple {

namespace {

/// One line for at most `most` chunks, for a diagnosis.
std::string text_of(const Program& program, const std::vector<ChunkId>& chunks, std::size_t most) {
    std::string text;
    for (std::size_t i = 0; i < std::min(most, chunks.size()); ++i) {
        if (chunks[i].index() >= program.chunks.size()) continue;  // of the block before
        const Instruction& instruction =
            program.instructions[program.chunks[chunks[i].index()].instructions.front().index()];
        text += std::string(name_of(instruction.lane)) + " " + std::string(name_of(instruction.kind)) + " " +
                to_string(instruction.box);
        if (instruction.peer.valid())
            text += (instruction.kind == InstructionKind::send ? " to rank " : " from rank ") +
                    std::to_string(instruction.peer.value);
        text += "; ";
    }
    return text.empty() ? "nothing in flight" : text.substr(0, text.size() - 2);
}

/// Compute operations of one execution on the cpu and on each gpu: one lane's share of one in one step counts once.
/// Those that lanes claim are counted as they are.
std::vector<std::int64_t> count_operations(const Program& program, std::size_t gpus, bool with_claimable) {
    std::set<std::tuple<int, OperationId, int>> seen;
    std::vector<std::int64_t> counts(1 + gpus, 0);
    for (const Instruction& instruction : program.instructions) {
        if (instruction.claimable && !with_claimable) continue;
        const bool is_new = instruction.operation.valid() &&
                            seen.emplace(instruction.gpu, instruction.operation, instruction.step).second;
        if (is_new) ++counts[static_cast<std::size_t>(1 + instruction.gpu)];
    }
    return counts;
}

std::int64_t count_buffers(const Program& program) {
    std::set<BufferId> buffers;
    for (const Instruction& instruction : program.instructions) {
        for (const Use& use : instruction.reads) buffers.insert(use.buffer);
        for (const Use& use : instruction.writes) buffers.insert(use.buffer);
    }
    return static_cast<std::int64_t>(buffers.size());
}

/// What Idleness waits for. A replay wakes all whenever it goes on.
const Run* awaited(const Run& run) { return &run; }
const Run* awaited(const Replay&) { return nullptr; }

void look_for_missed(Run& run) { run.look_for_missed(); }
void look_for_missed(Replay&) {}  // its order has been looked at as a whole

}  // namespace

Executor::Executor(const Graph& graph, const Plan& plan, Arena& arena, CpuLane& cpu, NetLane& net, Lane& file,
                   std::vector<Lane*> gpus, int threads, std::function<void(int)> begin_worker)
    : graph_(graph), plan_(&plan), arena_(arena), layout_(&arena.layout()), cpu_(cpu), net_(net), file_(file),
      gpus_(std::move(gpus)), threads_(threads), begin_worker_(std::move(begin_worker)), scheduler_(threads, &net) {
    if (plan.ranks == 1) return;
    flights_ = &net.time_messages();
    cpu.hides(*flights_);
}

RunTotals Executor::run(const std::function<void(std::int64_t)>& on_block) {
    RunTotals totals;
    totals.gpu_operations.resize(gpus_.size(), 0);
    const std::int64_t flown = flights_ != nullptr ? flights_->reading_ns(now_ns()) : 0;
    const std::int64_t hidden = cpu_.activity().hiding_ns;
    carry_out_all(on_block, totals);
    if (flights_ != nullptr) totals.in_flight_ns = FlightClock::between(flown, flights_->reading_ns(now_ns()));
    totals.hidden_ns = (cpu_.activity().hiding_ns - hidden) / threads_;
    return totals;
}

/// Of run(): everything on the team, all but what is measured around it.
void Executor::carry_out_all(const std::function<void(std::int64_t)>& on_block, RunTotals& totals) {
    std::exception_ptr error;
    if (claims()) {
        stealing_->attach(scheduler_);
        scheduler_.look_also_in(stealing_);
    }
    make_pool();
    for (Lane* gpu : gpus_) {
        if (audits_) gpu->audit();
    }
    scheduler_.recall();
    const auto announce = [&] {
        error = std::current_exception();
        if (!net_.failed_rank().valid()) net_.announce_failure();
    };
    const auto take_part = [&](int worker) {
        CpuLane::set_worker(worker);
        scheduler_.adopt(worker);
        if (begin_worker_) begin_worker_(worker);
        if (worker > 0) {
            work(scheduler_.worker(worker));
            return;
        }
        try {
            run_blocks(on_block, totals);
            if (claims()) help_others();
        } catch (...) { announce(); }
        scheduler_.dismiss();
    };
    try {
        run_team(threads_, std::ref(take_part));  // the function itself would be too large to be held without memory
    } catch (...) { announce(); }
    if (error) std::rethrow_exception(error);
    if (pool_) add_claimed(totals);
}

/// Where a schedule is kept or followed, or other ranks may claim, the cpu computes what lanes would.
void Executor::make_pool() {
    const std::vector<bool>& operations = layout_->claimed;
    const bool claimed = std::find(operations.begin(), operations.end(), true) != operations.end();
    if (!claimed || stealing_ != nullptr || writer_ != nullptr || reader_ != nullptr) return;
    if (pool_ == nullptr) pool_ = std::make_unique<LanePool>(*layout_, arena_, gpus_, scheduler_);
    pool_->forget_counts();
    scheduler_.look_also_in(pool_.get());
}

void Executor::add_claimed(RunTotals& totals) const {
    for (std::size_t i = 0; i < pool_->claimed().size(); ++i)
        (i == 0 ? totals.operations : totals.gpu_operations[i - 1]) += pool_->claimed()[i].operations;
}

std::vector<double> Executor::shares() const {
    if (pool_ == nullptr) return lane_shares(*layout_);
    double points = 0;
    for (const LanePool::Claimed& lane : pool_->claimed()) points += lane.points;
    std::vector<double> shares;
    for (const LanePool::Claimed& lane : pool_->claimed()) {
        if (points > 0) shares.push_back(lane.points / points);
    }
    return shares;
}

void Executor::work(Worker& worker) {
    Idleness idleness;
    while (!scheduler_.is_dismissed()) {
        if (work_once(worker)) {
            idleness.reset();
        } else {
            idleness.wait(scheduler_, worker, nullptr);
        }
    }
}

bool Executor::work_once(Worker& worker) {
    if (reader_ == nullptr) return scheduler_.work(worker) || scheduler_.poll_now();
    Replay* const replay = replaying_.load(std::memory_order_acquire);  // partner: replay_block()
    return (replay != nullptr && replay->work(worker)) || scheduler_.poll_now();
}

/// From the end of this rank's run to that of the last one.
void Executor::help_others() {
    Idleness idleness;
    Worker& worker = scheduler_.worker(0);
    while (!stealing_->all_have_ended()) {
        if (stealing_->has_failed()) std::rethrow_exception(stealing_->error());
        if (const Rank failed = net_.failed_rank(); failed.valid())
            throw RemoteFailure("rank " + std::to_string(failed.value) + " has failed");
        if (work_once(worker)) {
            idleness.reset();
        } else {
            idleness.wait(scheduler_, worker, nullptr);
        }
    }
}

void Executor::run_blocks(const std::function<void(std::int64_t)>& on_block, RunTotals& totals) {
    const Versions& versions = layout_->versions;  // of the first plan, whose owner keeps it; all others have the same
    bool stopped = false;
    std::int64_t careful_until = 0;
    set_first_block(graph_, versions, block_);
    for (;;) {
        run_block(block_, totals);
        const std::optional<int> last = last_wanted_step(block_);
        stopped = last.has_value();
        if (stopped && *last < block_.shape.steps) {
            if (!versions.looks_behind) {
                careful_until = block_.end();
                go_back(totals);
                continue;
            }
            cut_block(*last, totals);
        }
        if (block_.shape.holds) {
            set_writing_block(versions, block_, behind_);
            run_block(behind_, totals);
        }
        totals.steps = block_.end();
        on_block(totals.steps);
        if (stopped || totals.steps == graph_.steps) break;
        set_next_block(graph_, versions, careful_until, block_);
        if (borders_) consider_borders(totals);
        if (adapts()) consider_shares(totals);
        if (may_cut_anew()) consider_cuts(totals);
    }
    if (graph_.until.valid()) {
        set_closing_block(graph_, versions, block_, stopped, behind_);
        run_block(behind_, totals);
    }
    if (reader_ != nullptr) reader_->finish();
}

/// Not all steps of the block are wanted: from its beginning on they are done again, no further than is known.
void Executor::go_back(RunTotals& totals) {
    totals.flops -= prepare(block_.shape).program.flops;
    set_careful_block(graph_, layout_->versions, block_);
}

/// The block has left what it would have left after so many steps, and its rows of series are of a step that is not wanted.
void Executor::cut_block(int steps, RunTotals& totals) {
    const double flops = prepare(block_.shape).program.flops;  // of steps that are all about the same
    totals.flops -= flops * (block_.shape.steps - steps) / block_.shape.steps;
    block_.shape.steps = steps;
    block_.shape.holds = false;
}

void Executor::run_block(const StepBlock& block, RunTotals& totals) {
    Prepared& prepared = prepare(block.shape);
    const double before = cpu_.busy_seconds();
    run_prepared(prepared, block, totals);
    const bool measures = borders_ && block.shape.steps > 0 && !block.shape.loads;
    if (measures) border_watch_.add(cpu_.busy_seconds() - before, block.shape.steps);
}

void Executor::run_prepared(Prepared& prepared, const StepBlock& block, RunTotals& totals) {
    current_.store(&prepared, std::memory_order_release);  // partner: in_flight_text()
    if (pool_) pool_->begin_execution();
    const std::int64_t before = allocations();
    const std::int64_t chained = prepared.run ? prepared.run->chained() : 0;
    carry_out(prepared, block);
    if (prepared.run) totals.chained += prepared.run->chained() - chained;
    if (prepared.executions++ > 0) {
        totals.reused_buffers += prepared.buffers;
        totals.buffers_found += std::max<std::int64_t>(0, prepared.buffers - (allocations() - before));
    }
    totals.chunks += static_cast<std::int64_t>(prepared.program.chunks.size());
    totals.operations += prepared.operations[0];
    for (std::size_t gpu = 0; gpu < gpus_.size(); ++gpu) totals.gpu_operations[gpu] += prepared.operations[1 + gpu];
    totals.messages += prepared.program.message_count;
    totals.message_bytes += prepared.program.message_bytes;
    totals.messages_by_kind += prepared.program.messages;
    totals.flops += prepared.program.flops;
    if (!prepared.live) return;
    const LiveCounts live = prepared.live->most();
    if (!totals.live_microbatches) totals.live_microbatches.emplace();
    totals.live_microbatches->kept = std::max(totals.live_microbatches->kept, live.kept);
    totals.live_microbatches->sent = std::max(totals.live_microbatches->sent, live.sent);
}

std::int64_t Executor::allocations() const {
    std::int64_t sum = HostBytes::allocations();
    for (const Lane* gpu : gpus_) sum += gpu->allocations();
    return sum;
}

/// Of an executed block, how many steps it took until `until` held; none: it never did. The same on every rank, since all
/// have received the same values.
std::optional<int> Executor::last_wanted_step(const StepBlock& block) {
    if (block.shape.decides == 0) return std::nullopt;
    const std::vector<BufferId>& verdicts = prepare(block.shape).program.verdicts;
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        const bool holds = *arena_.block(verdicts[i]).data != std::byte{0};
        if (holds) return block.shape.decides + static_cast<int>(static_cast<std::int64_t>(i) * graph_.check);
    }
    return std::nullopt;
}

void Executor::carry_out(Prepared& prepared, const StepBlock& block) {
    wanted_steps_.store(std::numeric_limits<std::int64_t>::max(), std::memory_order_relaxed);  // partner: Run::start()
    if (writer_ != nullptr) log_.begin(prepared.chunks->size());
    if (reader_ != nullptr) {
        replay_block(prepared, block);
    } else {
        prepared.run->start({block.first, &wanted_steps_});
        finish_block(*prepared.run);
    }
    if (writer_ != nullptr) writer_->add(block.first, block.shape.steps, prepared.fingerprint, log_.starts());
}

void Executor::replay_block(Prepared& prepared, const StepBlock& block) {
    std::vector<ChunkStart> order = reader_->next(block.first, block.shape.steps, prepared.fingerprint);
    const std::string fault = Replay::fault_of(*prepared.chunks, order, threads_);
    if (!fault.empty())
        reader_->refuse("cannot be followed from step " + std::to_string(block.first) + " on: " + fault);
    replaying_.store(prepared.replay.get(), std::memory_order_release);  // partner: work_once()
    prepared.replay->start({block.first, &wanted_steps_}, std::move(order));
    finish_block(*prepared.replay);
}

template <class AnyRun>
void Executor::finish_block(AnyRun& run) {
    Idleness idleness;
    Worker& worker = scheduler_.worker(0);
    while (!run.is_done()) {
        check_failure(run);
        if (work_once(worker)) {
            idleness.reset();
        } else {
            look_for_missed(run);
            idleness.wait(scheduler_, worker, awaited(run));
        }
    }
    check_failure(run);
    if (run.has_failed()) std::rethrow_exception(run.error());
}

/// Another rank's announcement fails this run; a failure of any kind gives up the messages in flight, since a peer
/// that has failed too will not answer them.
template <class AnyRun>
void Executor::check_failure(AnyRun& run) {
    const Rank announcer = net_.failed_rank();
    if (announcer.valid() && !run.has_failed()) {
        run.fail(std::make_exception_ptr(RemoteFailure("rank " + std::to_string(announcer.value) + " has failed")));
    }
    if (stealing_ != nullptr && stealing_->has_failed()) run.fail(stealing_->error());
    if (!run.has_failed()) return;
    if (!announcer.valid()) net_.announce_failure();
    net_.cancel();
    for (Lane* gpu : gpus_) gpu->cancel();
    if (stealing_ != nullptr) stealing_->give_up();
    if (pool_) pool_->give_up();
}

Executor::Prepared& Executor::prepare(const BlockShape& shape) {
    for (const auto& prepared : prepared_) {
        if (prepared->program.shape == shape) return *prepared;
    }
    const std::int64_t begin_ns = now_ns();
    Ahead ahead = program_of(shape);
    prepared_.push_back(prepare(std::move(ahead.program), *layout_));
    prepared_.back()->build_ns = ahead.build_ns + now_ns() - begin_ns;
    return *prepared_.back();
}

std::unique_ptr<Executor::Prepared> Executor::prepare(Program program, const Layout& layout) {
    auto fresh = std::make_unique<Prepared>();
    fresh->program = std::move(program);
    if (audits_) {
        const std::string fault = fault_of(graph_, layout, fresh->program);
        MANIPLE_CHECK(fault.empty(), "the program of a block: " + fault);
    }
    fresh->operations = count_operations(fresh->program, gpus_.size(), pool_ == nullptr);
    fresh->buffers = count_buffers(fresh->program);
    if (claims()) fresh->offered = stealing_->offered(layout, fresh->program);
    if (pool_) fresh->offered = LanePool::offered(fresh->program);
    fresh->chunks = std::make_unique<ChunkGraph>(chunk_graph_of(fresh->program, layout, fresh->offered));
    make_run(*fresh);
    return fresh;
}

Executor::Ahead Executor::program_of(const BlockShape& shape) {
    if (first_.valid()) {
        Program first = first_.get();
        if (first.shape == shape) return {std::move(first), 0};
    }
    const auto ahead =
        std::find_if(ahead_.begin(), ahead_.end(), [&](const Ahead& one) { return one.program.shape == shape; });
    if (ahead != ahead_.end()) {
        Ahead found = std::move(*ahead);
        ahead_.erase(ahead);
        return found;
    }
    Program program = build_program(graph_, *plan_, *layout_, shape);
    if (moved_.empty() && recut_.empty()) return {std::move(program), 0};  // proved before the run, or made as what was
    const std::string fault = fault_of_new(*layout_, program);
    if (!fault.empty()) throw KernelError("a program that was built anew is wrong: " + fault);
    return {std::move(program), 0};
}

void Executor::make_run(Prepared& prepared) {
    LanePrograms lanes = prepare_lanes(prepared.program);
    if (claims()) lanes.others.push_back(stealing_->offer(prepared.program, prepared.offered, *lanes.cpu));
    if (pool_) lanes.others.push_back(pool_->offer(prepared.program, *lanes.cpu));
    offer_chunks(prepared.offered, lanes);
    if (writer_ != nullptr || reader_ != nullptr) prepared.fingerprint = fingerprint(prepared.program);
    if (reader_ != nullptr) {
        StartLog* const log = writer_ != nullptr ? &log_ : nullptr;
        prepared.replay = std::make_unique<Replay>(*prepared.chunks, std::move(lanes), scheduler_, log);
        if (audits_) prepared.replay->audit();
        return;
    }
    if (writer_ != nullptr) lanes.cpu = std::make_unique<LoggedProgram>(std::move(lanes.cpu), scheduler_, log_);
    prepared.run = std::make_unique<Run>(*prepared.chunks, std::move(lanes), scheduler_);
    if (completes_on_host_) prepared.run->complete_on_host();
    if (audits_) prepared.run->audit();
    const bool in_microbatches = std::any_of(graph_.tensors.begin(), graph_.tensors.end(),
                                             [](const Tensor& tensor) { return tensor.microbatch >= 0; });
    if (!in_microbatches) return;
    prepared.live = std::make_unique<LiveMicrobatches>(graph_, prepared.program);
    prepared.run->watch(*prepared.live);
}

LanePrograms Executor::prepare_lanes(const Program& program) {
    LanePrograms lanes;
    lanes.cpu = cpu_.prepare_inline(program);
    lanes.others.push_back(net_.prepare(program));
    lanes.others.push_back(file_.prepare(program));
    for (Lane* gpu : gpus_) lanes.others.push_back(gpu->prepare(program));
    for (const Chunk& chunk : program.chunks) {
        const std::size_t other = chunk.lane == LaneKind::net    ? 0
                                  : chunk.lane == LaneKind::file ? 1
                                                                 : 2 + static_cast<std::size_t>(std::max(0, chunk.gpu));
        lanes.by_chunk.push_back(chunk.lane == LaneKind::cpu ? nullptr : lanes.others[other].get());
    }
    return lanes;
}

/// They go to the last one of the lanes' programs.
void Executor::offer_chunks(const std::vector<bool>& offered, LanePrograms& lanes) {
    for (std::size_t i = 0; i < offered.size(); ++i) {
        if (offered[i]) lanes.by_chunk[i] = lanes.others.back().get();
    }
}

std::string Executor::in_flight_text() const {
    const Prepared* const current = current_.load(std::memory_order_acquire);  // partner: run_prepared()
    if (current == nullptr) return "nothing in flight";
    std::vector<ChunkId> chunks = scheduler_.current_chunks();
    if (current->run) {
        const std::vector<ChunkId> elsewhere = current->run->in_flight_elsewhere();
        chunks.insert(chunks.end(), elsewhere.begin(), elsewhere.end());
    }
    return text_of(current->program, chunks, 6);
}

}  // namespace maniple
