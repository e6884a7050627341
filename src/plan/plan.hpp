// plan/plan.hpp: which rank computes which box of every operation's index space.
#pragma once

#include <string>
#include <vector>

#include "cluster/machine.hpp"
#include "graph/graph.hpp"
#include "plan/block_grid.hpp"
#include "plan/communication.hpp"

namespace maniple {

/// Where one operation is computed.
struct OperationPlacement {
    BlockGrid points;        ///< over the operation's loop indices
    bool combines = false;   ///< `points` cuts a contracted index (or has none at all), so states are combined
    int finishers = 1;       ///< of the ranks that combine their states: how many finish a part of the results each
    bool claimable = false;  ///< other ranks may compute tiles of a rank's block (plan: stealing)
};

/// One access of an operation to a loaded tensor.
struct LoadedRead {
    OperationId operation;
    std::size_t access = 0;  ///< number in BoundSignature::reads
};

/// How the lanes of a rank share what the rank computes of an operation.
enum class LaneSharing {
    weighted,  ///< by how fast they were in earlier runs
    even,      ///< `round-robin`: equal parts, however fast they are
    adaptive,  ///< weighted, and in a loop by how fast they were in its last steps
    dynamic,   ///< many boxes, of which each lane takes one when it is free
};

/// A placement of every operation. Its cost in memory does not depend on the number of ranks: boxes are computed
/// when asked for.
struct Plan {
    std::string strategy;                        ///< as carried out: "data", "{data: 2, model: 4}"
    int ranks = 1;                               ///< of the run
    int claiming_ranks = 0;                      ///< the first so many claim tiles of each other; 0: nobody does
    std::vector<OperationPlacement> operations;  ///< by OperationId
    std::vector<BlockGrid> outputs;              ///< of each output's tensor over its axes: who writes what
    std::vector<std::string> notes;              ///< what was asked for and does not apply
    LaneSharing sharing = LaneSharing::weighted;
    bool moves_borders = false;  ///< while it runs borders may go where measured speeds put them
    /// Buffers lie in one pool where they are not needed at the same time, also where that makes operations wait for each
    /// other; what is loaded is loaded late, and what is written is written early (program/pool.hpp).
    bool tight = false;
    std::vector<std::string> timeline;  ///< of a pipeline: what each group of ranks does when, for people
    /// By TensorId, of those that are loaded: one of each different way in which ranks read it (find_readings). Only saves
    /// time: while it is empty all readers are looked at.
    std::vector<std::vector<LoadedRead>> readings = {};

    Communication comm = {};  ///< how what several ranks need reaches them

    const OperationPlacement& operator[](OperationId id) const { return operations[id.index()]; }
};

/// Fills `readings` of a plan whose operations are all placed.
void find_readings(const Graph& graph, Plan& plan);

/// Whether a contracted index of a fold may be cut without the order of its elements being lost: always of sum, max and
/// min; of a fold that is written out only the outermost that has more than one point in `box`.
bool keeps_order(const Operation& operation, const Box& box, int index);

/// Whether `index` of `operation` may be cut over ranks at all: there is something to cut, and the signature allows it.
bool may_cut(const Operation& operation, int index);

/// The box of the index space of `operation` that `rank` computes.
Box points_of(const Graph& graph, const Plan& plan, OperationId operation, Rank rank);

/// For a fold, the box of kept indices whose results `rank` finishes; else points_of without contracted indices.
Box results_of(const Graph& graph, const Plan& plan, OperationId operation, Rank rank);

/// The ranks that fold different parts of the same results as `rank`, itself among them, in the order of their elements;
/// the first ones finish the results. Nothing for a rank without points. Requires: the operation combines.
std::vector<Rank> combining_ranks(const Graph& graph, const Plan& plan, OperationId operation, Rank rank);

/// The box of `tensor` that is first valid on `rank`: where it computes it, or what it loads of an input
/// (the bounding box of what its operations read inside the tensor; boxes of several ranks may then overlap).
Box owned_box(const Graph& graph, const Plan& plan, TensorId tensor, Rank rank);

/// The box of output number `output` that `rank` writes; the boxes of all ranks are disjoint and cover it.
Box written_box(const Graph& graph, const Plan& plan, std::size_t output, Rank rank);

/// Whether `rank` computes, claims or writes anything. Without a part it needs no memory, and its program is empty.
bool has_part(const Graph& graph, const Plan& plan, Rank rank);

/// The operation of the loop with the most points of those that several ranks compute; none if there is no such one.
OperationId leading_operation(const Graph& graph, const Plan& plan);

/// The computed tensor that is carried into input `id`, directly or through other inputs; none if they lead elsewhere.
TensorId computed_source(const Graph& graph, TensorId id);

/// What `plan:` asks for.
struct PlanRequest {
    std::string strategy = "auto";  ///< auto data model pipeline stealing hybrid
    int max_ranks = 0;              ///< fewer than there are; 0: all
    std::vector<BlockGrid> grids =
        {};  ///< of `data`, by OperationId, to take instead of choosing; empty: all are chosen

    struct Hybrid {
        int data = 1, pipeline = 1, model = 1;
    };
    Hybrid hybrid = {};
    int stages = 0;           ///< of a pipeline; 0: chosen
    int microbatches = 0;     ///< 0: chosen
    int buffer_depth = 0;     ///< microbatches alive between two stages; 0: as the schedule needs
    bool alternates = false;  ///< `1f1b`; else `gpipe`
    LaneSharing sharing = LaneSharing::weighted;
    CommMode comm = CommMode::automatic;
    std::int64_t memory_bytes = 0;  ///< of a rank; 0: the machine's, if that is known
    Place place = {};               ///< where it was asked for
    Place max_ranks_place = {};
    std::string from = {};       ///< a plan file (plan_file.hpp), which stands for all above but max_ranks; empty: none
    std::string from_text = {};  ///< what it holds
    Place from_place = {};
};

/// For so many ranks: a `max_ranks` that they do not exceed is none. `from_text` is left empty: whoever may read files fills
/// it in.
PlanRequest plan_request(const PlanSpec& spec, int ranks);

/// Chooses a placement. Pure; near O(n·log n) in the operations, whatever the number of ranks.
/// Requires: grids asked for cut only what may_cut allows, into no more blocks than there are ranks.
/// Errors: UnavailableError for a hybrid, or a plan file, of more ranks than there are; JobError for a plan file that does
/// not fit the graph.
Plan make_plan(const Graph& graph, const Machine& machine, const PlanRequest& request);

/// The ranks that a request may use of a machine's.
int ranks_for(const PlanRequest& request, int ranks);

/// A graph as it will be run, with its plan.
struct PlannedGraph {
    Graph graph;
    Plan plan;
};

/// The same, and where the plan is a pipeline the graph in microbatches (graph/microbatches.hpp); else as it is.
/// make_plan() alone places whole batches.
PlannedGraph plan_graph(Graph graph, const Machine& machine, const PlanRequest& request);

/// All that a graph's plan, and the graph as it is run, say of what each rank does: equal bytes, equal programs. For ranks to
/// compare. Pure; O(operations).
std::string plan_identity(const Graph& graph, const Plan& plan);

/// The plan as text: each operation with its blocks and the boxes of the first ranks.
std::string print_plan(const Graph& graph, const Plan& plan);

}  // namespace maniple
