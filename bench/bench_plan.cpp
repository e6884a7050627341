// bench_plan: how long planning takes, against operations and against ranks. README.md says what is timed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <stdexcept>

#include "harness.hpp"
#include "pin.hpp"
#include "plan/graphs.hpp"
#include "program/blocks.hpp"
#include "program/layout.hpp"
#include "program/program.hpp"

namespace maniple::bench {
namespace {

/// Where the time goes, in ms.
struct Times {
    double plan = 0;
    double layout = 0;
    double program = 0;

    double all() const { return plan + layout + program; }
};

/// The plan for `ranks` ranks, and the storage and the program of the one in the middle, from the graph on.
Times plan_once(const Graph& graph, int ranks) {
    const Machine machine = Machine::uniform(ranks, {});
    const Rank middle(ranks / 2);
    const double begin = now_ns();
    const Plan plan = make_plan(graph, machine, {});
    const double planned = now_ns();
    const Layout layout = build_layout(graph, plan, middle);
    const double laid_out = now_ns();
    const Program program = build_program(graph, plan, layout, block_at(graph, layout.versions, 0).shape);
    const double built = now_ns();
    if (program.chunks.empty()) throw std::runtime_error("a program without chunks");
    return {(planned - begin) / 1e6, (laid_out - planned) / 1e6, (built - laid_out) / 1e6};
}

/// One size of a series, measured again and again.
struct Point {
    double size = 0;  ///< operations or ranks
    int operations = 0;
    int ranks = 1;
    std::vector<Times> samples = {};
};

double median_of(const std::vector<Times>& samples, double Times::*part) {
    std::vector<double> figures;
    for (const Times& times : samples) figures.push_back(times.*part);
    return interval_of(figures).median;
}

/// Of the least squares through (log size, log time) in round `round`.
double slope_of(const std::vector<Point>& points, std::size_t round) {
    double x_mean = 0, y_mean = 0, xy = 0, xx = 0;
    for (const Point& point : points) {
        x_mean += std::log(point.size) / static_cast<double>(points.size());
        y_mean += std::log(point.samples[round].all()) / static_cast<double>(points.size());
    }
    for (const Point& point : points) {
        const double x = std::log(point.size) - x_mean;
        xy += x * (std::log(point.samples[round].all()) - y_mean);
        xx += x * x;
    }
    return xy / xx;
}

/// A row against a figure that is wanted, not measured.
Row against_target(const std::string& name, const std::string& unit, std::vector<double> figures, double target) {
    const int samples = static_cast<int>(figures.size());
    return {name,   unit, Better::lower, interval_of(std::move(figures)), {{"target", {target, target, target}}},
            samples};
}

class Series {
public:
    Series(const Options& options, Report& report, std::string pattern)
        : options_(options), report_(report), pattern_(std::move(pattern)) {}

    void over_operations(const std::vector<int>& sizes) {
        std::vector<Point> points;
        for (const int size : sizes) points.push_back({static_cast<double>(size), size, 1});
        measure("operations", points, 1.1);
    }
    /// n·log n over the range has this slope.
    void over_ranks(const std::vector<int>& sizes, int operations) {
        std::vector<Point> points;
        for (const int size : sizes) points.push_back({static_cast<double>(size), operations, size});
        const double first = sizes.front(), last = sizes.back();
        const double allowed = 1 + std::log(std::log2(last) / std::log2(first)) / std::log(last / first);
        measure("ranks", points, allowed);
    }

private:
    void measure(const std::string& what, std::vector<Point>& points, double allowed_slope) {
        const std::string name = what + "/" + pattern_;
        if (!options_.wants(name)) return;
        std::vector<BuiltGraph> graphs;
        for (const Point& point : points) {
            const bool is_new = graphs.empty() || point.operations != points.front().operations;
            if (is_new) graphs.emplace_back(pattern_, point.operations);
        }
        for (int round = -1; round < options_.samples; ++round) {
            for (std::size_t i = 0; i < points.size(); ++i) {
                const Graph& graph = graphs[std::min(i, graphs.size() - 1)].graph;
                plan_once(graph, points[i].ranks);  // caches and pages are as another one like it would find them
                const Times times = plan_once(graph, points[i].ranks);
                if (round >= 0) points[i].samples.push_back(times);  // the first round only warms up
            }
        }
        show(name, points, allowed_slope);
    }

