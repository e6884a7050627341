#include "mpi_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "lanes/net/world.hpp"
#include "openmp_team.hpp"
#include "pin.hpp"

namespace maniple::bench {
namespace {

void measure_on(const Ranks& ranks, const Options& options, bool tiny, const std::string& name,
                const std::function<void(const MpiBench&)>& measure) {
    Report report(name, options, !ranks.is_root());
    report.machine()["ranks"] = ranks.size();
    report.note(fmt::format("ranks: {}, threads of each: {}", ranks.size(), options.threads));
    // Ranks that were given the same cores take their turns. New threads inherit a pin: the team is made here.
    pin_openmp_team(options.threads, ranks.rank() * options.threads);
    measure({options, ranks, report, tiny, ranks.size() > 1 ? fmt::format("/{}ranks", ranks.size()) : ""});
    report.finish();
}

}  // namespace

double MpiBench::time_ms(const std::function<void()>& execute) const {
    wake_openmp_team(options.threads);
    ranks.barrier();
    const double begin = now_ns();
    execute();
    return ranks.greatest(now_ns() - begin) / 1e6;
}

int run_mpi_bench(int argc, char** argv, const std::string& name, const std::function<void(const MpiBench&)>& measure) {
    namespace po = boost::program_options;
    remember_cores();
    po::options_description own("Of this bench");
    own.add_options()("tiny", "sizes for a test of the bench itself");
    po::variables_map values;
    Options options = read_options(argc, argv, own, values);
    const MpiSession session(&argc, &argv);
    const Ranks ranks(MPI_COMM_WORLD);
    if (values["threads"].defaulted()) options.threads = std::max(1, 2 / ranks.size());
    try {
        measure_on(ranks, options, values.count("tiny") > 0, name, measure);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_%s: error: %s\n", name.c_str(), error.what());
        if (ranks.size() > 1) MPI_Abort(MPI_COMM_WORLD, 1);  // the others wait for this rank
        return 1;
    }
}

}  // namespace maniple::bench
