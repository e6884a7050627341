// Graphs run from code on a communicator of the program, held to plain loops.
#include "embed/graph_run.hpp"

#include <gtest/gtest.h>
#include <mpi.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "base/error.hpp"
#include "run/team.hpp"
#include "trace/activity.hpp"

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
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    void* memory = nullptr;
    if (posix_memalign(&memory, static_cast<std::size_t>(alignment), bytes) != 0) throw std::bad_alloc();
    return memory;
}
// gcc takes the pairs of these for a mismatch where it sees through one of them alone.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace maniple {
namespace {

constexpr std::int64_t ny = 37, nx = 23;

const KernelRegistry& registry() {
    static const KernelRegistry all(standard_kernels());
    return all;
}

float start_value(std::int64_t y, std::int64_t x, int seed) {
    return static_cast<float>((y * 31 + x * 17 + seed * 13) % 101) / 8;
}

void fill(const TensorPart<float>& part, int seed) {
    for_each_coordinate(part.box, [&](const Extents& at) { part[at] = start_value(at[0], at[1], seed); });
}

/// The same steps with edges repeated, as heat_step says them.
std::vector<float> heat(int steps, float alpha, int seed) {
    std::vector<float> u(ny * nx), v(u.size());
    const auto at = [](std::int64_t y, std::int64_t x) {
        return static_cast<std::size_t>(std::clamp<std::int64_t>(y, 0, ny - 1) * nx +
                                        std::clamp<std::int64_t>(x, 0, nx - 1));
    };
    for (std::int64_t y = 0; y < ny; ++y) {
        for (std::int64_t x = 0; x < nx; ++x) u[at(y, x)] = start_value(y, x, seed);
    }
    for (int step = 0; step < steps; ++step) {
        for (std::int64_t y = 0; y < ny; ++y) {
            for (std::int64_t x = 0; x < nx; ++x) {
                const float around = ((u[at(y - 1, x)] + u[at(y + 1, x)]) + u[at(y, x - 1)]) + u[at(y, x + 1)];
                v[at(y, x)] = u[at(y, x)] + alpha * (around - 4 * u[at(y, x)]);
            }
        }
        std::swap(u, v);
    }
    return u;
}

GraphSpec heat_spec(int steps) {
    GraphSpec spec("heat");
    spec.input<float>("u", {ny, nx});
    spec.call("v", "heat_step", {"u"}, {{"alpha", 0.2}});
    spec.steps(steps);
    spec.carry("u", "v");
    spec.output("v");
    return spec;
}

void expect_equal(const TensorPart<const float>& part, const std::vector<float>& want) {
    ASSERT_EQ(part.elements.size(), static_cast<std::size_t>(part.box.volume()));
    for_each_coordinate(part.box, [&](const Extents& at) {
        EXPECT_EQ(part[at], want[static_cast<std::size_t>(at[0] * nx + at[1])]) << to_string(at);
    });
}

bool is_root() {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank == 0;
}

TEST(GraphRun, HeatStepsAsThePlainLoop) {
    for (const int steps : {1, 7, 40}) {
        GraphRun run(heat_spec(steps), MPI_COMM_WORLD, registry(), {2});
        fill(run.input<float>("u"), 0);
        EXPECT_EQ(run.execute(), steps);
        const std::vector<float> want = heat(steps, 0.2f, 0);
        expect_equal(run.output<float>("v"), want);
        const std::vector<float> whole = run.whole_output<float>("v");
        EXPECT_EQ(whole, is_root() ? want : std::vector<float>{});
    }
}

TEST(GraphRun, ExecutedAgainWithOtherInputsAllocatesNothing) {
    GraphRun run(heat_spec(40), MPI_COMM_WORLD, registry(), {2});
    const TensorPart<float> u = run.input<float>("u");
    // Where the team is not OpenMP's, each execution makes the other thread, and room for it.
    const long of_the_team = team_kind() == "OpenMP" ? 0 : 2;
    for (int seed = 0; seed < 9; ++seed) {
        fill(u, seed);
        if (seed > 0) allocations = 0;
        run.execute();
        const TensorPart<const float> v = run.output<float>("v");
        if (seed > 0) { EXPECT_EQ(allocations.load(), of_the_team); }
        expect_equal(v, heat(40, 0.2f, seed));
    }
    // Without new data, the same again.
    run.execute();
    expect_equal(run.output<float>("v"), heat(40, 0.2f, 8));
}

TEST(GraphRun, BorrowsWhatTheProgramHas) {
    GraphRun run(heat_spec(5), MPI_COMM_WORLD, registry(), {2});
    const Box box = run.input_box("u");
    std::vector<float> mine(static_cast<std::size_t>(box.volume()));
    run.give<float>("u", mine);
    for (int seed = 3; seed < 5; ++seed) {
        fill({box, mine}, seed);
        run.execute();
        expect_equal(run.output<float>("v"), heat(5, 0.2f, seed));
    }
    EXPECT_THROW(run.give<float>("u", std::span<const float>(mine.data(), mine.size() + 1)), UsageError);
}

TEST(GraphRun, ElementwiseWorkIsDoneInPlace) {
    GraphSpec spec("chain");
    spec.constant("a", 3);
    spec.input<float>("x", {ny, nx});
    spec.define("y", "a*x + 1");
    spec.define("total", "sum(where(y > 10, 1, 0))");
    spec.output("y");
    spec.output("total");
    GraphRun run(spec, MPI_COMM_WORLD, registry(), {2});
    const TensorPart<float> x = run.input<float>("x");
    for (int seed = 0; seed < 2; ++seed) {
        fill(x, seed);
        run.execute();
        const TensorPart<const float> y = run.output<float>("y");
        for_each_coordinate(y.box,
                            [&](const Extents& at) { EXPECT_EQ(y[at], 3 * start_value(at[0], at[1], seed) + 1); });
        EXPECT_EQ(run.input<float>("x").elements.data(), x.elements.data());
        std::int64_t want = 0;
        for (std::int64_t i = 0; i < ny * nx; ++i) want += 3 * start_value(i / nx, i % nx, seed) + 1 > 10;
        const std::vector<std::int64_t> total = run.whole_output<std::int64_t>("total");
        if (is_root()) { EXPECT_EQ(total, std::vector<std::int64_t>{want}); }
    }
}

/// Their results are stored past the cache.
TEST(GraphRun, ChainsWithLargeResults) {
    constexpr std::int64_t rows = 1003, columns = 20'011;  // 80 MB, and rows that begin anywhere in a cache line
    GraphSpec spec("large");
    spec.input<float>("x", {rows, columns});
    spec.define("y", "abs(square(x * 1.5 + 0.25) - 1)");
    spec.output("y");
    GraphRun run(spec, MPI_COMM_WORLD, registry(), {2});
    const TensorPart<float> x = run.input<float>("x");
    fill(x, 3);
    run.execute();
    const TensorPart<const float> y = run.output<float>("y");
    std::int64_t wrong = 0;
    for_each_coordinate(y.box, [&](const Extents& at) {
        const float inner = start_value(at[0], at[1], 3) * 1.5F + 0.25F;
        wrong += y[at] == std::abs(inner * inner - 1) ? 0 : 1;
    });
    EXPECT_EQ(wrong, 0);
}

TEST(GraphRun, SeriesAndAnEarlyEnd) {
    GraphSpec spec("count");
    spec.generated("n", {}, DType::i64, 0);
    spec.define("m", "n + 1");
    spec.steps(100);
    spec.carry("n", "m");
    spec.until("m >= 12");
    spec.output("m");
    spec.output("n", 5);
    GraphRun run(spec, MPI_COMM_WORLD, registry(), {2});
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(run.execute(), 12);
        EXPECT_EQ(run.output_shape("n"), Shape{2});
        const std::vector<std::int64_t> m = run.whole_output<std::int64_t>("m");
        const std::vector<std::int64_t> n = run.whole_output<std::int64_t>("n");
        if (!is_root()) continue;
        EXPECT_EQ(m, std::vector<std::int64_t>{12});
        EXPECT_EQ(n, (std::vector<std::int64_t>{4, 9}));
    }
}

