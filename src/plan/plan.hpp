// plan/plan.hpp: which rank computes which box of every operation's index space.
#pragma once

#include <string>
#include <vector>

#include "cluster/machine.hpp"
#include "graph/graph.hpp"

namespace maniple {

/// An index space cut along one index into blocks as even as can be; block p belongs to rank p.
/// parts 1: the whole on rank 0. Ranks without a block are idle.
struct Split {
    int index = -1;
    int parts = 1;

    /// Rank `rank`'s part of `space`; empty where it has none.
    Box block(const Box& space, Rank rank) const;
    bool operator==(const Split&) const = default;
};

/// Where one operation is computed.
struct OperationPlacement {
    Split points;           ///< over the operation's loop indices
    Split result;           ///< of a fold whose contracted index is split: over the kept indices, numbered from 0
    bool combines = false;  ///< `points` cuts a contracted index, so states of several ranks are combined
};

/// A placement of every operation. Its cost in memory does not depend on the number of ranks: boxes are computed
/// when asked for.
struct Plan {
    std::string strategy;                        ///< as carried out: "data"
    int ranks = 1;                               ///< of the run
    std::vector<OperationPlacement> operations;  ///< by OperationId
    std::vector<Split> outputs;                  ///< of each output's tensor over its axes: who writes what
    std::vector<std::string> notes;              ///< what was asked for and does not apply

    const OperationPlacement& operator[](OperationId id) const { return operations[id.index()]; }
};

/// Whether a contracted index of a fold may be cut without the order of its elements being lost: always of sum, max and
/// min; of a fold that is written out only the outermost that has more than one point in `box`.
bool keeps_order(const Operation& operation, const Box& box, int index);

/// The box of the index space of `operation` that `rank` computes.
Box points_of(const Graph& graph, const Plan& plan, OperationId operation, Rank rank);

/// For a fold, the box of kept indices whose results `rank` finishes; else points_of without contracted indices.
Box results_of(const Graph& graph, const Plan& plan, OperationId operation, Rank rank);

/// The box of `tensor` that is first valid on `rank`: where it computes it, or what it loads of an input
/// (the bounding box of what its operations read inside the tensor; boxes of several ranks may then overlap).
Box owned_box(const Graph& graph, const Plan& plan, TensorId tensor, Rank rank);

/// The box of output number `output` that `rank` writes; the boxes of all ranks are disjoint and cover it.
Box written_box(const Graph& graph, const Plan& plan, std::size_t output, Rank rank);

/// Which way `data` plans are asked for.
struct PlanRequest {
    std::string strategy = "auto";
    int max_ranks = 0;  ///< 0: all
};

/// Chooses a placement. Pure; O(operations), whatever the number of ranks.
Plan make_plan(const Graph& graph, const Machine& machine, const PlanRequest& request);

/// The plan as text: each operation with its split and the boxes of the first ranks.
std::string print_plan(const Graph& graph, const Plan& plan);

}  // namespace maniple
