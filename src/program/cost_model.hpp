// program/cost_model.hpp: how long an instruction takes on its lane: from earlier runs where there are some, else from
// what it touches and computes against the machine's rates (a roofline).
#pragma once

#include <cstdint>
#include <optional>

#include "cluster/rates.hpp"
#include "program/program.hpp"
#include "program/throughput.hpp"

namespace maniple {

/// Of one rank. Borrows all it is given. Pure.
class CostModel {
public:
    /// `ranks_on_node` share the node's memory, and all `ranks` the files. `profiles` are point_profiles().
    CostModel(const Graph& graph, const Rates& rates, const ThroughputHistory& history, const PointProfiles& profiles,
              const RankFacts& facts, int ranks_on_node, int ranks);

    /// Nanoseconds of one thread of the cpu lane, of a gpu lane or of the file lane; messages take theirs on a link.
    /// `points` are all that the rank computes of the instruction's operation.
    double instruction_ns(const Instruction& instruction, std::int64_t points) const;
    /// What a chunk of that lane costs besides its instructions.
    double chunk_ns(LaneKind lane) const;
    /// What a message that is sent costs besides its bytes and its latency.
    double message_ns() const;

private:
    double cpu_ns(const Instruction& instruction, std::int64_t points) const;
    double followed_ns(const PointProfile& profile, const Instruction& instruction, std::int64_t points) const;
    std::optional<double> measured_point_ns(OperationId operation, std::int64_t points) const;
    double gpu_ns(const Instruction& instruction, std::int64_t points) const;
    double fill_ns(const Instruction& instruction) const;
    double file_ns(const Instruction& instruction) const;
    double roofline_ns(const Instruction& instruction, const LaneRates& rates) const;

    const Graph& graph_;
    const Rates& rates_;
    const ThroughputHistory& history_;
    const PointProfiles& profiles_;
    const RankFacts& facts_;
    int ranks_;
    LaneRates core_;     ///< one core's part while all are busy
    double file_bytes_;  ///< this rank's part, in a nanosecond
};

}  // namespace maniple
