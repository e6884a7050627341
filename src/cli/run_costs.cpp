#include "cli/run_costs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "lanes/cpu/topology.hpp"
#include "lanes/net/link_rates.hpp"
#include "lanes/net/mailboxes.hpp"
#include "lanes/vulkan/cache_file.hpp"

namespace maniple {

namespace {
constexpr const char* beside_steps = "a run beside its steps";
}  // namespace

Overhead::Overhead(const std::string& job, const std::string& strategy, int ranks)
    : own_{beside_steps, fmt::format("x{} {} {}", ranks, strategy, job), 0}, any_{beside_steps,
                                                                                  fmt::format("x{}", ranks), 0} {
    std::replace_if(
        own_.lane.begin(), own_.lane.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
}

double Overhead::seconds(const ThroughputHistory& history) const {
    constexpr double ordinary_ns = 5e7;
    const auto own = history.ns_per_point(own_);
    return (own ? *own : history.ns_per_point(any_).value_or(ordinary_ns)) / 1e9;
}

void Overhead::add(double seconds, ThroughputHistory& measured) const {
    const double ns = std::max(0.0, seconds) * 1e9;
    measured.add(own_, ns);
    measured.add(any_, ns);
}

std::optional<double> predicted_step_seconds(const Graph& graph, const Plan& plan, const PredictionRequest& request,
                                             std::int64_t steps) {
    constexpr std::size_t most_operations = 60'000;  // on all ranks: more take long, and gigabytes
    if (graph.operations.size() * static_cast<std::size_t>(plan.ranks) > most_operations) return std::nullopt;
    if (!graph.until.valid()) return predict(graph, plan, request).seconds;
    // How soon the loop would end was not to be known: it is predicted for the steps that there were.
    Graph performed = graph;
    performed.steps = std::max<std::int64_t>(1, steps);
    return predict(performed, plan, request).seconds;
}

namespace {

/// On whose cores two ranks that look for messages would keep each other from sending them.
bool has_core_for_each(const Machine& machine) {
    std::set<int> cores;
    int ranks = 0;
    for (const RankFacts& rank : machine.ranks) {
        if (rank.host != machine.ranks.front().host) continue;
        ++ranks;
        cores.insert(rank.cores.begin(), rank.cores.end());
    }
    return static_cast<int>(cores.size()) >= ranks;
}

}  // namespace

void measure_links(const World& world, const Machine& machine, const ThroughputHistory& known,
                   ThroughputHistory& measured) {
    constexpr std::size_t enough_runs = 3;
    if (world.size() == 1 || !has_core_for_each(machine)) return;
    const Rates ordinary;
    const int on_first_node = machine.ranks_on_node_of(Rank(0));
    const bool lacks_within =
        on_first_node > 1 && machine.rates.within == ordinary.within && runs_of_link(known, true) < enough_runs;
    const bool lacks_between = on_first_node < world.size() && machine.rates.between == ordinary.between &&
                               runs_of_link(known, false) < enough_runs;
    if (!lacks_within && !lacks_between) return;
    const bool may = world.is_root() && !cache_folder().empty() && std::getenv(mpi_ways_variable) == nullptr;
    if (world.sum(may ? 1 : 0) == 0) return;
    const MeasuredLinks links = measure_links(world, host_name(), true, brief_effort);
    if (!world.is_root()) return;
    if (links.within) add_measured(*links.within, true, measured);
    if (links.between) add_measured(*links.between, false, measured);
}

}  // namespace maniple
