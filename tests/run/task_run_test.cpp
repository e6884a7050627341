// Programs of functions: order, chunks, static schedules, failures, two executions at once, and what a re-execution costs.
#include "run/task_run.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "run/team.hpp"

namespace {

std::atomic<long> allocations{0};

}  // namespace

// Every allocation of C++ code in this program is counted.
void* operator new(std::size_t bytes) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return std::malloc(bytes == 0 ? 1 : bytes);
}
// gcc takes the pair of the two above for a mismatch where it sees through one of them alone.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace maniple {
namespace {

/// Each task's value depends on those of its predecessors. Plain numbers: a missing edge of visibility is a data race.
struct Tasks {
    std::vector<std::vector<TaskId>> after;
    std::vector<std::uint64_t> value;
    std::uint64_t salt = 0;
    int failing = -1;
    std::atomic<std::int64_t> calls{0};

    static void compute(void* data, std::uint32_t number) {
        Tasks& tasks = *static_cast<Tasks*>(data);
        if (static_cast<int>(number) == tasks.failing) throw KernelError("task " + std::to_string(number) + " fails");
        tasks.calls.fetch_add(1, std::memory_order_relaxed);
        tasks.value[number] = tasks.value_of(number, tasks.value);
    }

    std::uint64_t value_of(std::uint32_t number, const std::vector<std::uint64_t>& values) const {
        std::uint64_t sum = salt + number;
        for (const TaskId before : after[number]) sum = sum * 31 + values[before.index()];
        return sum;
    }

    std::vector<std::uint64_t> serial() const {
        std::vector<std::uint64_t> values(after.size());
        for (std::uint32_t i = 0; i < after.size(); ++i) values[i] = value_of(i, values);
        return values;
    }

