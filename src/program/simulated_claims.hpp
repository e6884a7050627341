// program/simulated_claims.hpp: which rank computes whose chunks in a simulation of `plan: stealing`.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "program/simulate.hpp"

namespace maniple {

/// The chunks of all ranks, one after the other. Borrows the programs.
class NumberedChunks {
public:
    using Number = std::uint32_t;
    static constexpr Number none = ~Number{0};

    explicit NumberedChunks(const std::vector<SimulatedProgram>& programs);

    Number size() const { return static_cast<Number>(rank_of_.size()); }
    std::size_t rank_of(Number chunk) const { return rank_of_[chunk]; }
    Number first_of(std::size_t rank) const { return first_[rank]; }
    const SimulatedChunk& operator[](Number chunk) const {
        return programs_[rank_of(chunk)].chunks[chunk - first_of(rank_of(chunk))];
    }

private:
    const std::vector<SimulatedProgram>& programs_;
    std::vector<Number> first_;           ///< by rank
    std::vector<std::uint32_t> rank_of_;  ///< by chunk
};

/// The rule of run/stealing.hpp and run/far_claims.hpp. A rank takes its own chunks first, in their order; then half of
/// what the next rank of its node has; then what it has lent to other nodes, the last first; then it asks a rank of
/// another node. Who that is takes a question more for each rank that has nothing: those in between are not simulated.
/// Who has been refused waits, longer each time, whoever refused; that a rank gives up waiting for an answer is not
/// simulated. Borrows what it is given.
class SimulatedClaims {
public:
    using Number = NumberedChunks::Number;

    SimulatedClaims(const NumberedChunks& chunks, const SimulatedMachine& machine);

    /// The first so many ranks claim; 0 where there is nothing to be claimed.
    std::size_t ranks() const { return claimants_.size(); }
    bool any() const { return ranks() > 0; }
    bool has_own(std::size_t rank) const { return !claimants_[rank].pool.empty() || !claimants_[rank].at_home.empty(); }

    /// It is ready.
    void put(Number chunk);

    struct Work {
        Number chunk = NumberedChunks::none;
        double delay_ns = 0;  ///< what taking it costs
    };
    /// For a free thread of `rank`: what there is without asking.
    Work take(std::size_t rank);

    /// Whom `rank` asks, when it has found nothing, and how long it takes until the question is there; nobody, where
    /// none has anything, it waits for an answer, or has been refused not long ago.
    std::optional<double> ask(std::size_t rank, double now_ns);
    std::size_t asked_by(std::size_t rank) const { return claimants_[rank].asked; }
    double refused_until(std::size_t rank) const { return claimants_[rank].not_before_ns; }
    /// What the one that `rank` has asked lends it, with what has to be sent along. To be followed by arrive().
    std::int64_t lend(std::size_t rank);
    /// The answer is there.
    void arrive(std::size_t rank, double now_ns);

private:
    struct Claimant {
        std::deque<Number> pool;
        std::vector<Number> at_home;  ///< borrowed from another node: nobody else may take it; the next one last
        std::vector<Number> lent;     ///< to another node
        std::vector<Number> answer;   ///< on its way here
        std::size_t next = 0;         ///< of those whom it claims from, where to look first
        std::size_t asked = none;
        double not_before_ns = 0;
        double refusal_ns = 0;
    };
    static constexpr std::size_t none = ~std::size_t{0};

    int node_of(std::size_t rank) const { return machine_.node[rank]; }
    void push(std::size_t rank, Number chunk);
    std::size_t pop(std::size_t rank, std::size_t most, std::vector<Number>& to);
    Work take_near(std::size_t rank);
    Number reclaim(Claimant& claimant);

    const NumberedChunks& chunks_;
    const SimulatedMachine& machine_;
    std::vector<Claimant> claimants_;                ///< by rank
    std::vector<std::vector<std::size_t>> on_node_;  ///< by node: the ranks that claim
    std::vector<std::int64_t> pooled_on_;            ///< by node
    std::int64_t pooled_ = 0;
    std::vector<bool> is_taken_;  ///< by chunk: some thread computes it, or has
    std::vector<Number> found_;   ///< of take_near(), kept for its storage
};

}  // namespace maniple
