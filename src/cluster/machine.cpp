#include "cluster/machine.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>

namespace maniple {

namespace {

bool share_a_core(const RankFacts& a, const RankFacts& b) {
    std::vector<int> common;
    std::set_intersection(a.cores.begin(), a.cores.end(), b.cores.begin(), b.cores.end(), std::back_inserter(common));
    return !common.empty();
}

}  // namespace

Machine Machine::uniform(int count, const RankFacts& facts) {
    return {std::vector<RankFacts>(static_cast<std::size_t>(count), facts)};
}

int Machine::ranks_on_node_of(Rank rank) const {
    const std::string& host = ranks[rank.index()].host;
    return static_cast<int>(
        std::count_if(ranks.begin(), ranks.end(), [&](const RankFacts& other) { return other.host == host; }));
}

std::int64_t Machine::least_memory_bytes() const {
    std::map<std::string_view, std::int64_t> ranks_on;
    for (const RankFacts& rank : ranks) ++ranks_on[rank.host];
    std::int64_t least = 0;
    for (const RankFacts& rank : ranks) {
        const std::int64_t share = rank.memory_bytes / ranks_on[rank.host];
        if (least == 0 || share < least) least = share;
    }
    return least;
}

std::optional<int> Machine::first_core(Rank rank) const {
    const RankFacts& mine = ranks[rank.index()];
    int threads = 0;
    int before = 0;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
        const RankFacts& other = ranks[i];
        if (other.host != mine.host) continue;
        if (other.cores == mine.cores) {
            threads += other.threads;
            if (i < rank.index()) before += other.threads;
        } else if (share_a_core(mine, other)) {
            return std::nullopt;
        }
    }
    return threads <= static_cast<int>(mine.cores.size()) ? std::optional(before) : std::nullopt;
}

std::string serialize(const RankFacts& facts) {
    std::string text = std::to_string(facts.threads) + ' ' + std::to_string(facts.memory_bytes) + ' ' + facts.host;
    for (const int core : facts.cores) text += ' ' + std::to_string(core);
    for (const GpuFacts& gpu : facts.gpus) {
        text += '\n' + std::to_string(gpu.device) + ' ' + std::to_string(gpu.software) + ' ' +
                std::to_string(gpu.unified) + ' ' + std::to_string(gpu.keeps_denormals) + ' ' +
                std::to_string(gpu.features) + ' ' + gpu.name;
    }
    return text;
}

RankFacts deserialize_rank_facts(const std::string& bytes) {
    RankFacts facts;
    std::istringstream lines(bytes);
    std::string line;
    std::getline(lines, line);
    std::istringstream stream(line);
    stream >> facts.threads >> facts.memory_bytes >> facts.host;
    for (int core = 0; stream >> core;) facts.cores.push_back(core);
    while (std::getline(lines, line)) {
        GpuFacts gpu;
        std::istringstream words(line);
        words >> gpu.device >> gpu.software >> gpu.unified >> gpu.keeps_denormals >> gpu.features >> std::ws;
        std::getline(words, gpu.name);
        facts.gpus.push_back(gpu);
    }
    return facts;
}

}  // namespace maniple
