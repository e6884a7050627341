// The task level: functions of one's own with what they wait for, and messages between ranks; maniple schedules them.
//   mpirun -n 2 heat_tasks
#include <maniple/base/error.hpp>
#include <maniple/lanes/net/mailboxes.hpp>
#include <maniple/lanes/net/net_lane.hpp>
#include <maniple/run/task_run.hpp>
#include <mpi.h>

#include <cstdio>
#include <cstdlib>

#include "heat.hpp"

namespace {

using maniple::TaskId;
constexpr int steps = 50;
constexpr int blocks = 6;  ///< of rows, on each rank

/// This rank's rows of two successive steps, each with a row of its neighbours above and below.
class Heat {
public:
    Heat(int rank, int ranks) : rank_(rank), ranks_(ranks), first_(heat::ny * rank / ranks) {
        rows_ = heat::ny * (rank + 1) / ranks - first_;
        for (auto& grid : grids_) grid.resize(static_cast<std::size_t>((rows_ + 2) * heat::nx));
    }

    void set_start() {
        for (std::int64_t y = -1; y <= rows_; ++y) {
            for (std::int64_t x = 0; x < heat::nx; ++x) row(0, y)[x] = heat::start(first_ + y, x);
        }
    }

    /// Task (step, block) reads what its own block and those beside it made of the step before, and writes what those
    /// have read: so it waits for all three.
    maniple::TaskProgram program() {
        maniple::TaskProgram program;
        std::vector<TaskId> before(blocks), here(blocks);
        Edge north{rank_ - 1, 0, -1, 0, 0}, south{rank_ + 1, blocks - 1, rows_, rows_ - 1, 0};
        for (int step = 0; step < steps; ++step) {
            add_messages(program, north, step, before);
            add_messages(program, south, step, before);
            for (int block = 0; block < blocks; ++block) {
                std::vector<TaskId> after;
                for (int near = std::max(block - 1, 0); near <= std::min(block + 1, blocks - 1); ++near)
                    add_if_any(after, before[static_cast<std::size_t>(near)]);
                for (const Edge* edge : {&north, &south}) {
                    if (edge->block != block) continue;
                    add_if_any(after, edge->received);
                    add_if_any(after, edge->sent_before);
                }
                here[static_cast<std::size_t>(block)] =
                    program.add(run_block, this, static_cast<std::uint32_t>(step * blocks + block), after);
            }
            std::swap(before, here);
        }
        return program;
    }

    long count_wrong() {
        const std::vector<float> want = heat::plain(steps);
        long wrong = 0;
        for (std::int64_t i = 0; i < rows_ * heat::nx; ++i)
            wrong += row(steps, 0)[i] != want[static_cast<std::size_t>(first_ * heat::nx + i)];
        return wrong;
    }

private:
    /// Where this rank meets another one.
    struct Edge {
        int peer;
        int block;           ///< that reads and writes there
        std::int64_t halo;   ///< the row that comes from the peer
        std::int64_t inner;  ///< the row that goes there
        int tag;
        TaskId received = {}, sent = {}, sent_before = {};
        TaskId two_before = {};  ///< the task that read the halo before it is received again
    };

    float* row(int step, std::int64_t y) { return grids_[step % 2].data() + (y + 1) * heat::nx; }

    static void add_if_any(std::vector<TaskId>& tasks, TaskId task) {
        if (task.valid()) tasks.push_back(task);
    }

    /// The rows of `step` that are exchanged. Those of step 0 are there.
    void add_messages(maniple::TaskProgram& program, Edge& edge, int step, const std::vector<TaskId>& before) {
        if (edge.peer < 0 || edge.peer >= ranks_ || step == 0) return;
        constexpr std::size_t bytes = heat::nx * sizeof(float);
        const TaskId maker = before[static_cast<std::size_t>(edge.block)];
        std::vector<TaskId> after = {maker};
        add_if_any(after, edge.sent);
        edge.sent_before = edge.sent;
        edge.sent = program.add_send(row(step, edge.inner), bytes, edge.peer, edge.tag, after);
        after.clear();
        add_if_any(after, edge.received);
        add_if_any(after, edge.two_before);
        edge.received = program.add_receive(row(step, edge.halo), bytes, edge.peer, edge.tag, after);
        edge.two_before = maker;
    }

    static void run_block(void* data, std::uint32_t number) {
        Heat& heat = *static_cast<Heat*>(data);
        const int step = static_cast<int>(number) / blocks, block = static_cast<int>(number) % blocks;
        for (std::int64_t y = heat.rows_ * block / blocks; y < heat.rows_ * (block + 1) / blocks; ++y) {
            const bool top = heat.first_ + y == 0, bottom = heat.first_ + y == heat::ny - 1;
            heat::step_row(heat.row(step, top ? y : y - 1), heat.row(step, y), heat.row(step, bottom ? y : y + 1),
                           heat.row(step + 1, y));
        }
    }

    int rank_, ranks_;
    std::int64_t first_, rows_ = 0;
    std::vector<float> grids_[2];  ///< of even and of odd steps
};

long run_heat(MPI_Comm communicator) {
    const maniple::World world(communicator);
    // Ranks of one node send their rows through memory that they share, unless Open MPI may not do so either.
    const maniple::Mailboxes mailboxes(world, maniple::has_shared_memory(std::getenv(maniple::mpi_ways_variable)));
    maniple::NetLane net(world, &mailboxes);
    Heat heat(world.rank().value, world.size());
    const maniple::TaskProgram program = heat.program();
    maniple::TaskRunOptions options;
    options.threads = 2;
    maniple::TaskRun run(program, options, &net);
    long wrong = 0;
    for (int repetition = 0; repetition < 2; ++repetition) {
        heat.set_start();
        run.execute();
        wrong += heat.count_wrong();
    }
    std::printf("%zu tasks in %lld chunks, %ld elements are wrong\n", program.size(),
                static_cast<long long>(run.chunks()), wrong);
    return wrong;
}

}  // namespace

int main(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    long wrong = 1;
    try {
        maniple::require_threaded_mpi();
        wrong = run_heat(MPI_COMM_WORLD);
    } catch (const maniple::Error& error) {
        for (const maniple::Diagnostic& diagnostic : error.diagnostics())
            std::fputs(render(diagnostic).c_str(), stderr);
        MPI_Abort(MPI_COMM_WORLD, static_cast<int>(error.code()));
    }
    MPI_Finalize();
    return wrong == 0 ? 0 : 1;
}
