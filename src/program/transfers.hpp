// program/transfers.hpp: the one rule for moving data: what a rank needs of a tensor and does not have, and who has it.
#pragma once

#include <vector>

#include "program/halo.hpp"
#include "program/layout.hpp"

namespace maniple {

/// One box that reaches an instance on one rank.
struct Transfer {
    HaloPiece::Kind kind = HaloPiece::Kind::move;
    Rank source_rank;  ///< of a move: the rank that owns `source`; the same rank for local copies
    Box source;        ///< of a move: inside the tensor; of a clamp: within the instance itself
    Box target;        ///< in the instance
};

/// What a rank has of one version of a tensor in each instance, as far as one program knows.
using Available = std::vector<Region>;  ///< by instance

/// Where a tensor's elements are and who asks for them.
struct TransferRequest {
    const Graph* graph = nullptr;
    const Plan* plan = nullptr;
    TensorId tensor;
    BoundaryRule rule;
    std::size_t instance = 0;  ///< of `rule`
    std::vector<Box> needs;    ///< of `rank`, may leave the tensor
    Rank rank;
};

/// The transfers that make `needs` available on `rank`, in an order in which they can be carried out, given what is
/// available; adds them to it. Pure and the same on every rank, so that both ends of a message find each other.
/// Requires: the ranks own together what is needed.
std::vector<Transfer> transfers_to(const TransferRequest& request, Region& available);

}  // namespace maniple