TEST(GraphRun, SaysHowMuchOfTheTimeOfMessagesWasHidden) {
    int ranks = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    GraphSpec spec("large");
    spec.input<float>("u", {600, 500});
    spec.call("v", "heat_step", {"u"}, {{"alpha", 0.2}});
    spec.steps(40);
    spec.carry("u", "v");
    spec.output("v");
    for (const int threads : {1, 3}) {
        GraphRun run(spec, MPI_COMM_WORLD, registry(), {threads});
        fill(run.input<float>("u"), 0);
        EXPECT_EQ(run.message_time().in_flight, 0) << "before the first execution";
        for (int execution = 0; execution < 2; ++execution) {
            const std::int64_t begin = now_ns();
            run.execute();
            const double seconds = static_cast<double>(now_ns() - begin) / 1e9;
            const GraphRun::MessageTime time = run.message_time();
            if (ranks == 1) {
                EXPECT_EQ(time.in_flight, 0);
                EXPECT_EQ(time.hidden, 0);
            } else {
                EXPECT_GT(time.hidden, 0);
                EXPECT_LT(time.hidden, time.in_flight);
                EXPECT_LT(time.in_flight, seconds);
            }
        }
    }
}

TEST(GraphRun, ProgramsAreBuiltOnce) {
    GraphRun run(heat_spec(80), MPI_COMM_WORLD, registry(), {2});
    EXPECT_EQ(run.builds(), 0);
    const TensorPart<float> u = run.input<float>("u");
    std::vector<float> mine(u.elements.size());
    for (int seed = 0; seed < 4; ++seed) {
        if (seed == 2) run.give<float>("u", mine);
        fill(seed < 2 ? u : TensorPart<float>{u.box, mine}, seed);
        run.execute();
        EXPECT_EQ(run.builds(), 3);  // the block that loads, those between, the last one
        expect_equal(run.output<float>("v"), heat(80, 0.2f, seed));
    }
    GraphRun shorter(heat_spec(16), MPI_COMM_WORLD, registry(), {1});
    fill(shorter.input<float>("u"), 0);
    shorter.execute();
    EXPECT_EQ(shorter.builds(), 1);
    EXPECT_EQ(run.builds(), 3);
}

