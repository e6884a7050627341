#include "cluster/machine.hpp"

#include <sstream>

namespace maniple {

Machine Machine::uniform(int count, const RankFacts& facts) {
    return {std::vector<RankFacts>(static_cast<std::size_t>(count), facts)};
}

std::string serialize(const RankFacts& facts) {
    return std::to_string(facts.threads) + ' ' + std::to_string(facts.memory_bytes) + ' ' + facts.host;
}

RankFacts deserialize_rank_facts(const std::string& bytes) {
    RankFacts facts;
    std::istringstream stream(bytes);
    stream >> facts.threads >> facts.memory_bytes >> facts.host;
    return facts;
}

}  // namespace maniple
