#include "program/simulated_claims.hpp"

#include <algorithm>

namespace maniple {

namespace {

/// What a rank takes from another one of its node: exchanges of words that lie in the other one's cache, of the tables
/// of a program that it has not used, and the return of the number.
constexpr double near_claim_ns = 1000;

// As in run/far_claims.cpp.
constexpr double shortest_refusal_ns = 100'000, longest_refusal_ns = 10'000'000;
constexpr std::size_t most_lent_at_once = 64;
constexpr double link_ns_per_byte = 1;

}  // namespace

NumberedChunks::NumberedChunks(const std::vector<SimulatedProgram>& programs) : programs_(programs) {
    Number chunks = 0;
    for (std::size_t rank = 0; rank < programs.size(); ++rank) {
        first_.push_back(chunks);
        chunks += static_cast<Number>(programs[rank].chunks.size());
        rank_of_.resize(chunks, static_cast<std::uint32_t>(rank));
    }
}

SimulatedClaims::SimulatedClaims(const NumberedChunks& chunks, const SimulatedMachine& machine)
    : chunks_(chunks), machine_(machine) {
    if (machine.claiming_ranks < 2) return;
    bool any = false;
    for (Number chunk = 0; chunk < chunks.size() && !any; ++chunk) any = chunks[chunk].claimable;
    if (!any) return;
    is_taken_.resize(chunks.size(), false);
    claimants_.resize(
        static_cast<std::size_t>(std::min(machine.claiming_ranks, static_cast<int>(machine.node.size()))));
    const int nodes = *std::max_element(machine.node.begin(), machine.node.end()) + 1;
    on_node_.resize(static_cast<std::size_t>(nodes));
    pooled_on_.resize(static_cast<std::size_t>(nodes), 0);
    for (std::size_t rank = 0; rank < claimants_.size(); ++rank) {
        claimants_[rank].refusal_ns = shortest_refusal_ns;
        on_node_[static_cast<std::size_t>(node_of(rank))].push_back(rank);
    }
}

void SimulatedClaims::put(Number chunk) { push(chunks_.rank_of(chunk), chunk); }

void SimulatedClaims::push(std::size_t rank, Number chunk) {
    claimants_[rank].pool.push_back(chunk);
    ++pooled_on_[static_cast<std::size_t>(node_of(rank))];
    ++pooled_;
}

/// The oldest, `most` of them. Returns how many.
std::size_t SimulatedClaims::pop(std::size_t rank, std::size_t most, std::vector<Number>& to) {
    std::deque<Number>& pool = claimants_[rank].pool;
    std::size_t count = 0;
    for (; count < most && !pool.empty(); ++count) {
        to.push_back(pool.front());
        pool.pop_front();
    }
    pooled_on_[static_cast<std::size_t>(node_of(rank))] -= static_cast<std::int64_t>(count);
    pooled_ -= static_cast<std::int64_t>(count);
    return count;
}

SimulatedClaims::Work SimulatedClaims::take(std::size_t rank) {
    if (rank >= claimants_.size()) return {};
    Claimant& claimant = claimants_[rank];
    while (!claimant.at_home.empty()) {
        const Number chunk = claimant.at_home.back();
        claimant.at_home.pop_back();
        if (is_taken_[chunk]) continue;  // its owner has called it back
        is_taken_[chunk] = true;
        return {chunk, 0};
    }
    found_.clear();
    Work work;
    if (pop(rank, 1, found_) == 1) {
        work.chunk = found_.front();
    } else {
        work = take_near(rank);
    }
    if (work.chunk == NumberedChunks::none) work.chunk = reclaim(claimant);
    if (work.chunk != NumberedChunks::none) is_taken_[work.chunk] = true;
    return work;
}

SimulatedClaims::Work SimulatedClaims::take_near(std::size_t rank) {
    const int node = node_of(rank);
    if (pooled_on_[static_cast<std::size_t>(node)] == 0) return {};
    const std::vector<std::size_t>& near = on_node_[static_cast<std::size_t>(node)];
    Claimant& claimant = claimants_[rank];
    for (std::size_t i = 0; i < near.size(); ++i) {
        const std::size_t at = (claimant.next + i) % near.size();
        const std::size_t victim = near[at];
        if (victim == rank || claimants_[victim].pool.empty()) continue;
        claimant.next = at;
        found_.clear();
        pop(victim, (claimants_[victim].pool.size() + 1) / 2, found_);
        for (std::size_t k = 1; k < found_.size(); ++k) push(rank, found_[k]);
        return {found_.front(), near_claim_ns};
    }
    return {};
}

SimulatedClaims::Number SimulatedClaims::reclaim(Claimant& claimant) {
    while (!claimant.lent.empty()) {
        const Number chunk = claimant.lent.back();
        claimant.lent.pop_back();
        if (!is_taken_[chunk]) return chunk;
    }
    return NumberedChunks::none;
}

std::optional<double> SimulatedClaims::ask(std::size_t rank, double now_ns) {
    if (rank >= claimants_.size() || pooled_ == pooled_on_[static_cast<std::size_t>(node_of(rank))])
        return std::nullopt;
    Claimant& claimant = claimants_[rank];
    if (claimant.asked != none || now_ns < claimant.not_before_ns) return std::nullopt;
    const double latency_ns = machine_.rates.between.latency_ns;
    double delay_ns = latency_ns;
    for (std::size_t i = 1; i <= claimants_.size(); ++i) {
        const std::size_t other = (rank + i) % claimants_.size();
        if (node_of(other) == node_of(rank)) continue;
        if (!claimants_[other].pool.empty()) {
            claimant.asked = other;
            return delay_ns;
        }
        delay_ns += 2 * latency_ns;
    }
    return std::nullopt;
}

std::int64_t SimulatedClaims::lend(std::size_t rank) {
    Claimant& to = claimants_[rank];
    Claimant& from = claimants_[to.asked];
    const std::size_t half = std::min((from.pool.size() + 1) / 2, most_lent_at_once);
    std::int64_t read = 0, all = 0;
    double ns = 0;
    std::size_t count = 0;
    for (; count < half && chunks_.rank_of(from.pool[count]) == to.asked; ++count) {
        const SimulatedChunk& chunk = chunks_[from.pool[count]];
        read += chunk.bytes;
        all += chunk.bytes + chunk.result_bytes;
        ns += chunk.ns;
    }
    if (static_cast<double>(all) * link_ns_per_byte >= ns) return 0;
    pop(to.asked, count, to.answer);
    from.lent.insert(from.lent.end(), to.answer.begin(), to.answer.end());
    return read;
}

void SimulatedClaims::arrive(std::size_t rank, double now_ns) {
    Claimant& claimant = claimants_[rank];
    claimant.asked = none;
    if (claimant.answer.empty()) {
        claimant.not_before_ns = now_ns + claimant.refusal_ns;
        claimant.refusal_ns = std::min(2 * claimant.refusal_ns, longest_refusal_ns);
        return;
    }
    claimant.refusal_ns = shortest_refusal_ns;
    claimant.at_home.insert(claimant.at_home.end(), claimant.answer.rbegin(), claimant.answer.rend());
    claimant.answer.clear();
}

}  // namespace maniple
