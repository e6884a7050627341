#include "run/task_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "lanes/net/net_lane.hpp"
#include "program/static_schedule.hpp"
#include "run/idleness.hpp"
#include "run/run.hpp"
#include "run/scheduler.hpp"
#include "run/single_execution.hpp"
#include "run/task_chunks.hpp"
#include "run/team.hpp"

namespace maniple {

namespace {

/// A function with what it works on.
struct Call {
    TaskProgram::Function function;
    void* data;
    std::uint32_t argument;
};

/// Calls of one function on the same data with consecutive arguments.
struct CallRange {
    std::size_t first = 0;  ///< number of the call
    std::size_t end = 0;
    TaskProgram::RangeFunction function = nullptr;  ///< null: they are made one by one
};

class FunctionProgram final : public InlineProgram {
public:
    /// `calls` in the order of the chunks; those of chunk i begin with first[i], and the last element is their number.
    FunctionProgram(std::vector<Call> calls, std::vector<std::size_t> first, std::vector<CallRange> ranges)
        : calls_(std::move(calls)), first_(std::move(first)), ranges_(std::move(ranges)) {
        if (first_.size() == calls_.size() + 1) first_.clear();  // one in each: less to look up
    }

    void run(ChunkId chunk, const Execution&) override { make(first_call(chunk), end_call(chunk)); }

    void run_all(std::span<const ChunkId> chunks, const Execution& execution) override {
        const bool consecutive = !chunks.empty() && chunks.back().index() - chunks.front().index() + 1 == chunks.size();
        if (!consecutive) return InlineProgram::run_all(chunks, execution);
        const std::size_t end = end_call(chunks.back());
        std::size_t next = first_call(chunks.front());
        auto range = std::upper_bound(ranges_.begin(), ranges_.end(), next,
                                      [](std::size_t call, const CallRange& one) { return call < one.first; });
        for (--range; next < end; ++range) {
            const std::size_t stop = std::min(end, range->end);
            if (range->function == nullptr) {
                make(next, stop);
            } else {
                const Call& call = calls_[next];
                range->function(call.data, call.argument, static_cast<std::uint32_t>(stop - next));
            }
            next = stop;
        }
    }

private:
    std::size_t first_call(ChunkId chunk) const { return first_.empty() ? chunk.index() : first_[chunk.index()]; }
    std::size_t end_call(ChunkId chunk) const { return first_.empty() ? chunk.index() + 1 : first_[chunk.index() + 1]; }
    void make(std::size_t begin, std::size_t end) const {
        for (std::size_t i = begin; i < end; ++i) calls_[i].function(calls_[i].data, calls_[i].argument);
    }

    std::vector<Call> calls_;
    std::vector<std::size_t> first_;  ///< by chunk, and one past the last; empty: the chunk's number
    std::vector<CallRange> ranges_;   ///< all calls, ascending
};

const TaskRunOptions& checked(const TaskRunOptions& options) {
    if (options.threads >= 1) return options;
    throw UsageError(fmt::format("a run of tasks takes at least 1 thread, found {}", options.threads));
}

}  // namespace

struct TaskRun::State {
    State(const TaskProgram& program, const TaskRunOptions& options, NetLane* net)
        : chunks(options.chunks_of_many ? TaskChunks::by_depth(program, options.threads) : TaskChunks::each(program)),
          graph(chunks.graph(program)), net_lane(net), scheduler(options.threads, net) {
        if (options.may_be_static) schedule = find_static_schedule(graph, options.threads);
        run = std::make_unique<Run>(graph, lanes_of(program, net), scheduler, schedule ? &*schedule : nullptr);
    }

    LanePrograms lanes_of(const TaskProgram& program, NetLane* net) const {
        std::vector<Call> calls;
        std::vector<CallRange> ranges;
        std::vector<ByteMessage> messages;
        for (std::size_t i = 0; i < chunks.tasks.size(); ++i) {
            const TaskId id = chunks.tasks[i];
            const TaskProgram::Task& task = program.tasks_[id.index()];
            const bool goes_on = i > 0 && calls.back().function == task.function && calls.back().data == task.data &&
                                 calls.back().argument + 1 == task.argument;
            calls.push_back({task.function, task.data, task.argument});
            if (!goes_on) ranges.push_back({i, i, program.range_of(task.function)});
            ranges.back().end = i + 1;
            if (!program.is_message(id)) continue;
            const TaskProgram::Message& message = program.messages_[task.argument];
            messages.push_back({chunks.chunk_of[id.index()], message.bytes, message.count, message.rank, message.tag,
                                message.receives});
        }
        LanePrograms lanes;
        lanes.cpu = std::make_unique<FunctionProgram>(std::move(calls), chunks.first, std::move(ranges));
        if (messages.empty()) return lanes;
        MANIPLE_CHECK(net != nullptr, "messages without a net lane");
        lanes.others.push_back(net->prepare_messages(messages, chunks.size()));
        lanes.by_chunk.resize(chunks.size());
        for (const ByteMessage& message : messages) lanes.by_chunk[message.chunk.index()] = lanes.others.front().get();
        return lanes;
    }

    /// Another rank's failure is this one's, too, and what it will not send is given up; this one's is told to the others.
    void check_failure() {
        if (net_lane == nullptr) return;
        const Rank announcer = net_lane->failed_rank();
        if (announcer.valid() && !run->has_failed()) {
            run->fail(
                std::make_exception_ptr(RemoteFailure("rank " + std::to_string(announcer.value) + " has failed")));
        }
        if (!run->has_failed()) return;
        if (!announcer.valid()) net_lane->announce_failure();
        net_lane->cancel();
    }

    void work(int number) {
        scheduler.adopt(number);
        Worker& worker = scheduler.worker(number);
        Idleness idleness;
        while (!run->is_done()) {
            if (number == 0) check_failure();
            if (scheduler.work(worker) || scheduler.poll_now()) {
                idleness.reset();
            } else {
                idleness.wait(scheduler, worker, run.get());
            }
        }
    }

    TaskChunks chunks;
    ChunkGraph graph;
    NetLane* net_lane;  ///< null: no messages
    Scheduler scheduler;
    std::optional<StaticSchedule> schedule;
    std::unique_ptr<Run> run;
    SingleExecution executing;
};

TaskRun::TaskRun(const TaskProgram& program, const TaskRunOptions& options, NetLane* net)
    : state_(std::make_unique<State>(program, checked(options), net)) {}

TaskRun::~TaskRun() = default;

void TaskRun::execute() {
    const SingleExecution::Scope scope(state_->executing, "the program of tasks");
    state_->run->start({});
    run_team(state_->scheduler.threads(), [this](int worker) { state_->work(worker); });
    state_->check_failure();  // it may have ended before anybody looked
    if (state_->run->has_failed()) std::rethrow_exception(state_->run->error());
}

std::int64_t TaskRun::chunks() const { return static_cast<std::int64_t>(state_->chunks.size()); }

bool TaskRun::is_static() const { return state_->schedule.has_value(); }

}  // namespace maniple
