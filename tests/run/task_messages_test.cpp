// Programs of functions over ranks: values in messages, and a failure that no rank waits for in vain.
#include <gtest/gtest.h>
#include <mpi.h>

#include "base/error.hpp"
#include "lanes/net/net_lane.hpp"
#include "run/task_run.hpp"

namespace maniple {
namespace {

/// A value goes round the ranks `laps` times; every visit adds one.
struct Ring {
    Ring(const World& world, int laps, int failing_rank) : fails(world.rank().value == failing_rank) {
        const int me = world.rank().value, size = world.size();
        values.resize(static_cast<std::size_t>(laps), 0);
        TaskId before;
        for (int lap = 0; lap < laps; ++lap) {
            int& value = values[static_cast<std::size_t>(lap)];
            const std::span<const TaskId> none;
            if (me > 0 || lap > 0)
                before = program.add_receive(&value, sizeof value, (me + size - 1) % size, 0, after(before));
            before = program.add(&visit, this, static_cast<std::uint32_t>(lap),
                                 before.valid() ? std::span(&before, 1) : none);
            const bool last = lap + 1 == laps && me + 1 == size;
            if (!last) before = program.add_send(&value, sizeof value, (me + 1) % size, 0, after(before));
        }
    }

    std::span<const TaskId> after(const TaskId& task) const {
        return task.valid() ? std::span(&task, 1) : std::span<const TaskId>();
    }

    static void visit(void* data, std::uint32_t lap) {
        Ring& ring = *static_cast<Ring*>(data);
        if (ring.fails && lap == 2) throw KernelError("lap 2 fails");
        ++ring.values[lap];
    }

    bool fails;
    std::vector<int> values;
    TaskProgram program;
};

/// Whether through memory that the ranks share.
class TaskMessages : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Ways, TaskMessages, testing::Bool(),
                         [](const auto& tested) { return std::string(tested.param ? "near" : "far"); });

TEST_P(TaskMessages, AValueGoesRoundTheRanks) {
    const World world(MPI_COMM_WORLD);
    const Mailboxes mailboxes(world, GetParam());
    NetLane net(world, &mailboxes);
    Ring ring(world, 50, -1);
    TaskRun run(ring.program, {2, false, true}, &net);
    for (int execution = 0; execution < 3; ++execution) {
        if (world.rank().value == 0) ring.values[0] = 0;
        run.execute();
        for (int lap = 0; lap < 50; ++lap)
            EXPECT_EQ(ring.values[static_cast<std::size_t>(lap)], lap * world.size() + world.rank().value + 1);
    }
}

TEST_P(TaskMessages, AFailureOfOneRankEndsAll) {
    const World world(MPI_COMM_WORLD);
    const Mailboxes mailboxes(world, GetParam());
    NetLane net(world, &mailboxes);
    Ring ring(world, 50, 0);
    TaskRun run(ring.program, {2, false, true}, &net);
    if (world.rank().value == 0) {
        EXPECT_THROW(run.execute(), KernelError);
    } else {
        EXPECT_THROW(run.execute(), RemoteFailure);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

}  // namespace
}  // namespace maniple
