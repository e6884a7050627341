// bench_stencil: steps of the heat equation against MPI and OpenMP by hand. README.md says what is timed.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <vector>

#include "embed/graph_run.hpp"
#include "mpi_bench.hpp"
#include "stencil/hand.hpp"

namespace maniple::bench {
namespace {

constexpr double alpha = 0.2;

struct Problem {
    std::int64_t size = 4096;
    int steps = 200;
};

Problem problem_of(const MpiBench& bench) {
    if (bench.tiny) return {203, 37};
    return {4096, bench.options.quick ? 40 : 200};
}

float start(std::int64_t y, std::int64_t x) { return static_cast<float>((y * 31 + x * 17) % 1009) / 8; }

GraphSpec heat(const Problem& problem) {
    GraphSpec spec("heat");
    spec.input<float>("u", {problem.size, problem.size});
    spec.call("v", "heat_step", {"u"}, {{"alpha", alpha}});
    spec.steps(problem.steps);
    spec.carry("u", "v");
    spec.output("v");
    return spec;
}

/// `plain`: no tiling in time.
GraphRunOptions options_of(int threads, bool plain) {
    GraphRunOptions options;
    options.threads = threads;
    if (plain) options.steps_together = 1;
    return options;
}

/// A sum over elements and their places that does not depend on who has which.
class Sum {
public:
    void add(float value, std::int64_t y, std::int64_t x) {
        const std::uint64_t place = static_cast<std::uint64_t>(y) << 32 | static_cast<std::uint64_t>(x);
        sum_ += (place * 0x9e3779b97f4a7c15 + 1) * (std::bit_cast<std::uint32_t>(value) | std::uint64_t{1} << 32);
    }
    std::uint64_t over(const Ranks& ranks) const { return ranks.sum(sum_); }

private:
    std::uint64_t sum_ = 0;
};

using MessageTime = GraphRun::MessageTime;

class Ours {
public:
    Ours(const MpiBench& bench, const Problem& problem, const KernelRegistry& kernels, bool plain)
        : bench_(bench),
          run_(heat(problem), bench.ranks.communicator(), kernels, options_of(bench.options.threads, plain)) {
        const TensorPart<float> u = run_.input<float>("u");
        for_each_coordinate(u.box, [&](const Extents& at) { u[at] = start(at[0], at[1]); });
    }

    double run_ms() {
        return bench_.time_ms([&] { run_.execute(); });
    }

    /// Of the last run: how long messages were in flight, over all ranks.
    MessageTime message_time() const {
        const GraphRun::MessageTime mine = run_.message_time();
        return {seconds_of_all(mine.in_flight), seconds_of_all(mine.hidden)};
    }

    std::uint64_t sum() {
        const TensorPart<const float> v = run_.output<float>("v");
        Sum sum;
        std::size_t next = 0;
        for_each_coordinate(v.box, [&](const Extents& at) { sum.add(v.elements[next++], at[0], at[1]); });
        return sum.over(bench_.ranks);
    }

private:
    double seconds_of_all(double mine) const {
        return static_cast<double>(bench_.ranks.sum(static_cast<std::uint64_t>(mine * 1e9))) / 1e9;
    }

    const MpiBench& bench_;
    GraphRun run_;
};

class Hand {
public:
    Hand(const MpiBench& bench, const Problem& problem)
        : bench_(bench), steps_(problem.steps),
          stencil_(problem.size, static_cast<float>(alpha), bench.options.threads, bench.ranks.communicator()) {}

    double run_ms() {
        for (std::int64_t y = 0; y < stencil_.rows(); ++y) {
            const std::span<float> row = stencil_.row(y);
            for (std::size_t x = 0; x < row.size(); ++x)
                row[x] = start(stencil_.first_row() + y, static_cast<std::int64_t>(x));
        }
        return bench_.time_ms([&] { stencil_.run(steps_); });
    }

