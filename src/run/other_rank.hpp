// run/other_rank.hpp: the programs of another rank, as far as its chunks are computed here.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lanes/arena.hpp"
#include "lanes/cpu/cpu_lane.hpp"
#include "run/claim_memory.hpp"

namespace maniple {

/// The shapes of the programs that this rank has built, by number: those of the others, too, since all ranks go through the
/// same blocks. Threads: any.
class KnownShapes {
public:
    void add(const BlockShape& shape);
    /// Whether there is one of this number, and which.
    bool find(int number, BlockShape& shape) const;

private:
    mutable std::mutex mutex_;
    std::vector<BlockShape> shapes_;
};

/// What the programs of other ranks follow from. Borrowed by all who get it.
struct ClaimContext {
    const Graph& graph;
    const Plan& plan;
    std::function<LaneChoice(Rank)> lanes_of;  ///< as the rank itself has chosen them
    std::string instruction_set;
    int threads = 1;
    double slowness = 1;  ///< of this rank (CpuLane::slow_down)
};

/// One other rank of this node. Its programs are derived when one of its chunks is about to be taken, and kept; they compute
/// in that rank's memory. Threads: any.
class OtherRank {
public:
    /// Borrows `context` and `shapes`.
    OtherRank(Rank rank, ClaimMemory memory, const ClaimContext& context, const KnownShapes& shapes);
    ~OtherRank();

    Rank rank() const { return rank_; }
    ClaimPool<>& pool() { return pool_; }
    /// Its program of that number, to run chunks of it here. Null: not known here yet, or it cannot be run here. The first
    /// call for a program builds it, which may take long.
    InlineProgram* program(int number);

    void count_claim() { claimed_.fetch_add(1, std::memory_order_relaxed); }
    std::int64_t claimed() const { return claimed_.load(std::memory_order_relaxed); }  ///< chunks computed here so far
    /// What was computed here; call when nothing is under way.
    Activity activity() const;
    void add_work_times(WorkTimes& sum) const;

private:
    struct Built;
    struct BuiltProgram;
    InlineProgram* build(int number);

    Rank rank_;
    ClaimMemory memory_;
    ClaimPool<> pool_;
    const ClaimContext& context_;
    const KnownShapes& shapes_;
    std::atomic<std::int64_t> claimed_{0};
    std::vector<std::atomic<InlineProgram*>> ready_;  ///< by number; null: not built
    std::mutex mutex_;                                ///< guards the rest
    bool useless_ = false;                            ///< its programs are not what this rank makes of them
    std::unique_ptr<Built> built_;
};

}  // namespace maniple
