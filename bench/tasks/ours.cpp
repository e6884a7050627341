#include "tasks/ours.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <typeindex>
#include <utility>

#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/file/file_lane.hpp"
#include "lanes/net/net_lane.hpp"
#include "lanes/vulkan/gpu_lane.hpp"
#include "openmp_team.hpp"
#include "run/task_run.hpp"
#include "run/team.hpp"

namespace maniple::bench {

struct OurNet::Parts {
    explicit Parts(MPI_Comm communicator)
        : world(communicator), mailboxes(world, has_shared_memory(std::getenv(mpi_ways_variable))),
          lane(world, &mailboxes) {}

    World world;
    Mailboxes mailboxes;
    NetLane lane;
};

OurNet::OurNet(const Ranks& ranks) : parts_(std::make_unique<Parts>(ranks.communicator())) {}
OurNet::~OurNet() = default;

namespace {

void run_task(void* work, std::uint32_t packed) { static_cast<Work*>(work)->run(packed); }

/// Tasks of one step: columns are the low half of what is packed, and narrower than that.
void run_tasks(void* work, std::uint32_t first, std::uint32_t count) {
    Work& mine = *static_cast<Work*>(work);
    const std::uint32_t step = first >> 16U;
    const std::uint32_t column = first & 0xffffU;
    for (std::uint32_t i = 0; i < count; ++i) mine.run(step, column + i);
}

/// How many values of one column may be on their way to one rank: each has a tag, and follows the last one with it.
/// More only make the list longer that MPI looks through at each poll: with 4, fft and spread take twice as long.
constexpr int window = 2;

/// The tasks of this rank's columns, a send for each value and rank that needs it, and the receives that meet them.
class Builder {
public:
    Builder(Work& work, std::int64_t cost_ns) : work_(work), cost_ns_(cost_ns) {}

    TaskProgram build() {
        const TaskGraph& graph = work_.graph();
        program_.run_ranges(run_task, run_tasks);
        here_.assign(static_cast<std::size_t>(graph.width()), TaskId());
        for (int step = 0; step < graph.steps(); ++step) {
            above_ = std::exchange(here_, std::vector<TaskId>(static_cast<std::size_t>(graph.width())));
            if (step > 0 && work_.ranks().size() > 1) add_messages(step);
            add_step(step);
        }
        return std::move(program_);
    }

private:
    /// The last messages of one column to or from one rank, by tag.
    struct Channel {
        std::vector<TaskId> last = std::vector<TaskId>(window);
        int next = 0;
    };

    void add_step(int step) {
        const int me = work_.ranks().rank();
        const int end = std::min(work_.first_column(me + 1), work_.graph().width_at(step));
        for (int column = work_.first_column(me); column < end; ++column) {
            after_.clear();
            for (const auto before : predecessors(step, column)) after_.push_back(above_[before]);
            here_[static_cast<std::size_t>(column)] =
                program_.add(run_task, &work_, packed(step, column), after_, cost_ns_);
        }
    }

    /// What the tasks of `step` need from ranks that do not run it.
    void add_messages(int step) {
        const int me = work_.ranks().rank();
        std::map<std::pair<int, int>, bool> crossing;  // (column, peer): whether it is received here
        for (int column = 0; column < work_.graph().width_at(step); ++column) {
            const int reader = work_.owner(column);
            for (const int before : predecessors(step, column)) {
                const int writer = work_.owner(before);
                if (reader == writer) continue;
                if (writer == me) crossing[{before, reader}] = false;
                if (reader == me) crossing[{before, writer}] = true;
            }
        }
        for (const auto& [between, receives] : crossing) add_message(step - 1, between.first, between.second, receives);
    }

    void add_message(int step, int column, int peer, bool receives) {
        Channel& channel = channels_[{column, peer}];
        TaskId& last = channel.last[static_cast<std::size_t>(channel.next)];
        const int tag = column * window + channel.next;
        channel.next = (channel.next + 1) % window;
        TaskId& source = above_[static_cast<std::size_t>(column)];
        after_.clear();
        if (last.valid()) after_.push_back(last);
        if (source.valid() && !receives) after_.push_back(source);
        std::uint64_t& value = work_.value(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(column));
        last = receives ? program_.add_receive(&value, sizeof value, peer, tag, after_)
                        : program_.add_send(&value, sizeof value, peer, tag, after_);
        if (receives) source = last;
    }

    std::span<const std::uint16_t> predecessors(int step, int column) const {
        return work_.graph().predecessors(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(column));
    }
    static std::uint32_t packed(int step, int column) {
        return pack(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(column));
    }

    Work& work_;
    std::int64_t cost_ns_;
    TaskProgram program_;
    std::vector<TaskId> above_, here_;  ///< by column: what makes the value of the step before, and of this one
    std::vector<TaskId> after_;
    std::map<std::pair<int, int>, Channel> channels_;  ///< by column and peer
};

class Ours final : public System {
public:
    Ours(Work& work, const TaskRunOptions& options, std::int64_t cost_ns, NetLane* net)
        : System(work), threads_(options.threads), program_(Builder(work, cost_ns).build()),
          run_(program_, options, net) {}

    std::int64_t chunks() const { return run_.chunks(); }
    std::int64_t tasks() const { return static_cast<std::int64_t>(program_.size()); }
    bool is_static() const { return run_.is_static(); }

protected:
#ifdef MANIPLE_BENCH_OPENMP
    std::string_view team() const override { return team_kind() == "OpenMP" ? "openmp" : "std"; }
    void wake() override {
        if (team() == "openmp") wake_openmp_team(threads_);
    }
#endif
    void execute() override { run_.execute(); }

private:
    int threads_;
    TaskProgram program_;
    TaskRun run_;
};

void check(const Ours& ours, const Work& work, Mode mode) {
    const bool alone = work.ranks().size() == 1;
    if (mode != Mode::chunked && ours.chunks() != ours.tasks()) throw std::runtime_error("ours: chunks are not tasks");
    if (alone && ours.tasks() != work.graph().tasks()) throw std::runtime_error("ours: tasks are missing");
    if (mode != Mode::fixed && ours.is_static()) throw std::runtime_error("ours: static where it may not be");
    // A tree is narrow where it begins, and messages come when they come: there the library decides.
    if (mode == Mode::fixed && alone && work.graph().pattern() != Pattern::tree && !ours.is_static()) {
        throw std::runtime_error("ours: a regular pattern is not run statically");
    }
}

}  // namespace

std::vector<std::string> lanes_compiled_in() {
    // Asking for a type takes the lane's code into the program.
    const std::map<std::type_index, std::string> lanes = {
        {typeid(CpuLane), "cpu"}, {typeid(GpuLane), "gpu"}, {typeid(NetLane), "net"}, {typeid(FileLane), "file"}};
    std::vector<std::string> names;
    for (const auto& [type, name] : lanes) names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

std::unique_ptr<System> make_ours(Work& work, int threads, Mode mode, std::int64_t cost_ns, OurNet* net) {
    TaskRunOptions options;
    options.threads = threads;
    options.chunks_of_many = mode == Mode::chunked;
    options.may_be_static = mode == Mode::fixed;
    auto ours = std::make_unique<Ours>(work, options, cost_ns, net == nullptr ? nullptr : &net->parts().lane);
    check(*ours, work, mode);
    return ours;
}

}  // namespace maniple::bench
