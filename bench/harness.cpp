#include "harness.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace maniple::bench {
namespace {

namespace po = boost::program_options;

po::options_description common_options() {
    po::options_description description("Options");
    description.add_options()("help", "this text");
    description.add_options()("quick", "smaller sizes: under 30 s in all");
    description.add_options()("json", po::value<std::string>()->value_name("FILE"), "write the rows to FILE, too");
    description.add_options()("case", po::value<std::string>()->default_value("")->value_name("REGEX"),
                              "only the cases in whose names REGEX is found");
    description.add_options()("threads", po::value<int>()->default_value(available_cores())->value_name("N"),
                              "threads of each rank");
    description.add_options()("samples", po::value<int>()->value_name("N"), "interleaved runs of each row");
    return description;
}

Options options_from(const po::variables_map& values) {
    Options options;
    options.quick = values.count("quick") > 0;
    if (values.count("json") > 0) options.json_file = values["json"].as<std::string>();
    options.cases = regex_of("case", values["case"].as<std::string>());
    options.threads = values["threads"].as<int>();
    if (values.count("samples") > 0) options.samples = values["samples"].as<int>();
    if (options.threads < 1) throw po::error("--threads takes a number of at least 1");
    if (options.samples < 1) throw po::error("--samples takes a number of at least 1");
    return options;
}

/// Whether a thread of this process other than the caller runs or wants to. The threads' states say so at once; the
/// clock of the process counts a thread on another core only at the next tick, up to 10 ms later.
bool others_run() {
    const std::string own = std::to_string(gettid());
    std::error_code error;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) {
        if (task.path().filename() == own) continue;
        std::ifstream file(task.path() / "stat");
        std::string line;
        std::getline(file, line);
        const auto name_end = line.rfind(')');
        if (name_end != std::string::npos && line.compare(name_end, 3, ") R") == 0) return true;
    }
    return false;
}

std::string processor() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
    }
    return "unknown";
}

double ratio_of(const Row& row, double rival) {
    return row.better == Better::lower ? rival / row.ours.median : row.ours.median / rival;
}

}  // namespace

Options read_options(int argc, char** argv, const po::options_description& more, po::variables_map& values) {
    po::options_description all = common_options();
    all.add(more);
    try {
        const po::positional_options_description none;
        po::store(po::command_line_parser(argc, argv).options(all).positional(none).run(), values);
        po::notify(values);
        if (values.count("help") > 0) {
            std::cout << all;
            std::exit(0);
        }
        return options_from(values);
    } catch (const po::error& error) { std::cerr << argv[0] << ": error: " << error.what() << '\n'; }
    std::exit(64);
}

std::regex regex_of(const std::string& option, const std::string& text) {
    try {
        return std::regex(text, std::regex::extended);
    } catch (const std::regex_error& error) {
        throw po::error("--" + option + " takes a regular expression, found '" + text + "': " + error.what());
    }
}

int available_cores() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return static_cast<int>(std::thread::hardware_concurrency());
    return std::max(1, CPU_COUNT(&set));
}

Interval interval_of(std::vector<double> samples) {
    std::sort(samples.begin(), samples.end());
    const auto count = samples.size();
    const auto middle = count / 2;
    Interval interval;
    interval.median = count % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
    // Outside [rank, count − 1 − rank] lies the true median with twice the binomial tail up to `rank`.
    double tail = std::pow(0.5, static_cast<double>(count));
    double term = tail;
    std::size_t rank = 0;
    while (rank + 1 < middle) {
        term *= static_cast<double>(count - rank) / static_cast<double>(rank + 1);
        if (tail + term > 0.025) break;
        tail += term;
        ++rank;
    }
    interval.low = samples[rank];
    interval.high = samples[count - 1 - rank];
    return interval;
}

double now_ns() {
    using namespace std::chrono;
    return static_cast<double>(duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count());
}

void wait_until_idle() {
    const double begin = now_ns();
    while (others_run() && now_ns() - begin < 20e6) std::this_thread::sleep_for(std::chrono::microseconds(200));
}

std::vector<std::vector<double>> interleave(std::span<const Contender> contenders, int samples) {
    std::vector<std::vector<double>> figures(contenders.size());
    for (auto& mine : figures) mine.reserve(static_cast<std::size_t>(samples));
    for (const Contender& contender : contenders) contender.sample();
    for (int round = 0; round < samples; ++round) {
        for (std::size_t turn = 0; turn < contenders.size(); ++turn) {
            const std::size_t which = (turn + static_cast<std::size_t>(round)) % contenders.size();
            figures[which].push_back(contenders[which].sample());
        }
    }
    return figures;
}

Row row_of(const std::string& name, const std::string& unit, std::span<const Contender> contenders, int samples) {
    std::vector<std::vector<double>> figures = interleave(contenders, samples);
    Row row{name, unit, Better::lower, interval_of(std::move(figures[0])), {}, samples};
    for (std::size_t i = 1; i < contenders.size(); ++i)
        row.rivals.emplace_back(contenders[i].name, interval_of(std::move(figures[i])));
    return row;
}

Report::Report(std::string bench, const Options& options, bool silent)
    : bench_(std::move(bench)), json_file_(options.json_file), silent_(silent) {
    machine_["processor"] = processor();
    machine_["cores"] = static_cast<int>(std::thread::hardware_concurrency());
    machine_["threads"] = options.threads;
    machine_["compiler"] = MANIPLE_BENCH_COMPILER;
    machine_["build_type"] = MANIPLE_BENCH_BUILD_TYPE;
    machine_["quick"] = options.quick;
}

void Report::note(const std::string& text) const {
    if (!silent_) std::printf("  %s\n", text.c_str());
}

void Report::add(const Row& row) {
    if (silent_) return;
    nlohmann::json rivals = nlohmann::json::object();
    nlohmann::json ratios = nlohmann::json::object();
    std::printf("%-36s %-4s %-16s %12.4g  [%.4g, %.4g]  %d samples, %s is better\n", row.name.c_str(), row.unit.c_str(),
                "ours", row.ours.median, row.ours.low, row.ours.high, row.samples,
                row.better == Better::lower ? "lower" : "higher");
    for (const auto& [name, figure] : row.rivals) {
        const double ratio = ratio_of(row, figure.median);
        rivals[name] = figure.median;
        ratios[name] = ratio;
        std::printf("%-36s %-4s %-16s %12.4g  [%.4g, %.4g]  ratio %.3g\n", "", "", name.c_str(), figure.median,
                    figure.low, figure.high, ratio);
    }
    std::fflush(stdout);
    rows_.push_back({{"case", row.name},
                     {"unit", row.unit},
                     {"better", row.better == Better::lower ? "lower" : "higher"},
                     {"ours", row.ours.median},
                     {"rivals", rivals},
                     {"ratio", ratios},
                     {"samples", row.samples}});
}

void Report::finish() const {
    if (silent_ || json_file_.empty()) return;
    std::ofstream file(json_file_);
    file << nlohmann::json{{"bench", bench_}, {"machine", machine_}, {"rows", rows_}}.dump(2) << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write " + json_file_);
}

}  // namespace maniple::bench