/// Steps until the carried value has reached a limit that each execution has anew.
TEST(GraphRun, AnEndThatDependsOnTheInputBuildsNothingTwice) {
    GraphSpec spec("count");
    spec.generated("n", {}, DType::i64, 0);
    spec.input<std::int64_t>("limit", {});
    spec.define("m", "n + 1");
    spec.steps(1000);
    spec.carry("n", "m");
    spec.until("m >= limit");
    spec.output("m");
    spec.output("n", 6);
    GraphRun run(spec, MPI_COMM_WORLD, registry(), {2});
    const TensorPart<std::int64_t> limit = run.input<std::int64_t>("limit");
    std::int64_t builds = 0;
    for (int round = 0; round < 2; ++round) {
        for (const std::int64_t steps : {1, 12, 35, 36, 131, 140, 145, 300, 1000}) {
            for (std::int64_t& element : limit.elements) element = steps;
            EXPECT_EQ(run.execute(), steps);
            EXPECT_EQ(run.output_shape("n"), Shape{steps / 6});
            const std::vector<std::int64_t> m = run.whole_output<std::int64_t>("m");
            const std::vector<std::int64_t> n = run.whole_output<std::int64_t>("n");
            if (!is_root()) continue;
            EXPECT_EQ(m, std::vector<std::int64_t>{steps});
            for (std::size_t row = 0; row < n.size(); ++row)
                EXPECT_EQ(n[row], static_cast<std::int64_t>(6 * row + 5)) << steps << " steps";
        }
        if (round == 0) builds = run.builds();
    }
    EXPECT_EQ(run.builds(), builds);
}

