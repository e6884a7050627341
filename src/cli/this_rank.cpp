#include "cli/this_rank.hpp"

#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/launch.hpp"

namespace maniple {

ThreadCount choose_threads(const RunOptions& options, const Topology& topology) {
    if (options.threads > 0) return {options.threads, "command line"};
    ThreadCount result{topology.cores(), "cores that this rank may use"};
    for (const std::string name : {"MANIPLE_THREADS", "OMP_NUM_THREADS"}) {
        const char* text = std::getenv(name.c_str());
        if (text == nullptr || *text == '\0') continue;
        const std::optional<std::int64_t> value = parse_count(std::string(text).substr(0, std::string(text).find(',')));
        if (!value || *value < 1) throw UsageError(name + " takes a whole number from 1 on, found '" + text + "'");
        if (*value < result.threads) result = {static_cast<int>(*value), name};
    }
    return result;
}

RankFacts facts_without_gpus(int threads, const Topology& topology) {
    return {host_name(), threads, topology.memory_bytes(), topology.core_numbers(), {}};
}

std::unique_ptr<const Topology> look_around() {
    try {
        return std::make_unique<const Topology>();
    } catch (const std::exception&) { return nullptr; }
}

std::optional<RankFacts> facts_of_all(const RunOptions& options, const Topology* topology) {
    const int ranks = launched_ranks();
    if (topology == nullptr || (ranks > 1 && launched_ranks_here() != ranks)) return std::nullopt;
    try {
        return facts_without_gpus(choose_threads(options, *topology).threads, *topology);
    } catch (const std::exception&) { return std::nullopt; }
}

}  // namespace maniple
