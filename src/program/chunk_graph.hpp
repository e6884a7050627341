// program/chunk_graph.hpp: the chunks of a program as the scheduler sees them: who waits for whom, and who goes first.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "program/program.hpp"

namespace maniple {

/// What a chunk is, for the scheduler.
struct ChunkNode {
    LaneKind lane = LaneKind::cpu;
    std::span<const ChunkId> dependents;  ///< borrowed while the graph is made
    std::int64_t cost_ns = 0;             ///< predicted; 0: unknown
    int gpu = -1;                         ///< which gpu lane
    bool offered = false;          ///< of the cpu, but handed out to other ranks as well: not the scheduler's own
    std::int64_t frees_bytes = 0;  ///< how much less is needed after it than before; negative: more
};

/// Immutable, in a few flat tables. Dependents are in ascending order of the longest way to an end of the program, of
/// equal ones by what they free, so that the last of those that become ready is the one to go on with.
class ChunkGraph {
public:
    /// `back`: the roots on the cpu in falling order. Requires: no cycle, which would leave chunks that never start.
    explicit ChunkGraph(std::span<const ChunkNode> nodes, bool back = false);

    std::size_t size() const { return predecessors_.size(); }
    std::int32_t predecessors(ChunkId chunk) const { return predecessors_[chunk.index()]; }
    std::span<const ChunkId> dependents(ChunkId chunk) const {
        const std::size_t first = first_dependent_[chunk.index()];
        return {dependents_.data() + first, first_dependent_[chunk.index() + 1] - first};
    }
    bool runs_on_cpu(ChunkId chunk) const { return place_[chunk.index()] == cpu_place; }
    bool is_on_cpu() const { return is_on_cpu_; }  ///< all of it
    bool on_device(ChunkId chunk) const { return place_[chunk.index()] >= gpu_place; }
    /// Whether both are of one gpu lane, which can order them itself.
    bool on_one_device(ChunkId first, ChunkId second) const {
        return on_device(first) && place_[first.index()] == place_[second.index()];
    }
    /// The predicted time of the longest chain of chunks that begins with it, itself included.
    std::int64_t urgency_ns(ChunkId chunk) const { return urgency_ns_[chunk.index()]; }
    std::int64_t cost_ns(ChunkId chunk) const { return cost_ns_[chunk.index()]; }

    const std::vector<std::int32_t>& all_predecessors() const { return predecessors_; }
    /// The urgent ones first, of which the longest way is more than half of the program's, then those of more than a
    /// quarter, and so on; of one such part those that lead to a message, and then those that the same chunks wait for
    /// stand together.
    const std::vector<ChunkId>& cpu_roots() const { return cpu_roots_; }
    const std::vector<ChunkId>& other_roots() const { return other_roots_; }
    std::size_t levels() const { return levels_; }                ///< chunks on the longest way through
    std::int64_t ends() const { return ends_; }                   ///< how many chunks nobody waits for, or a device runs
    const std::vector<ChunkId>& order() const { return order_; }  ///< each after its predecessors

private:
    std::vector<bool> leads_to_message(std::span<const ChunkNode> nodes) const;
    void sort_roots(const std::vector<bool>& leads_to_message, bool back);
    void sort_topologically();
    void rank(std::span<const ChunkNode> nodes);

    std::vector<std::size_t> first_dependent_;
    std::vector<ChunkId> dependents_;
    std::vector<std::int32_t> predecessors_;
    /// Of a chunk: the cpu, the net or file lane (or offered), or gpu_place and the number of the gpu lane.
    static constexpr std::int32_t cpu_place = 0, other_place = 1, gpu_place = 2;
    std::vector<std::int32_t> place_;
    std::vector<std::int64_t> cost_ns_;
    std::vector<std::int64_t> urgency_ns_;
    std::vector<ChunkId> cpu_roots_;
    std::vector<ChunkId> other_roots_;
    std::vector<ChunkId> order_;
    std::size_t levels_ = 0;
    bool is_on_cpu_ = true;
    std::int64_t ends_ = 0;
};

/// The chunks of a program of `layout`. Their costs are those of their operations' points where these are known
/// (LaneChoice::point_ns), else guessed from the bytes that they touch. `offered`, by chunk, are handed out to other
/// ranks as well; empty: none.
ChunkGraph chunk_graph_of(const Program& program, const Layout& layout, const std::vector<bool>& offered = {});

}  // namespace maniple