TEST(GraphRun, EveryStrategyComputesTheSame) {
    constexpr std::int64_t rows = 24, width = 8;
    const auto run_under = [&](const std::string& strategy) {
        GraphSpec spec("layers");
        spec.generated("x", {rows, width}, DType::f32, ParameterValue("normal(seed=1)"));
        for (const std::string layer : {"1", "2", "3", "4"}) {
            spec.generated("w" + layer, {width, width}, DType::f32, ParameterValue("normal(seed=" + layer + ")"));
            spec.define("h" + layer, "tanh(matmul(" +
                                         (layer == "1" ? "x" : "h" + std::to_string(std::stoi(layer) - 1)) + ", w" +
                                         layer + "))");
        }
        spec.steps(3);
        spec.carry("x", "h4");
        spec.output("h4");
        spec.plan(strategy);
        GraphRun run(spec, MPI_COMM_WORLD, registry(), {1});
        EXPECT_EQ(run.execute(), 3);
        run.execute();  // from the beginning
        return run.whole_output<float>("h4");
    };
    const std::vector<float> want = run_under("data");
    for (const std::string strategy : {"model", "pipeline"}) {
        const std::vector<float> got = run_under(strategy);
        ASSERT_EQ(got.size(), want.size());
        for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5) << strategy << " " << i;
    }
}

TEST(GraphRun, OnAPartOfTheRanks) {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm half = MPI_COMM_NULL;
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
    {
        GraphRun run(heat_spec(6), half, registry(), {1});
        fill(run.input<float>("u"), rank % 2);
        run.execute();
        expect_equal(run.output<float>("v"), heat(6, 0.2f, rank % 2));
    }
    MPI_Comm_free(&half);
}

TEST(GraphRun, WrongGraphsHaveTheErrorsOfAJobFile) {
    GraphSpec spec("wrong");
    spec.input<float>("u", {ny, nx});
    spec.call("v", "heat_stp", {"u"}, {{"alpha", 0.2}});
    spec.output("v");
    try {
        const GraphRun run(spec, MPI_COMM_WORLD, registry());
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::job);
        EXPECT_EQ(error.diagnostics().front().suggestion, "heat_step");
        EXPECT_EQ(error.diagnostics().front().place.file, "graph 'wrong'");
    }
}

TEST(GraphRun, WrongUseIsRefused) {
    GraphRun run(heat_spec(2), MPI_COMM_WORLD, registry(), {1});
    EXPECT_THROW(run.input<double>("u"), UsageError);
    EXPECT_THROW(run.input<float>("v"), UsageError);
    EXPECT_THROW(run.output<float>("u"), UsageError);
    EXPECT_THROW(run.output<float>("v"), UsageError);  // not computed yet
}

/// Two threads of rank 0 execute at once. With several ranks whichever is first cannot end before the others take part, and
/// they do so after the refusal; one rank alone tries until the two have met.
TEST(GraphRun, ASecondExecutionInFlightIsRefusedThereAndTheFirstGoesOn) {
    constexpr int steps = 400, most_rounds = 1000;
    MPI_Comm beside = MPI_COMM_NULL;
    MPI_Comm_dup(MPI_COMM_WORLD, &beside);
    int ranks = 0;
    MPI_Comm_size(beside, &ranks);
    const std::vector<float> want = heat(steps, 0.2f, 0);
    GraphRun run(heat_spec(steps), MPI_COMM_WORLD, registry(), {2});
    fill(run.input<float>("u"), 0);
    std::atomic<int> refused{0}, executed{0}, ready{0};
    const auto execute = [&] {
        ready.fetch_add(1);
        while (ready.load() % 2 != 0) std::this_thread::yield();
        try {
            run.execute();
            executed.fetch_add(1);
        } catch (const UsageError& error) {
            EXPECT_NE(std::string(error.what()).find("is being executed"), std::string::npos) << error.what();
            refused.fetch_add(1);
            MPI_Barrier(beside);
        }
    };
    int rounds = 0;
    if (is_root()) {
        for (; refused.load() == 0 && rounds < most_rounds; ++rounds) {
            std::thread other(execute);
            execute();
            other.join();
            expect_equal(run.output<float>("v"), want);
        }
        EXPECT_EQ(refused.load(), 1);
        EXPECT_EQ(executed.load(), 2 * rounds - 1);
    } else {
        MPI_Barrier(beside);
        run.execute();
        expect_equal(run.output<float>("v"), want);
    }
    if (ranks > 1 && is_root()) { EXPECT_EQ(rounds, 1); }
    // Nothing of it is left.
    fill(run.input<float>("u"), 1);
    EXPECT_EQ(run.execute(), steps);
    expect_equal(run.output<float>("v"), heat(steps, 0.2f, 1));
    MPI_Comm_free(&beside);
}

