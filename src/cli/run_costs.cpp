#include "cli/run_costs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "lanes/cpu/topology.hpp"
#include "lanes/net/link_rates.hpp"
#include "lanes/net/mailboxes.hpp"
#include "lanes/vulkan/cache_file.hpp"
#include "program/choose_plan.hpp"

namespace maniple {

namespace {
constexpr const char* beside_steps = "a run beside its steps";
constexpr const char* choices_file = "choices";
}  // namespace

Overhead::Overhead(const std::string& job, const std::string& strategy, int ranks)
    : own_{beside_steps, fmt::format("x{} {} {}", ranks, strategy, job), 0}, any_{beside_steps,
                                                                                  fmt::format("x{}", ranks), 0} {
    std::replace_if(
        own_.lane.begin(), own_.lane.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
}

double Overhead::seconds(const ThroughputHistory& history) const {
    constexpr double ordinary_ns = 5e7;
    const auto own = history.median(own_);
    return (own ? *own : history.median(any_).value_or(ordinary_ns)) / 1e9;
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

OwnChoice::OwnChoice(std::string folder, const Graph& graph, const PlanRequest& asked, const PredictionRequest& request)
    : folder_(std::move(folder)), key_(choice_key(graph, asked, request.machine, request.lanes)) {}

KeptChoices OwnChoice::read() const {
    const std::vector<std::uint8_t> bytes = CacheFile(folder_, choices_file).read();
    return KeptChoices::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::optional<PlanRequest> OwnChoice::kept_of(const std::vector<PlanRequest>& candidates) const {
    const std::optional<std::string> name = read().of(key_);
    const auto kept = std::find_if(candidates.begin(), candidates.end(),
                                   [&](const PlanRequest& one) { return name_of(one) == name; });
    return kept == candidates.end() ? std::nullopt : std::optional(*kept);
}

void OwnChoice::keep(double predicted_seconds, double seconds) const {
    KeptChoices choices = read();
    if (is_weighed()) {
        choices.add_weighed(key_, weighed_, predicted_seconds, seconds);
    } else {
        choices.add_taken(key_, seconds);
    }
    const std::string text = choices.text();
    CacheFile(folder_, choices_file).write({text.begin(), text.end()});
}

void measure_links_once(const World& world, const Machine& machine, const ThroughputHistory& known,
                        ThroughputHistory& measured) {
    if (world.size() == 1) return;
    const Rates rates = with_links(machine.rates, known);
    const Rates ordinary;
    const int on_first_node = machine.ranks_on_node_of(Rank(0));
    const bool lacks_within = on_first_node > 1 && rates.within == ordinary.within;
    const bool lacks_between = on_first_node < world.size() && rates.between == ordinary.between;
    if (!lacks_within && !lacks_between) return;
    if (world.sum(world.is_root() && !cache_folder().empty() ? 1 : 0) == 0) return;
    const bool shares_memory = has_shared_memory(std::getenv(mpi_ways_variable));
    const MeasuredLinks links = measure_links(world, host_name(), shares_memory, brief_effort);
    if (!world.is_root()) return;
    if (links.within) add_measured(*links.within, true, measured);
    if (links.between) add_measured(*links.between, false, measured);
}

}  // namespace maniple
