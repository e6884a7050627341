// bench_stealing: an image whose rows take unequal times, over two ranks. README.md says what is timed.
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <vector>

#include "embed/graph_run.hpp"
#include "graph/graph.hpp"
#include "mpi_bench.hpp"
#include "stealing/static_split.hpp"

namespace maniple::bench {
namespace {

/// A part of the complex plane as an image.
struct Picture {
    std::int64_t width = 0, height = 0, iterations = 0;
    double xmin = 0, xmax = 0, ymin = 0, ymax = 0;
};

Picture picture_of(const MpiBench& bench, bool skewed) {
    Picture picture = {1200, 800, bench.options.quick ? 500 : 2000, -0.2, 0.1, -0.15, 0.15};  // inside: all alike
    if (bench.tiny) {
        picture.width = 90;
        picture.height = 61;
        picture.iterations = 200;
    }
    if (skewed) {  // the set lies in the upper half of the rows
        picture.xmin = -2.25;
        picture.xmax = 0.75;
        picture.ymin = -3.5;
        picture.ymax = 1;
        picture.iterations *= 5;
    }
    return picture;
}

GraphSpec spec_of(const Picture& picture, const std::string& strategy) {
    GraphSpec spec("image");
    spec.call("image", "mandelbrot", {},
              {{"width", picture.width},
               {"height", picture.height},
               {"xmin", picture.xmin},
               {"xmax", picture.xmax},
               {"ymin", picture.ymin},
               {"ymax", picture.ymax},
               {"iterations", picture.iterations}});
    spec.output("image");
    spec.plan(strategy);
    return spec;
}

/// Turns until a point has left, in the plainest loop, with the kernel's roundings.
std::int32_t turns(const Picture& picture, std::int64_t y, std::int64_t x) {
    const auto dx = static_cast<float>((picture.xmax - picture.xmin) / static_cast<double>(picture.width));
    const auto dy = static_cast<float>((picture.ymax - picture.ymin) / static_cast<double>(picture.height));
    const float cx = static_cast<float>(picture.xmin) + (static_cast<float>(x) + 0.5F) * dx;
    const float cy = static_cast<float>(picture.ymin) + (static_cast<float>(y) + 0.5F) * dy;
    float zx = 0, zy = 0;
    std::int32_t count = 0;
    while (count < picture.iterations) {
        const float next = (zx * zx - zy * zy) + cx;
        zy = (2 * zx) * zy + cy;
        zx = next;
        if (!(zx * zx + zy * zy <= 4)) break;
        ++count;
    }
    return count;
}

/// A sum over pixels and their places that does not depend on who has which.
class Sum {
public:
    void add(std::int32_t value, std::int64_t y, std::int64_t x) {
        const std::uint64_t place = static_cast<std::uint64_t>(y) << 32 | static_cast<std::uint64_t>(x);
        sum_ += (place * 0x9e3779b97f4a7c15 + 1) * (static_cast<std::uint32_t>(value) | std::uint64_t{1} << 32);
    }
    std::uint64_t over(const Ranks& ranks) const { return ranks.sum(sum_); }

private:
    std::uint64_t sum_ = 0;
};

/// The library under a strategy.
class Planned {
public:
    Planned(const MpiBench& bench, const Picture& picture, const std::string& strategy, const KernelRegistry& kernels)
        : bench_(bench),
          run_(spec_of(picture, strategy), bench.ranks.communicator(), kernels, {bench.options.threads, true}) {}