    void show(const std::string& name, const std::vector<Point>& points, double allowed_slope) {
        for (const Point& point : points) {
            std::vector<double> all;
            for (const Times& times : point.samples) all.push_back(times.all());
            // 1 ms for every 1,000 operations.
            report_.add(against_target(fmt::format("{}/{}", name, static_cast<int>(point.size)), "ms", std::move(all),
                                       point.operations / 1000.0));
            report_.note(fmt::format("plan {:.3g} ms, storage {:.3g} ms, program {:.3g} ms",
                                     median_of(point.samples, &Times::plan), median_of(point.samples, &Times::layout),
                                     median_of(point.samples, &Times::program)));
        }
        if (points.size() < 2) return;
        std::vector<double> slopes;
        for (std::size_t round = 0; round < points.front().samples.size(); ++round)
            slopes.push_back(std::max(0.001, slope_of(points, round)));
        report_.add(against_target(name + "/slope", "", std::move(slopes), allowed_slope));
    }

    const Options& options_;
    Report& report_;
    std::string pattern_;
};

/// A loop whose blocks have 16 steps of many tiles each, as a user's first stencil has: heat on 4096 × 4096.
void blocks_of_heat(const Options& options, Report& report) {
    if (!options.wants("blocks/heat4096")) return;
    const KernelRegistry registry(standard_kernels());
    const Job job = parse_job(R"yaml(maniple: 1
name: heat
inputs: {u: {shape: [4096, 4096], fill: 1}}
graph: {v: "heat_step(u, alpha=0.2)"}
loop: {steps: 200, carry: {u: v}}
outputs: {v: bench.h5:/v}
)yaml",
                              "bench.yaml");
    const Graph graph = build_graph(job, {}, registry);
    const Plan plan = make_plan(graph, Machine::uniform(1, {}), {});
    std::vector<double> figures;
    for (int round = -1; round < options.samples; ++round) {
        const double begin = now_ns();
        const Layout layout = build_layout(graph, plan, Rank(std::int32_t{0}));
        std::vector<BlockShape> built;
        for (std::int64_t step = 0; step < graph.steps;) {
            const StepBlock block = block_at(graph, layout.versions, step);
            step = block.end();
            if (std::find(built.begin(), built.end(), block.shape) != built.end()) continue;
            if (build_program(graph, plan, layout, block.shape).chunks.empty())
                throw std::runtime_error("a program without chunks");
            built.push_back(block.shape);
        }
        if (round >= 0) figures.push_back((now_ns() - begin) / 1e6);
    }
    report.add(against_target("blocks/heat4096", "ms", std::move(figures), 10));
}

void run(const Options& options, bool tiny, int only) {
    Report report("plan", options, false);
    std::vector<int> operations = {100, 1000, 10'000};
    if (tiny) operations = {10, 100};
    if (!tiny && !options.quick) operations.push_back(100'000);
    if (only > 0) operations = {only};
    for (const std::string& pattern : graph_patterns()) {
        Series series(options, report, pattern);
        series.over_operations(operations);
        series.over_ranks(tiny ? std::vector{2, 1024} : std::vector{2, 8, 32, 128, 1024}, tiny ? 100 : 1000);
    }
    blocks_of_heat(options, report);
    report.finish();
}

}  // namespace
}  // namespace maniple::bench

int main(int argc, char** argv) {
    namespace po = boost::program_options;
    maniple::bench::remember_cores();
    po::options_description own("Of this bench");
    own.add_options()("tiny", "sizes for a test of the bench itself");
    own.add_options()("operations", po::value<int>()->default_value(0),
                      "of the cases operations/ only this size, for a profiler");
    po::variables_map values;
    const maniple::bench::Options options = maniple::bench::read_options(argc, argv, own, values);
    maniple::bench::pin_this_thread(0);
    try {
        maniple::bench::run(options, values.count("tiny") > 0, values["operations"].as<int>());
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_plan: error: %s\n", error.what());
        return 1;
    }
}
