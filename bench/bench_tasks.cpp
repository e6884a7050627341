// bench_tasks: what a task costs on our scheduler and on others, over threads and over ranks. README.md says what the
// cases are.
#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "base/error.hpp"
#include "base/text.hpp"
#include "lanes/net/world.hpp"
#include "openmp_team.hpp"
#include "pin.hpp"
#include "run/team.hpp"
#include "tasks/metg.hpp"
#include "tasks/ours.hpp"
#include "tasks/throughput.hpp"

namespace maniple::bench {
namespace {

namespace po = boost::program_options;

/// Rivals that this machine or this build does not have, and why.
using Missing = std::vector<std::pair<std::string, std::string>>;

void add_shared_memory_rivals([[maybe_unused]] std::vector<Rival>& rivals, [[maybe_unused]] Missing& missing) {
#ifdef MANIPLE_BENCH_OPENMP
    rivals.push_back({"openmp_for", Speed::fast, make_openmp_for});
    rivals.push_back({"openmp_depend", Speed::slow, make_openmp_depend});
#else
    missing.emplace_back("openmp_for", "built without OpenMP");
    missing.emplace_back("openmp_depend", "built without OpenMP");
#endif
#ifdef MANIPLE_BENCH_TBB
    rivals.push_back({"tbb_flow", Speed::slow, make_tbb_flow});
#else
    missing.emplace_back("tbb_flow", "built without oneTBB (libtbb-dev)");
#endif
#ifdef MANIPLE_BENCH_STARPU
    rivals.push_back({"starpu", Speed::slowest, make_starpu});
#else
    missing.emplace_back("starpu", "built without StarPU 1.3 (libstarpu-dev)");
#endif
}

std::vector<Rival> rivals_of(const Options& options, const Ranks& ranks, std::unique_ptr<MpiProcesses>& processes,
                             Missing& missing) {
    std::vector<Rival> rivals;
    rivals.push_back({"serial", Speed::fast, [](Work& work, int) { return make_serial(work); }});
    if (ranks.size() > 1) {
        for (const char* const name : {"openmp_for", "openmp_depend", "tbb_flow", "starpu"}) {
            missing.emplace_back(name, "runs in one process");
        }
        rivals.push_back({"mpi", Speed::fast, [](Work& work, int) { return make_mpi(work); }});
        return rivals;
    }
    add_shared_memory_rivals(rivals, missing);
    try {
        processes = std::make_unique<MpiProcesses>(options.threads);
        rivals.push_back({"mpi", Speed::fast, [&processes](Work& work, int) { return processes->make(work); }});
    } catch (const UnavailableError& error) { missing.emplace_back("mpi", error.what()); }
    return rivals;
}

void describe(Report& report, const Setting& setting, const Missing& missing) {
    report.machine()["ranks"] = setting.ranks.size();
    report.machine()["rivals"] = nlohmann::json::array();
    for (const Rival& rival : setting.rivals) report.machine()["rivals"].push_back(rival.name);
    report.machine()["lanes"] = lanes_compiled_in();
    report.machine()["missing"] = nlohmann::json::object();
    for (const auto& [name, reason] : missing) {
        report.machine()["missing"][name] = reason;
        report.note(fmt::format("no {}: {}", name, reason));
    }
    report.note("lanes compiled in: " + join(lanes_compiled_in(), ", "));
    report.note(fmt::format("ranks: {}, threads of each: {}", setting.ranks.size(), setting.options.threads));
}

void run_cases(const Setting& setting) {
    for (const Pattern pattern : all_patterns) run_throughput(setting, pattern);
    for (const Pattern pattern : all_patterns) run_imbalanced(setting, pattern);
    for (const Pattern pattern : all_patterns) run_metg(setting, pattern);
}

po::options_description own_options() {
    po::options_description own("Of this bench");
    own.add_options()("kernel", po::value<std::string>()->value_name("KERNEL"),
                      "empty, compute:ITERATIONS or memory:BYTES (with * behind: drawn from half to one and a half "
                      "times that) in tasks/…/empty, chunked and static; metg/… shrinks a kernel of this kind");
    const auto check = [](const std::string& text) { regex_of("rivals", text); };
    own.add_options()("rivals", po::value<std::string>()->default_value("")->value_name("REGEX")->notifier(check),
                      "only the rivals in whose names REGEX is found, and serial");
    own.add_options()("tiny", "sizes for a test of the bench itself");
    own.add_options()("mpi-ranks", "be a rank of the rival mpi");
    return own;
}

int bench_tasks(const Options& options, const po::variables_map& values, const Ranks& ranks) {
    std::optional<Kernel> kernel;
    if (values.count("kernel") > 0) {
        kernel = kernel_named(values["kernel"].as<std::string>());
        if (!kernel) throw UsageError("--kernel takes empty, compute:ITERATIONS or memory:BYTES");
    }
    Report report("tasks", options, !ranks.is_root());
    Missing missing;
    std::unique_ptr<MpiProcesses> processes;
    std::unique_ptr<OurNet> net;
    if (ranks.size() > 1) net = std::make_unique<OurNet>(ranks);
    std::vector<Rival> rivals = rivals_of(options, ranks, processes, missing);
    const std::regex wanted = regex_of("rivals", values["rivals"].as<std::string>());
    std::erase_if(rivals,
                  [&](const Rival& rival) { return rival.name != "serial" && !std::regex_search(rival.name, wanted); });
    const Setting setting{options,
                          ranks,
                          report,
                          std::move(rivals),
                          ranks.size() > 1 ? fmt::format("/{}ranks", ranks.size()) : "",
                          values.count("tiny") > 0,
                          kernel,
                          net.get()};
    describe(report, setting, missing);
#ifdef MANIPLE_BENCH_OPENMP
    // Ours runs on the same team, if it is OpenMP's; new threads of another one would all inherit the main thread's
    // core.
    if (ranks.size() == 1 && team_kind() == "OpenMP") pin_openmp_team(options.threads);
#endif
    run_cases(setting);
#ifdef MANIPLE_BENCH_STARPU
    stop_starpu();
#endif
    report.finish();
    return 0;
}

/// Ranks that may all run on the same cores share them out.
int threads_of_each(const Ranks& ranks) {
    const auto cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
    return std::max(1, std::min(available_cores(), cores / ranks.on_this_node()));
}

int with_ranks(int argc, char** argv, Options options, const po::variables_map& values) {
    if (values.count("mpi-ranks") > 0) {
        // A plain MPI program asks for no threads.
        MPI_Init(&argc, &argv);
        serve_mpi_ranks();
        MPI_Finalize();
        return 0;
    }
    if (!launched_as_ranks()) return bench_tasks(options, values, Ranks());
    const MpiSession session(&argc, &argv);
    try {
        const Ranks ranks(MPI_COMM_WORLD);
        if (values["threads"].defaulted()) options.threads = threads_of_each(ranks);
        return bench_tasks(options, values, ranks);
    } catch (const std::exception& error) {
        // The others wait for this rank; none of them is to hang.
        std::fprintf(stderr, "bench_tasks: error: %s\n", error.what());
        MPI_Abort(MPI_COMM_WORLD, 1);
        return 1;
    }
}

}  // namespace
}  // namespace maniple::bench

int main(int argc, char** argv) {
    using namespace maniple::bench;
    remember_cores();
    po::variables_map values;
    const Options options = read_options(argc, argv, own_options(), values);
    try {
        return with_ranks(argc, argv, options, values);
    } catch (const maniple::UsageError& error) {
        std::fprintf(stderr, "bench_tasks: error: %s\n", error.what());
        return 64;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_tasks: error: %s\n", error.what());
        return 1;
    }
}
