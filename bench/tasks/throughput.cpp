#include "tasks/throughput.hpp"

#include <fmt/format.h>

#include "tasks/ours.hpp"

namespace maniple::bench {
namespace {

struct Variant {
    const char* name;
    Mode mode;
    std::int64_t cost_ns;
};
/// The hints of `static` are all equal; how large they are only has to say "short".
constexpr Variant variants[] = {{"empty", Mode::each, 0}, {"chunked", Mode::chunked, 0}, {"static", Mode::fixed, 100}};

struct Size {
    int width = 1024;
    int steps = 977;  ///< 1,000,448 tasks
    /// By Speed, in about so many tasks; `fast` has all steps.
    std::int64_t tasks_of(Speed speed) const { return speed == Speed::slow ? slow_tasks : slowest_tasks; }
    std::int64_t slow_tasks = 100'352;
    std::int64_t slowest_tasks = 24'576;
};

Size throughput_size(const Setting& setting) {
    if (setting.tiny) return {64, 24, 640, 320};
    if (setting.options.quick) return {1024, 98, 20'480, 4'096};
    return {};
}

Size imbalanced_size(const Setting& setting) {
    if (setting.tiny) return {16, 24, 128, 64};
    if (setting.options.quick) return {16, 128, 1'024, 512};
    return {16, 1024, 16'384, 4'096};
}

void note_small_graph(const Setting& setting, const Entrant& entrant) {
    setting.report.note(fmt::format("{} runs the first {} steps: {} tasks", entrant.name, entrant.work->graph().steps(),
                                    entrant.work->graph().tasks()));
}

void add_rivals(const Setting& setting, Graphs& graphs, const Size& size, std::vector<Entrant>& entrants) {
    for (const Rival& rival : setting.rivals) {
        const int steps = rival.speed == Speed::fast
                              ? size.steps
                              : std::min(size.steps, graphs.steps_for(size.tasks_of(rival.speed)));
        const auto work = graphs.of(steps);
        entrants.push_back({rival.name, work, rival.make(*work, setting.options.threads)});
        if (steps < size.steps) note_small_graph(setting, entrants.back());
    }
}

/// Of `intervals` the first `ours` are those of `names`, the others belong to the rivals.
void add_rows(const Setting& setting, const std::vector<std::string>& names, const std::vector<Entrant>& entrants,
              const std::vector<Interval>& intervals) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        Row row;
        row.name = names[i];
        row.unit = "ns";
        row.ours = intervals[i];
        row.samples = setting.options.samples;
        for (std::size_t rival = names.size(); rival < entrants.size(); ++rival) {
            row.rivals.emplace_back(entrants[rival].name, intervals[rival]);
        }
        setting.report.add(row);
    }
}

}  // namespace

void run_throughput(const Setting& setting, Pattern pattern) {
    const Kernel kernel = setting.kernel.value_or(Kernel{});
    const std::string with = setting.kernel ? "+" + text_of(kernel) : "";
    const Size size = throughput_size(setting);
    Graphs graphs(setting, pattern, size.width);
    std::vector<std::string> names;
    std::vector<Entrant> entrants;
    for (const Variant& variant : variants) {
        std::string name = fmt::format("tasks/{}/{}{}{}", name_of(pattern), variant.name, with, setting.suffix);
        if (!setting.options.wants(name)) continue;
        const auto work = graphs.of(size.steps);
        entrants.push_back(
            {name, work, make_ours(*work, setting.options.threads, variant.mode, variant.cost_ns, setting.net)});
        names.push_back(std::move(name));
    }
    if (names.empty()) return;
    add_rivals(setting, graphs, size, entrants);
    add_rows(setting, names, entrants, compete(setting, entrants, kernel, setting.options.samples));
}

void run_imbalanced(const Setting& setting, Pattern pattern) {
    const std::string name = fmt::format("tasks/{}/imbalanced{}", name_of(pattern), setting.suffix);
    if (!setting.options.wants(name)) return;
    constexpr double mean_ns = 4000;
    const Kernel kernel{Kernel::Kind::compute, setting.ranks.from_root(iterations_for(mean_ns)), true};
    const Size size = imbalanced_size(setting);
    Graphs graphs(setting, pattern, size.width);
    const auto work = graphs.of(size.steps);
    std::vector<Entrant> entrants;
    entrants.push_back({name, work, make_ours(*work, setting.options.threads, Mode::each, 0, setting.net)});
    add_rivals(setting, graphs, size, entrants);
    add_rows(setting, {name}, entrants, compete(setting, entrants, kernel, setting.options.samples));
}

}  // namespace maniple::bench
