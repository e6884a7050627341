// program/layout.hpp: the storage that one rank needs for a run: tensor instances with their halos, slots, fold states.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/shared.hpp"
#include "plan/plan.hpp"
#include "program/lane_choice.hpp"
#include "program/program.hpp"
#include "program/versions.hpp"

namespace maniple {

/// Where a buffer lives.
struct Memory {
    enum class Kind {
        host,     ///< the rank's own; with `gpu` 0 or more it comes from that lane, which uses it in place
        device,   ///< of gpu lane `gpu`; the host does not see it
        staging,  ///< of gpu lane `gpu`, seen by the host: bytes on their way
        piece,    ///< of each worker: holds a piece of a tensor within a chain (chains.hpp), nothing of it elsewhere
        file,     ///< a data set of the rank's scratch file
    };
    Kind kind = Kind::host;
    int gpu = -1;

    bool operator==(const Memory&) const = default;
};

/// One buffer: every coordinate of `box`, row-major.
struct BufferSpec {
    std::string name;  ///< "u@0", "total/states", "u@0 on gpu 1"
    Box box;
    std::int64_t element_bytes = 0;
    Memory memory;
    BufferId storage = {};         ///< another buffer that has its bytes, and bytes of its own; invalid: it has its own
    std::int64_t storage_row = 0;  ///< of that one's first axis, counted from its first: where they begin
    std::int64_t pool_byte = -1;   ///< if `storage` is a pool of bytes (pool.hpp): where they begin there; else -1

    std::int64_t bytes() const { return box.volume() * element_bytes; }
};

/// From which operation to which a buffer holds something that is still needed (Instruction::position).
struct Life {
    int first = 0;
    int last = -1;  ///< before `first`: it is never used

    bool overlaps(const Life& other) const { return first <= other.last && other.first <= last; }
};

/// A family's storage under one boundary rule. Instance 0 of a family is the one that producers write.
struct Instance {
    BoundaryRule rule;  ///< empty: nothing outside the tensor
    Box box;            ///< owned box and halo
    BufferId first;     ///< of `slots` consecutive buffers
};

/// Buffers of a fold: states of tiles, the state of this rank, states gathered from ranks, the merged state.
struct FoldBuffers {
    bool by_tile = false;  ///< every tile is computed from its inputs to its results: none of the buffers is there
    BufferId tiles;        ///< [contracted tiles, kept…]; invalid with one tile
    BufferId own;          ///< [1, kept…], its leading coordinate is the rank
    BufferId gathered;     ///< [members, results…] (see Combining); invalid where no states come from other ranks
    BufferId merged;       ///< [1, results…]; invalid where states are not merged here
};

/// A part of an operation's box on this rank, computed by one instruction.
struct Tile {
    Box box;
    int contracted_part = 0;  ///< number among the tiles along a contracted index
    int lane = LaneChoice::cpu_lane;
};

/// A list of tiles for each operation. Operations that are alike share one.
class TileLists {
public:
    std::size_t size() const { return lists_.size(); }
    const std::vector<Tile>& operator[](std::size_t operation) const { return *lists_[operation]; }
    const std::vector<Tile>& back() const { return *lists_.back(); }
    /// Whether both share one.
    bool are_one(std::size_t a, std::size_t b) const { return lists_[a].is(lists_[b]); }