    double run_ms() {
        return bench_.time_ms([&] { run_.execute(); });
    }
    TensorPart<const std::int32_t> part() { return run_.output<std::int32_t>("image"); }
    std::uint64_t sum() {
        const TensorPart<const std::int32_t> image = part();
        Sum sum;
        std::size_t next = 0;
        for_each_coordinate(image.box, [&](const Extents& at) { sum.add(image.elements[next++], at[0], at[1]); });
        return sum.over(bench_.ranks);
    }

private:
    const MpiBench& bench_;
    GraphRun run_;
};

/// Iterations of each row, the same on every rank: those of points that leave, and the one more in which they do.
std::vector<double> cost_by_row(const MpiBench& bench, const Picture& picture, Planned& plan) {
    plan.run_ms();
    const TensorPart<const std::int32_t> image = plan.part();
    std::vector<double> cost(static_cast<std::size_t>(picture.height), 0);
    std::size_t next = 0;
    for_each_coordinate(image.box, [&](const Extents& at) {
        cost[static_cast<std::size_t>(at[0])] += static_cast<double>(image.elements[next++]) + 1;
    });
    for (double& row : cost) row = static_cast<double>(bench.ranks.sum(static_cast<std::uint64_t>(row)));
    return cost;
}

/// The best of all splits in two, by hand.
class Best {
public:
    Best(const MpiBench& bench, const Graph& graph, std::int64_t split)
        : bench_(bench), first_(bench.ranks.rank() == 0 ? 0 : split),
          end_(bench.ranks.rank() == 0 ? split : graph.operations[0].bound->index_space().extent(0)),
          rows_(graph.operations[0], choose_instruction_set(graph.operations[0].kernel->instruction_sets), first_, end_,
                bench.options.threads) {}

    double run_ms() {
        return bench_.time_ms([&] { rows_.run(); });
    }
    std::uint64_t sum() {
        Sum sum;
        for (std::int64_t y = first_; y < end_; ++y) {
            const std::span<const std::int32_t> row = rows_.row(y);
            for (std::size_t x = 0; x < row.size(); ++x) sum.add(row[x], y, static_cast<std::int64_t>(x));
        }
        return sum.over(bench_.ranks);
    }

private:
    const MpiBench& bench_;
    std::int64_t first_, end_;
    StaticSplit rows_;
};

std::uint64_t plain_sum(const Picture& picture) {
    Sum sum;
    for (std::int64_t y = 0; y < picture.height; ++y) {
        for (std::int64_t x = 0; x < picture.width; ++x) sum.add(turns(picture, y, x), y, x);
    }
    return sum.over({});
}

void run_case(const MpiBench& bench, const std::string& name, bool skewed) {
    if (!bench.options.wants(name)) return;
    const Picture picture = picture_of(bench, skewed);
    const KernelRegistry kernels(standard_kernels());
    const GraphSpec spec = spec_of(picture, "data");
    const Graph graph = build_graph(parse_job(spec.text(), "image"), spec.given(), kernels);
    Planned ours(bench, picture, "stealing", kernels);
    Planned even(bench, picture, "data", kernels);
    Best best(bench, graph, even_cost_row(cost_by_row(bench, picture, even)));
    best.run_ms();
    // The plain loop would take minutes at full size: there the systems are held to each other.
    const std::uint64_t expected = bench.tiny ? plain_sum(picture) : best.sum();
    const auto checked = [&](auto& system, const char* whose) {
        return [&system, expected, whose] {
            const double ms = system.run_ms();
            if (system.sum() != expected) throw std::runtime_error(std::string(whose) + " computed something else");
            return ms;
        };
    };
    const std::vector<Contender> contenders = {{"ours", checked(ours, "ours")},
                                               {"static_even", checked(even, "static_even")},
                                               {"static_best", checked(best, "static_best")}};
    bench.report.add(row_of(name, "ms", contenders, bench.options.samples));
}

void run_cases(const MpiBench& bench) {
    if (bench.ranks.size() != 2) throw std::runtime_error("this bench is about two ranks");
    run_case(bench, "skewed", true);
    run_case(bench, "uniform", false);
}

/// Started alone, it starts itself again on two ranks. Returns where there is no mpirun.
void become_two_ranks(char** argv) {
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
    std::vector<const char*> words = {"mpirun", "--quiet", available_cores() < 2 ? "--oversubscribe" : "--quiet", "-n",
                                      "2"};
    for (char** word = argv; *word != nullptr; ++word) words.push_back(*word);
    words.push_back(nullptr);
    execvp("mpirun", const_cast<char**>(words.data()));
    std::fputs("bench_stealing: error: no mpirun to start two ranks with\n", stderr);
}

}  // namespace
}  // namespace maniple::bench

int main(int argc, char** argv) {
    using namespace maniple::bench;
    const bool alone = !launched_as_ranks();
    const bool asks = argc > 1 && (std::string(argv[1]) == "--help" || std::string(argv[1]) == "-h");
    if (alone && !asks) become_two_ranks(argv);
    return run_mpi_bench(argc, argv, "stealing", run_cases);
}
