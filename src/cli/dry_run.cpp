#include "cli/dry_run.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/commands.hpp"
#include "cli/gpu_choice.hpp"
#include "cli/launch.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/stages.hpp"
#include "cli/this_rank.hpp"
#include "lanes/net/world.hpp"

namespace maniple {

namespace {

/// Checks everything as one of the ranks of `world`; null: as the only one. What it has to say, for rank 0.
std::string check_without_running(const RunOptions& options, const World* world) {
    const World::NodePlace place = world == nullptr ? World::NodePlace{} : world->place_on_node();
    PlanOptions check;
    check.job = options.job;
    check.overrides = options.overrides;
    check.ranks = world == nullptr ? 1 : world->size();
    check.threads = choose_threads(options, Topology()).threads;
    check.overwrite = options.overwrite;
    check.no_history = options.no_history;
    GpuRequest devices;
    devices.gpus = options.gpus;
    devices.use = parse_lane_use(options.lanes.value_or("auto"));
    devices.validate = options.validate;
    devices.local_rank = place.rank;
    devices.local_ranks = place.ranks;
    const bool talk = !options.quiet && (world == nullptr || world->is_root());
    const std::string good = check_job(check, talk);
    choose_gpus(devices);
    return talk ? good : "";
}

}  // namespace

bool wants_dry_run(const std::vector<std::string>& arguments) {
    return std::find(arguments.begin(), arguments.end(), "--dry-run") != arguments.end();
}

int dry_run(int* argc, char*** argv, const std::vector<std::string>& arguments) {
    if (launched_ranks() == 1) {
        std::fputs(check_without_running(parse_run_options(arguments), nullptr).c_str(), stdout);
        return 0;
    }
    const std::unique_ptr<const MpiSession> session = start_mpi(argc, argv);
    const World world(MPI_COMM_WORLD);
    try {
        RunOptions options;
        together(world, [&] { options = parse_run_options(arguments); });
        std::string good;
        together(world, [&] { good = check_without_running(options, &world); });
        std::fputs(good.c_str(), stdout);
        return 0;
    } catch (const Error& error) {
        if (world.is_root()) print_messages(error.diagnostics());
        return static_cast<int>(error.code());
    }
}

}  // namespace maniple