    std::uint64_t sum() {
        Sum sum;
        for (std::int64_t y = 0; y < stencil_.rows(); ++y) {
            const std::span<float> row = stencil_.row(y);
            for (std::size_t x = 0; x < row.size(); ++x)
                sum.add(row[x], stencil_.first_row() + y, static_cast<std::int64_t>(x));
        }
        return sum.over(bench_.ranks);
    }

private:
    const MpiBench& bench_;
    int steps_;
    HandStencil stencil_;
};

/// The sum after the problem's steps in the plainest loop.
std::uint64_t plain_sum(const Problem& problem) {
    const std::int64_t n = problem.size;
    const auto a = static_cast<float>(alpha);
    std::vector<float> u(static_cast<std::size_t>(n * n)), v(u.size());
    const auto at = [&](std::int64_t y, std::int64_t x) -> float& {
        return u[static_cast<std::size_t>(std::clamp<std::int64_t>(y, 0, n - 1) * n +
                                          std::clamp<std::int64_t>(x, 0, n - 1))];
    };
    for (std::int64_t i = 0; i < n * n; ++i) u[static_cast<std::size_t>(i)] = start(i / n, i % n);
    for (int step = 0; step < problem.steps; ++step) {
        for (std::int64_t y = 0; y < n; ++y) {
            for (std::int64_t x = 0; x < n; ++x) {
                const float around = ((at(y - 1, x) + at(y + 1, x)) + at(y, x - 1)) + at(y, x + 1);
                v[static_cast<std::size_t>(y * n + x)] = at(y, x) + a * (around - 4 * at(y, x));
            }
        }
        std::swap(u, v);
    }
    Sum sum;
    for (std::int64_t i = 0; i < n * n; ++i) sum.add(u[static_cast<std::size_t>(i)], i / n, i % n);
    return sum.over({});
}

/// The plain loop would take minutes at full size: there the two systems are held to each other.
std::uint64_t expected_sum(const MpiBench& bench, const Problem& problem, Hand& hand) {
    hand.run_ms();
    const std::uint64_t sum = hand.sum();
    if (bench.tiny && sum != plain_sum(problem))
        throw std::runtime_error("hand_mpi_openmp computed something else than the plain loop");
    return sum;
}

/// Which part of the time in which messages were in flight was hidden behind computing.
class HiddenShare {
public:
    void add(const MessageTime& run) { runs_.push_back(run); }

    /// Of all runs but the first, which is not timed either.
    void report(const MpiBench& bench, const std::string& name) const {
        constexpr double wanted = 80;
        std::vector<double> shares, in_flight_ms, exposed_ms;
        for (std::size_t i = 1; i < runs_.size(); ++i) {
            shares.push_back(100 * runs_[i].hidden / runs_[i].in_flight);
            in_flight_ms.push_back(1e3 * runs_[i].in_flight);
            exposed_ms.push_back(1e3 * (runs_[i].in_flight - runs_[i].hidden));
        }
        const int samples = static_cast<int>(shares.size());
        bench.report.add(
            {name, "%", Better::higher, interval_of(shares), {{"target", {wanted, wanted, wanted}}}, samples});
        bench.report.note(fmt::format("{}: {:.2f} ms in flight, {:.2f} ms of them not hidden, over all ranks", name,
                                      interval_of(in_flight_ms).median, interval_of(exposed_ms).median));
    }

private:
    std::vector<MessageTime> runs_;
};

void run_case(const MpiBench& bench, const std::string& name, bool plain) {
    if (!bench.options.wants(name)) return;
    const Problem problem = problem_of(bench);
    const KernelRegistry kernels(standard_kernels());
    Ours ours(bench, problem, kernels, plain);
    Hand hand(bench, problem);
    const std::uint64_t expected = expected_sum(bench, problem, hand);
    HiddenShare hidden;
    const auto checked = [&](auto& system, const char* whose) {
        const double ms = system.run_ms();
        if (system.sum() != expected) throw std::runtime_error(std::string(whose) + " computed something else");
        return ms;
    };
    const auto sample_ours = [&] {
        const double ms = checked(ours, "ours");
        hidden.add(ours.message_time());
        return ms;
    };
    const std::vector<Contender> contenders = {{"ours", sample_ours},
                                               {"hand_mpi_openmp", [&] { return checked(hand, "hand_mpi_openmp"); }}};
    bench.report.add(row_of(name, "ms", contenders, bench.options.samples));
    if (bench.ranks.size() > 1) hidden.report(bench, name + "/hidden");
}

void run_cases(const MpiBench& bench) {
    bench.report.note("plain: each step is a program of its own; blocked: up to 16 steps are one");
    run_case(bench, "heat/plain" + bench.suffix, true);
    run_case(bench, "heat/blocked" + bench.suffix, false);
}

}  // namespace
}  // namespace maniple::bench

int main(int argc, char** argv) {
    return maniple::bench::run_mpi_bench(argc, argv, "stencil", maniple::bench::run_cases);
}
