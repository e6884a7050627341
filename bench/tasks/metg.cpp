#include "tasks/metg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tasks/ours.hpp"

namespace maniple::bench {
namespace {

constexpr int width = 16;
constexpr double enough = 0.5;
/// Below this a system has lost: its smaller sizes would take long and tell nothing.
constexpr double hopeless = 0.25;

/// A size of the kernel, and the steps that are run with it.
struct Size {
    std::int64_t kernel_size = 0;
    int steps = 0;
};

/// Halved (in a quick run, quartered) from some 60 µs down to some ns, with more steps for smaller tasks, so that all
/// runs compute for about as long: some ms hide the start of a team. The steps are powers of two, so that sizes share
/// graphs.
std::vector<Size> sizes_for(const Setting& setting, Kernel::Kind kind) {
    constexpr double memory_bytes_of_1us = 10'000;
    const double size_of_1us =
        kind == Kernel::Kind::memory ? memory_bytes_of_1us : static_cast<double>(iterations_for(1000));
    const double size_of_1us_everywhere = static_cast<double>(setting.ranks.from_root(std::llround(size_of_1us)));
    const double shrink = setting.tiny ? 16 : setting.options.quick ? 4 : 2;
    const double run_us = setting.tiny ? 50 : setting.options.quick ? 1000 : 8000;
    std::vector<Size> sizes;
    for (double us = 64; us >= 0.008; us /= shrink) {
        const double steps = run_us * setting.workers() / (width * us);
        const auto rounded = std::bit_ceil(static_cast<unsigned>(std::clamp(steps, 8.0, 4096.0)));
        const auto size = std::max<std::int64_t>(1, std::llround(us * size_of_1us_everywhere));
        sizes.push_back({size, static_cast<int>(rounded)});
    }
    return sizes;
}

/// A quick run has eight patterns times seven sizes to get through.
int samples_of(const Setting& setting) {
    return setting.options.quick ? std::min(5, setting.options.samples) : setting.options.samples;
}

/// A system and what was seen of it, one Entrant for each number of steps.
struct Runner {
    std::string name;
    std::function<std::unique_ptr<System>(Work&)> make;
    std::map<int, std::shared_ptr<System>> systems;  ///< by steps
    std::vector<Interval> times;                     ///< by size, ns per task
    bool is_lost = false;
};

std::vector<Runner> runners_of(const Setting& setting) {
    std::vector<Runner> runners;
    const int threads = setting.options.threads;
    // Kernels that all cost the same, and say so.
    runners.push_back(
        {"ours", [=](Work& work) { return make_ours(work, threads, Mode::fixed, 100, setting.net); }, {}, {}});
    runners.push_back(
        {"ours, dynamic", [=](Work& work) { return make_ours(work, threads, Mode::each, 0, setting.net); }, {}, {}});
    for (const Rival& rival : setting.rivals) {
        runners.push_back({rival.name, [=](Work& work) { return rival.make(work, threads); }, {}, {}});
    }
    return runners;
}

/// The workers that a system has: the serial loop is one.
int workers_of(const Setting& setting, const Runner& runner) { return runner.name == "serial" ? 1 : setting.workers(); }

/// Work per ns, in units of the kernel's size.
double rate(const Size& size, const Interval& ns_per_task) {
    return static_cast<double>(size.kernel_size) / ns_per_task.median;
}

/// Over the largest sizes of all systems with all workers.
double peak_rate(const Setting& setting, const std::vector<Runner>& runners, const std::vector<Size>& sizes) {
    double peak = 0;
    for (const Runner& runner : runners) {
        if (workers_of(setting, runner) != setting.workers()) continue;
        for (std::size_t i = 0; i < runner.times.size(); ++i) peak = std::max(peak, rate(sizes[i], runner.times[i]));
    }
    return peak;
}

double serial_peak(const std::vector<Runner>& runners, const std::vector<Size>& sizes) {
    double peak = 0;
    for (const Runner& runner : runners) {
        if (runner.name != "serial") continue;
        for (std::size_t i = 0; i < runner.times.size(); ++i) peak = std::max(peak, rate(sizes[i], runner.times[i]));
    }
    return peak;
}

void measure(const Setting& setting, Graphs& graphs, std::vector<Runner>& runners, const Size& size,
             const Kernel& kernel) {
    std::vector<Entrant> entrants;
    std::vector<Runner*> running;
    const auto work = graphs.of(size.steps);
    for (Runner& runner : runners) {
        if (runner.is_lost) continue;
        auto& system = runner.systems[size.steps];
        if (system == nullptr) system = runner.make(*work);
        entrants.push_back({runner.name, work, system});
        running.push_back(&runner);
    }
    const auto intervals = compete(setting, entrants, kernel, samples_of(setting));
    for (std::size_t i = 0; i < running.size(); ++i) running[i]->times.push_back(intervals[i]);
}

std::vector<MetgPoint> points_of(const Setting& setting, const Runner& runner, const std::vector<Size>& sizes,
                                 double peak) {
    std::vector<MetgPoint> points;
    const int workers = workers_of(setting, runner);
    const double share = static_cast<double>(workers) / setting.workers();
    for (std::size_t i = 0; i < runner.times.size(); ++i) {
        points.push_back({runner.times[i].median * workers, rate(sizes[i], runner.times[i]) / (peak * share)});
    }
    return points;
}

void drop_the_lost(const Setting& setting, std::vector<Runner>& runners, const std::vector<Size>& sizes) {
    const double peak = peak_rate(setting, runners, sizes);
    for (Runner& runner : runners) {
        if (runner.is_lost) continue;
        const auto last = points_of(setting, runner, sizes, peak).back();
        // Every rank comes to the same: the figures are those of the slowest rank, known to all.
        runner.is_lost = last.efficiency < hopeless;
    }
}

void note_bound(const Setting& setting, const std::string& name, const Runner& runner,
                const std::vector<MetgPoint>& points) {
    const auto has_enough = [](const MetgPoint& point) { return point.efficiency >= enough; };
    if (std::none_of(points.begin(), points.end(), has_enough)) {
        setting.report.note(
            fmt::format("{}: {} has half of the peak at no size: a bound from below", name, runner.name));
    } else if (has_enough(points.back()) && workers_of(setting, runner) == setting.workers()) {
        setting.report.note(
            fmt::format("{}: {} has it at the smallest size, too: a bound from above", name, runner.name));
    }
}

Interval in_us(double ns) { return {ns / 1000, ns / 1000, ns / 1000}; }

}  // namespace

double metg_of(const std::vector<MetgPoint>& points) {
    double found = points.empty() ? std::numeric_limits<double>::infinity() : points.front().granularity_ns;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const MetgPoint& here = points[i];
        if (here.efficiency < enough) continue;
        found = here.granularity_ns;
        if (i + 1 == points.size() || points[i + 1].efficiency >= enough) continue;
        const MetgPoint& next = points[i + 1];
        const double part = (here.efficiency - enough) / (here.efficiency - next.efficiency);
        found = here.granularity_ns * std::pow(next.granularity_ns / here.granularity_ns, part);
    }
    return found;
}