    void reserve(std::size_t count) { lists_.reserve(count); }
    void push_back(std::vector<Tile> tiles) { lists_.emplace_back(std::move(tiles)); }
    void push_same(std::size_t other) { lists_.push_back(lists_[other]); }
    void set(std::size_t operation, std::vector<Tile> tiles) { lists_[operation] = std::move(tiles); }
    void set_same(std::size_t operation, std::size_t other) { lists_[operation] = lists_[other]; }

private:
    std::vector<Shared<std::vector<Tile>>> lists_;
};

/// What a lane finishes of a fold's results: the kept coordinates.
struct FinishShare {
    int lane = LaneChoice::cpu_lane;
    Box kept;
};

/// Where a gpu lane with a memory of its own computes the tiles that it claims.
struct ClaimBuffers {
    std::vector<BufferId>
        copies;        ///< by host buffer: as large as that; invalid, or beyond its end: it claims nothing there
    BufferId staging;  ///< for one tile's bytes, on their way
};

/// Of one tensor in a piece of a tile that a chain passes over: two of them, what is read and what is written, and what the
/// next piece reads fit a core's first cache of 32 KiB.
inline constexpr std::int64_t chain_piece_bytes = 8 * 1024;

/// Built once for a graph, plan and rank; programs of all blocks share it. Immutable.
struct Layout {
    Rank rank;
    LaneChoice lanes;
    Versions versions;
    std::vector<BufferSpec> buffers;
    std::vector<std::vector<BufferId>> mirrors;    ///< by buffer of the host, then by gpu lane; shorter: none
    std::vector<BufferId> staging;                 ///< by gpu lane: bytes on their way; invalid: not needed
    std::vector<std::vector<Instance>> instances;  ///< by family
    std::vector<FoldBuffers> folds;                ///< by OperationId
    TileLists tiles;                               ///< by OperationId
    std::vector<std::int32_t> kinds;               ///< by OperationId: find_kinds()
    std::vector<bool> tails;                       ///< by OperationId: its tiles are those of a product before it
    std::vector<std::vector<OperationId>> chains;  ///< by OperationId: of a chain's last operation all of them in order
    std::vector<bool> chained;                     ///< by OperationId: of a chain, not its last
    std::int64_t piece_bytes = 0;                  ///< of each worker: room for two pieces
    BufferId pool;                                 ///< of a tight plan: where others lie (pool.hpp); invalid: none
    std::vector<Life> lives;                       ///< by buffer, of a tight plan: those in the pool; of others none
    std::vector<std::vector<FinishShare>> finishes;  ///< by OperationId: of folds whose states stay on this rank
    /// By OperationId: whether its lanes' shares may become others while the run lasts (recut.hpp). A lane then has
    /// memory for all that the rank computes of it.
    std::vector<bool> recuttable;
    /// By OperationId: whether its lanes claim its tiles one by one (lane_claims.hpp). All tiles are then the cpu's, and
    /// all that they touch is in the host's memory.
    std::vector<bool> claimed;
    std::vector<ClaimBuffers> claim_buffers;  ///< by gpu lane; empty: nothing is claimed by lanes

    const BufferSpec& operator[](BufferId id) const { return buffers[id.index()]; }
    const std::vector<Instance>& instances_of(TensorId id) const {
        return instances[static_cast<std::size_t>(versions[id].family)];
    }
    /// The instance that accesses under `rule` read; rule-less ones read instance 0.
    std::size_t instance_for(TensorId id, const BoundaryRule& rule) const;
    /// The counterpart of a host buffer in `memory`; invalid where nothing there uses it.
    BufferId in_memory(BufferId host, int memory) const;
    std::int64_t host_bytes() const;    ///< of the host's memory, staging included
    std::int64_t device_bytes() const;  ///< of all gpu lanes
};

/// The same bytes as a box of the buffer that has them: itself, or the one whose storage it uses. In a pool buffers keep
/// coordinates of their own.
Use in_storage(const Layout& layout, Use use);

/// How a chain cuts a tile into pieces: `rows` coordinates along `axis` at a time, all of it along the axes behind.
struct PieceCut {
    int axis = 0;
    std::int64_t rows = 1;
    std::int64_t row_elements = 1;
};
PieceCut piece_cut(const Box& tile);

/// The rule that argument number `argument` of `operation` is read under: the operation's along the axes where its
/// accesses leave the tensor, none elsewhere; empty where they do not.
BoundaryRule rule_of(const Operation& operation, int argument);

/// What `rank` touches by accesses of `operation` to `tensor` under `rule`: one box an access.
std::vector<Box> needs_of(const Graph& graph, const Plan& plan, OperationId operation, TensorId tensor,
                          const BoundaryRule& rule, Rank rank);

/// Of the boxes.
std::int64_t bytes_of(const Layout& layout, std::span<const Use> uses);
template <std::size_t room>
std::int64_t bytes_of(const Layout& layout, const PackedUses<room>& uses) {
    return bytes_of(layout, std::span<const Use>(uses.all()));
}

/// Pure. `lanes` are those of `rank`. Errors: UnavailableError if a byte count passes 2^63 − 1.
Layout build_layout(const Graph& graph, const Plan& plan, Rank rank, const LaneChoice& lanes = {});

}  // namespace maniple