    TaskProgram program(std::int64_t cost_ns) {
        value.assign(after.size(), 0);
        TaskProgram program;
        for (std::uint32_t i = 0; i < after.size(); ++i) program.add(&compute, this, i, after[i], cost_ns);
        return program;
    }
};

constexpr std::size_t most_tasks = 10000;

/// Of every sixth seed a large graph, of the first one the largest.
std::unique_ptr<Tasks> random_tasks(std::uint32_t seed) {
    std::mt19937 random(seed);
    auto tasks = std::make_unique<Tasks>();
    const std::size_t drawn = 1 + random() % (seed % 6 == 0 ? most_tasks : 300);
    const std::size_t count = seed == 0 ? most_tasks : drawn;
    tasks->after.resize(count);
    for (std::size_t i = 1; i < count; ++i) {
        const std::size_t reach = 1 + random() % 40;
        for (std::uint32_t k = random() % 4; k > 0; --k)
            tasks->after[i].push_back(TaskId(i - 1 - random() % std::min(i, reach)));
    }
    return tasks;
}

/// Tasks [steps, width]; each waits for its neighbours in the step before.
std::unique_ptr<Tasks> stencil(std::size_t width, std::size_t steps) {
    auto tasks = std::make_unique<Tasks>();
    tasks->after.resize(width * steps);
    for (std::size_t i = width; i < width * steps; ++i) {
        const std::size_t column = i % width, above = i - width;
        if (column > 0) tasks->after[i].push_back(TaskId(above - 1));
        tasks->after[i].push_back(TaskId(above));
        if (column + 1 < width) tasks->after[i].push_back(TaskId(above + 1));
    }
    return tasks;
}

class TasksOnWorkers : public ::testing::TestWithParam<int> {};

TEST_P(TasksOnWorkers, RandomGraphsEqualTheSerialOrder) {
    for (std::uint32_t seed = 0; seed < 24; ++seed) {
        const auto tasks = random_tasks(seed);
        const TaskProgram program = tasks->program(0);
        if (seed == 0) { ASSERT_EQ(program.size(), most_tasks); }
        for (const bool many : {false, true}) {
            TaskRun run(program, {GetParam(), many, true});
            if (!many) { ASSERT_EQ(run.chunks(), static_cast<std::int64_t>(program.size())); }
            for (std::uint64_t execution = 1; execution <= 3; ++execution) {
                tasks->salt = execution;
                tasks->calls = 0;
                run.execute();
                ASSERT_EQ(tasks->value, tasks->serial()) << "seed " << seed;
                ASSERT_EQ(tasks->calls.load(), static_cast<std::int64_t>(program.size()));
            }
        }
    }
}

TEST_P(TasksOnWorkers, ARegularGraphRunsStaticallyWithTheSameResults) {
    const auto tasks = stencil(8 * static_cast<std::size_t>(GetParam()), 50);
    const TaskProgram program = tasks->program(100);
    TaskRun run(program, {GetParam(), false, true});
    ASSERT_TRUE(run.is_static());
    for (std::uint64_t execution = 1; execution <= 5; ++execution) {
        tasks->salt = execution;
        run.execute();
        ASSERT_EQ(tasks->value, tasks->serial());
    }
}

TEST_P(TasksOnWorkers, TasksInARowRunAsRanges) {
    struct Row {
        Tasks* tasks;
        std::atomic<std::int64_t> ranges{0};
        static void one(void* data, std::uint32_t number) { Tasks::compute(static_cast<Row*>(data)->tasks, number); }
        static void many(void* data, std::uint32_t first, std::uint32_t count) {
            static_cast<Row*>(data)->ranges.fetch_add(1, std::memory_order_relaxed);
            for (std::uint32_t i = 0; i < count; ++i) one(data, first + i);
        }
    };
    const auto tasks = stencil(8 * static_cast<std::size_t>(GetParam()), 50);
    tasks->value.assign(tasks->after.size(), 0);
    Row even{tasks.get()}, odd{tasks.get()};  // data changes within each level
    TaskProgram program;
    program.run_ranges(&Row::one, &Row::many);
    for (std::uint32_t i = 0; i < tasks->after.size(); ++i)
        program.add(&Row::one, i % 8 < 5 ? &even : &odd, i, tasks->after[i], 100);
    TaskRun run(program, {GetParam(), false, true});
    ASSERT_TRUE(run.is_static());
    run.execute();
    EXPECT_EQ(tasks->value, tasks->serial());
    EXPECT_EQ(tasks->calls.load(), static_cast<std::int64_t>(program.size()));
    EXPECT_EQ(even.ranges.load(), 50 * GetParam());  // each worker has eight in each level
    EXPECT_EQ(odd.ranges.load(), 50 * GetParam());
}

TEST_P(TasksOnWorkers, TheFirstErrorSurfacesAndWhatWaitedForItDoesNotRun) {
    for (const std::int64_t cost_ns : {0, 100}) {
        const std::size_t width = 8 * static_cast<std::size_t>(GetParam()), failing = 17;
        const auto tasks = stencil(width, 20);
        const TaskProgram program = tasks->program(cost_ns);
        tasks->failing = static_cast<int>(failing);
        TaskRun run(program, {GetParam(), false, true});
        ASSERT_EQ(run.is_static(), cost_ns > 0);
        EXPECT_THROW(run.execute(), KernelError);
        const std::size_t below = tasks->value.size() - width + failing % width;  // the same column in the last step
        EXPECT_EQ(tasks->value[below], 0U) << "a task ran after one that it waits for had failed";
    }
}

INSTANTIATE_TEST_SUITE_P(Workers, TasksOnWorkers, ::testing::Values(1, 2, 4, 8, 64));

TEST(TaskRun, TwoRunsOfOneProgramOnTwoThreads) {
    struct Cells {
        std::atomic<std::int64_t> sum{0};
    } cells;
    TaskProgram program;
    std::vector<TaskId> before;
    for (std::uint32_t i = 0; i < 500; ++i) {
        before = {
            program.add([](void* data, std::uint32_t number) { static_cast<Cells*>(data)->sum.fetch_add(number); },
                        &cells, i, before)};
    }
    const auto execute = [&] {
        TaskRun run(program, {2, false, true});
        for (int i = 0; i < 50; ++i) run.execute();
    };
    std::thread other(execute);
    execute();
    other.join();
    EXPECT_EQ(cells.sum.load(), 2 * 50 * (499 * 500 / 2));
}

/// A gate that holds one of the tasks until it is opened.
struct HeldTasks {
    std::unique_ptr<Tasks> tasks = stencil(16, 20);
    std::atomic<bool> begun{false}, open{false};
    TaskProgram program;

