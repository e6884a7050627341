#include "run/task_run.hpp"

#include <optional>

#include "lanes/net/net_lane.hpp"
#include "program/static_schedule.hpp"
#include "run/idleness.hpp"
#include "run/run.hpp"
#include "run/scheduler.hpp"
#include "run/task_chunks.hpp"
#include "run/team.hpp"

namespace maniple {

namespace {

/// A function with what it works on, in the order of the chunks.
struct Call {
    TaskProgram::Function function;
    void* data;
    std::uint32_t argument;
};

class FunctionProgram final : public InlineProgram {
public:
    FunctionProgram(std::vector<Call> calls, std::vector<std::size_t> first)
        : calls_(std::move(calls)), first_(std::move(first)) {}

    void run(ChunkId chunk, const Execution&) override {
        for (std::size_t i = first_[chunk.index()]; i < first_[chunk.index() + 1]; ++i)
            calls_[i].function(calls_[i].data, calls_[i].argument);
    }

    void run_all(std::span<const ChunkId> chunks, const Execution& execution) override {
        const bool consecutive = !chunks.empty() && chunks.back().index() - chunks.front().index() + 1 == chunks.size();
        if (!consecutive) return InlineProgram::run_all(chunks, execution);
        const std::size_t end = first_[chunks.back().index() + 1];
        for (std::size_t i = first_[chunks.front().index()]; i < end; ++i)
            calls_[i].function(calls_[i].data, calls_[i].argument);
    }

private:
    std::vector<Call> calls_;
    std::vector<std::size_t> first_;  ///< by chunk, and one past the last
};

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
        std::vector<ByteMessage> messages;
        for (std::size_t i = 0; i < chunks.tasks.size(); ++i) {
            const TaskId id = chunks.tasks[i];
            const TaskProgram::Task& task = program.tasks_[id.index()];
            calls.push_back({task.function, task.data, task.argument});
            if (!program.is_message(id)) continue;
            const TaskProgram::Message& message = program.messages_[task.argument];
            messages.push_back({chunks.chunk_of[id.index()], message.bytes, message.count, message.rank, message.tag,
                                message.receives});
        }
        LanePrograms lanes;
        lanes.cpu = std::make_unique<FunctionProgram>(std::move(calls), chunks.first);
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
};

TaskRun::TaskRun(const TaskProgram& program, const TaskRunOptions& options, NetLane* net)
    : state_(std::make_unique<State>(program, options, net)) {}

TaskRun::~TaskRun() = default;

void TaskRun::execute() {
    state_->run->start({});
    run_team(state_->scheduler.threads(), [this](int worker) { state_->work(worker); });
    state_->check_failure();  // it may have ended before anybody looked
    if (state_->run->has_failed()) std::rethrow_exception(state_->run->error());
}

std::int64_t TaskRun::chunks() const { return static_cast<std::int64_t>(state_->chunks.size()); }

bool TaskRun::is_static() const { return state_->schedule.has_value(); }

}  // namespace maniple