TEST(GraphRun, WhatMeansNothingIsRefused) {
    const auto refuses = [](const GraphSpec& spec, const GraphRunOptions& options, const std::string& says) {
        try {
            GraphRun(spec, MPI_COMM_WORLD, registry(), options);
            ADD_FAILURE() << "no error: " << says;
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
        }
    };
    refuses(heat_spec(2), {-2}, "threads: expected 0, for all cores, or more, found -2");
    refuses(heat_spec(2), {1, false, 0}, "steps_together: expected at least 1, found 0");
    GraphSpec negative;
    negative.input<float>("u", {-8});
    negative.output("u");
    refuses(negative, {}, "input 'u' [-8]: expected extents of at least 0");
    GraphSpec carried;
    carried.input<float>("u", {8});
    carried.define("v", "u + 1");
    carried.carry("u", "v");
    carried.output("v");
    refuses(carried, {}, "'steps'");
    GraphSpec bounded = heat_spec(2);
    bounded.plan("data", -1);
    refuses(bounded, {}, "at least 1, found '-1'");
}

TEST(GraphRun, WhatFailsOnOneRankFailsOnAll) {
    int size = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size > 1) GTEST_SKIP() << "several ranks have to end after it";
    GraphSpec spec("lookup");
    spec.input<float>("table", {4, 3});
    spec.input<std::int64_t>("ids", {5});
    spec.define("rows", "embedding(table, ids)");
    spec.output("rows");
    GraphRun run(spec, MPI_COMM_WORLD, registry(), {2});
    EXPECT_THROW(run.execute(), Error);  // nothing given
    run.input<float>("table");
    const TensorPart<std::int64_t> ids = run.input<std::int64_t>("ids");
    run.execute();
    ids[{2}] = 4;
    try {
        run.execute();
        FAIL() << "no error";
    } catch (const Error& error) { EXPECT_EQ(error.code(), ExitCode::internal); }
    EXPECT_THROW(run.execute(), Error);
}

/// Again and again: between executions nobody claims what the next one has not made ready.
TEST(GraphRun, RanksClaimTilesOfEachOther) {
    const auto image = [](const std::string& strategy) {
        GraphSpec spec("image");
        spec.define("image", "mandelbrot(width=120, height=90, xmin=-2, xmax=1, ymin=-3, ymax=1, iterations=2000)");
        spec.define("inside", "sum(image == 2000)");
        spec.output("image");
        spec.output("inside");
        spec.plan(strategy);
        return spec;
    };
    GraphRun even(image("data"), MPI_COMM_WORLD, registry(), {2});
    even.execute();
    const std::vector<std::int32_t> want = even.whole_output<std::int32_t>("image");
    GraphRun claimed(image("stealing"), MPI_COMM_WORLD, registry(), {2});
    for (int i = 0; i < 20; ++i) {
        claimed.execute();
        EXPECT_EQ(claimed.whole_output<std::int32_t>("image"), want);
        EXPECT_EQ(claimed.whole_output<std::int64_t>("inside"), even.whole_output<std::int64_t>("inside"));
    }
}

}  // namespace
}  // namespace maniple
