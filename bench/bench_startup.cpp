// bench_startup: what `maniple run` takes beyond an MPI program that does nothing. README.md says what is timed.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "harness.hpp"
#include "plan/graphs.hpp"
#include "startup/process.hpp"

namespace maniple::bench {
namespace {

constexpr int operations = 1000;
/// So small that computing takes no time to speak of.
constexpr int rows = 4;
/// More than other benches, but for --quick: processes differ by more than what is looked for.
constexpr int least_samples = 25;

/// How a program is started: words before its own; `ending` of the cases' names.
struct Launch {
    const char* ending;
    std::vector<std::string> words;
};

std::vector<Launch> launches() {
    return {{"", {}},
            {"/launched", {"mpirun", "--quiet", "-n", "1"}},
            {"/2ranks", {"mpirun", "--quiet", "--oversubscribe", "-n", "2"}}};
}

/// A folder of its own, gone with this.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "bench_startup.XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// What Open MPI is told by `maniple run` where all ranks are on one node.
const std::vector<std::string> within_node = {"env", "OMPI_MCA_pml=ob1", "OMPI_MCA_btl=self,vader,tcp"};

struct Pairs {
    std::vector<double> ours, empty, lean, own, own_cpu;
};

/// `empty`: the MPI program that does nothing; `lean`: the same, told to look for no network.
Pairs measure(const std::vector<std::string>& ours, const std::vector<std::string>& empty,
              const std::vector<std::string>& lean, int samples) {
    Pairs pairs;
    for (int round = -1; round < samples; ++round) {
        // Whoever goes first finds the other's traces in the caches: they take turns.
        const bool first = round % 2 == 0;
        ProcessTimes mine, theirs;
        if (first) mine = run_process(ours);
        theirs = run_process(empty);
        if (!first) mine = run_process(ours);
        const ProcessTimes least = run_process(lean);
        if (round < 0) continue;
        pairs.ours.push_back(mine.wall_ms);
        pairs.empty.push_back(theirs.wall_ms);
        pairs.lean.push_back(least.wall_ms);
        pairs.own.push_back(std::max(0.001, mine.wall_ms - theirs.wall_ms));
        pairs.own_cpu.push_back(std::max(0.001, mine.cpu_ms - theirs.cpu_ms));
    }
    return pairs;
}

Row against_target(const std::string& name, std::vector<double> figures, double target) {
    const int samples = static_cast<int>(figures.size());
    return {name,   "ms", Better::lower, interval_of(std::move(figures)), {{"target", {target, target, target}}},
            samples};
}

int samples_of(const Options& options, bool tiny) {
    return tiny || options.quick ? options.samples : std::max(options.samples, least_samples);
}

void run_pattern(const Options& options, Report& report, const std::string& pattern, const Launch& launch, bool tiny) {
    const std::string ending = launch.ending;
    if (!options.wants("run/" + pattern + ending)) return;
    const Folder folder;
    const std::string job = (folder.path() / "job.yaml").string();
    std::ofstream(job) << job_of(pattern, operations, rows);
    const std::filesystem::path programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    std::vector<std::string> ours = launch.words, empty = launch.words, lean = launch.words;
    for (const std::string& word : {(programs / "maniple").string(), std::string("run"), job, std::string("--lanes"),
                                    std::string("cpu"), std::string("--gpus"), std::string("none")})
        ours.push_back(word);
    const std::string nothing = (programs / "bench_startup_empty").string();
    empty.push_back(nothing);
    lean.insert(lean.end(), within_node.begin(), within_node.end());
    lean.push_back(nothing);
    Pairs pairs = measure(ours, empty, lean, samples_of(options, tiny));
    const int samples = static_cast<int>(pairs.ours.size());
    report.add(
        {"run/" + pattern + ending,
         "ms",
         Better::lower,
         interval_of(std::move(pairs.ours)),
         {{"empty_mpi", interval_of(std::move(pairs.empty))}, {"empty_mpi_lean", interval_of(std::move(pairs.lean))}},
         samples});
    report.add(against_target("own/" + pattern + ending, std::move(pairs.own), 10));
    report.add(against_target("own_cpu/" + pattern + ending, std::move(pairs.own_cpu), 10));
}

void run(const Options& options, bool tiny) {
    Report report("startup", options, false);
    report.machine()["operations"] = operations;
    for (const std::string& pattern : graph_patterns()) {
        const bool is_first = pattern == graph_patterns().front();
        for (const Launch& launch : launches()) {
            if (options.quick && !tiny && !launch.words.empty() && !is_first) continue;
            run_pattern(options, report, pattern, launch, tiny);
        }
    }
    report.finish();
}

}  // namespace
}  // namespace maniple::bench

int main(int argc, char** argv) {
    namespace po = boost::program_options;
    po::options_description own("Of this bench");
    own.add_options()("tiny", "as few samples as asked for");
    po::variables_map values;
    const maniple::bench::Options options = maniple::bench::read_options(argc, argv, own, values);
    try {
        maniple::bench::run(options, values.count("tiny") > 0);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_startup: error: %s\n", error.what());
        return 1;
    }
}