void run_metg(const Setting& setting, Pattern pattern) {
    const Kernel::Kind kind = setting.kernel ? setting.kernel->kind : Kernel::Kind::compute;
    const std::string with = kind == Kernel::Kind::memory ? "+memory" : "";
    const std::string name = fmt::format("metg/{}{}{}", name_of(pattern), with, setting.suffix);
    if (!setting.options.wants(name) || kind == Kernel::Kind::empty) return;
    const auto sizes = sizes_for(setting, kind);
    Graphs graphs(setting, pattern, width);
    std::vector<Runner> runners = runners_of(setting);
    for (const Size& size : sizes) {
        measure(setting, graphs, runners, size, Kernel{kind, size.kernel_size, false});
        drop_the_lost(setting, runners, sizes);
    }
    const double peak = peak_rate(setting, runners, sizes);
    Interval ours{}, dynamic{};
    std::vector<std::pair<std::string, Interval>> rivals;
    for (const Runner& runner : runners) {
        const auto points = points_of(setting, runner, sizes, peak);
        const Interval metg = in_us(metg_of(points));
        note_bound(setting, name, runner, points);
        if (runner.name == "ours") {
            ours = metg;
        } else if (runner.name == "ours, dynamic") {
            dynamic = metg;
        } else if (workers_of(setting, runner) == setting.workers()) {
            rivals.emplace_back(runner.name, metg);
        }
    }
    setting.report.note(fmt::format("{}: the peak is {:.2f} times that of the serial loop on one core", name,
                                    peak / serial_peak(runners, sizes)));
    setting.report.add({name, "us", Better::lower, ours, rivals, samples_of(setting)});
    const std::string without_hints = fmt::format("metg/{}{}/dynamic{}", name_of(pattern), with, setting.suffix);
    setting.report.add({without_hints, "us", Better::lower, dynamic, rivals, samples_of(setting)});
}

}  // namespace maniple::bench