    explicit HeldTasks(std::int64_t cost_ns) {
        tasks->value.assign(tasks->after.size(), 0);
        for (std::uint32_t i = 0; i < tasks->after.size(); ++i)
            program.add(&compute, this, i, tasks->after[i], cost_ns);
    }
    static void compute(void* data, std::uint32_t number) {
        HeldTasks& held = *static_cast<HeldTasks*>(data);
        if (number == 0) {
            held.begun.store(true);
            while (!held.open.load()) std::this_thread::yield();
        }
        Tasks::compute(held.tasks.get(), number);
    }
};

TEST(TaskRun, ASecondExecutionInFlightIsRefusedAndTheFirstGoesOn) {
    for (const std::int64_t cost_ns : {0, 100}) {
        HeldTasks held(cost_ns);
        TaskRun run(held.program, {2, false, true});
        ASSERT_EQ(run.is_static(), cost_ns > 0);
        std::thread other([&] { run.execute(); });
        while (!held.begun.load()) std::this_thread::yield();
        for (int i = 0; i < 3; ++i) EXPECT_THROW(run.execute(), UsageError);
        held.open.store(true);
        other.join();
        EXPECT_EQ(held.tasks->value, held.tasks->serial());
        held.tasks->salt = 1;
        run.execute();
        EXPECT_EQ(held.tasks->value, held.tasks->serial());
        EXPECT_EQ(held.tasks->calls.load(), static_cast<std::int64_t>(2 * held.program.size()));
    }
}

TEST(TaskRun, ATaskCannotExecuteTheRunThatItIsPartOf) {
    struct Inner {
        TaskRun* run = nullptr;
        int refused = 0;
    } inner;
    TaskProgram program;
    const auto execute = [](void* data, std::uint32_t) {
        Inner& it = *static_cast<Inner*>(data);
        try {
            it.run->execute();
        } catch (const UsageError&) { ++it.refused; }
    };
    program.add(execute, &inner, 0, {});
    TaskRun run(program, {2, false, true});
    inner.run = &run;
    for (int i = 1; i <= 3; ++i) {
        run.execute();
        EXPECT_EQ(inner.refused, i);
    }
}

/// What ends by an error has ended.
TEST(TaskRun, AfterAnErrorAnExecutionIsNotTakenForOneInFlight) {
    const auto tasks = stencil(16, 5);
    const TaskProgram program = tasks->program(0);
    tasks->failing = 20;
    TaskRun run(program, {2, false, true});
    EXPECT_THROW(run.execute(), KernelError);
    EXPECT_THROW(run.execute(), KernelError);
}

TEST(TaskRun, NothingIsAllocatedIn10000Executions) {
    if (team_kind() != "OpenMP") GTEST_SKIP() << "a team of std::thread is made anew for each execution";
    const auto tasks = stencil(32, 8);
    for (const std::int64_t cost_ns : {0, 100}) {
        const TaskProgram program = tasks->program(cost_ns);
        TaskRun run(program, {2, false, true});
        run.execute();
        run.execute();
        const long before = allocations.load();
        for (int i = 0; i < 10000; ++i) run.execute();
        EXPECT_EQ(allocations.load() - before, 0) << (run.is_static() ? "static" : "dynamic");
    }
}

TEST(TaskRunDeathTest, ATaskThatWaitsForALaterOneIsRefused) {
    TaskProgram program;
    const TaskId later(std::size_t{3});
    EXPECT_DEATH(program.add(&Tasks::compute, nullptr, 0, {&later, 1}), "comes later");
}

TEST(TaskRunDeathTest, ATaskWithoutAFunctionIsRefused) {
    TaskProgram program;
    EXPECT_DEATH(program.add(nullptr, nullptr, 0, {}), "without a function");
}

TEST(TaskRun, LessThanOneThreadIsRefused) {
    const TaskProgram program;
    for (const int threads : {0, -5}) {
        EXPECT_THROW(TaskRun(program, {threads}), UsageError);
        EXPECT_THROW(TaskRun(program, {threads, true}), UsageError);
    }
}

}  // namespace
}  // namespace maniple
