#include "cli/planning_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/history_file.hpp"
#include "cli/rates_file.hpp"
#include "cli/this_rank.hpp"
#include "lanes/cpu/topology.hpp"
#include "lanes/vulkan/cache_file.hpp"

namespace maniple {

namespace {

std::string read_text_of(const std::string& path) {
    std::error_code ignored;
    std::ifstream file(path, std::ios::binary);
    if (std::filesystem::is_directory(path, ignored) || !file)
        throw DataError("cannot read the cluster file '" + path +
                        "': " + (file ? "it is a folder" : std::strerror(errno)));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

PlanningMachine::PlanningMachine(const std::string& cluster_file, bool use_history, int threads) : threads_(threads) {
    if (!cluster_file.empty()) {
        cluster_ = parse_cluster(read_text_of(cluster_file), cluster_file);
        return;
    }
    const Topology topology;
    facts_.host = host_name();
    facts_.threads = topology.cores();
    most_threads_ = choose_threads({}, topology).threads;
    facts_.memory_bytes = topology.memory_bytes();
    rates_ = read_rates(cache_folder()).value_or(Rates{});
    if (!use_history) return;
    history_ = read_history(cache_folder()).history;
    rates_ = with_links(rates_, history_);
}

Machine PlanningMachine::with(int ranks) const {
    if (cluster_) return machine_of(*cluster_, ranks);
    RankFacts facts = facts_;
    facts.threads = threads_ > 0 ? threads_ : std::min(most_threads_, std::max(1, facts.threads / ranks));
    Machine machine = Machine::uniform(ranks, facts);
    machine.rates = rates_;
    return machine;
}

Machine PlanningMachine::with(int ranks, const Job& job) const {
    return job.plan.max_devices ? with_devices(with(ranks), *job.plan.max_devices) : with(ranks);
}

Constraints PlanningMachine::constraints_of(const Job& job, int ranks) const {
    Constraints constraints = maniple::constraints_of(job, memory_limit_of(job, ranks));
    if (cluster_)
        constraints.nodes = {cluster_->memory_bytes, cluster_->ranks_per_node,
                             cluster_->nodes * cluster_->ranks_per_node};
    return constraints;
}

MemoryLimit PlanningMachine::memory_limit_of(const Job& job, int ranks) const {
    if (!cluster_) return memory_limit(job, facts_.memory_bytes, ranks);
    MemoryLimit limit = memory_limit(job, cluster_->memory_bytes, std::min(ranks, cluster_->ranks_per_node));
    if (!job.plan.memory_bytes) limit.origin = fmt::format("a rank's part of a node of '{}'", cluster_->name);
    return limit;
}

}  // namespace maniple
