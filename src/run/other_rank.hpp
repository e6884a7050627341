// run/other_rank.hpp: the programs of another rank, as far as its chunks are computed here.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
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
    /// For tests: as if every rank were on a node of its own, and every chunk worth its bytes.
    bool only_messages = false;
};

/// What a rank's program is known by.
struct ProgramMarks {
    std::uint64_t layout = 0;
    std::uint64_t program = 0;
};

/// One other rank. Its programs are derived when one of its chunks is about to be taken, and kept. They compute in that
/// rank's memory; where that is not to be reached, in a copy of which only what is touched takes any. Threads: any.
class OtherRank {
public:
    /// Without `memory` it is far. Borrows `context` and `shapes`.
    OtherRank(Rank rank, std::optional<ClaimMemory> memory, const ClaimContext& context, const KnownShapes& shapes);
    ~OtherRank();

    Rank rank() const { return rank_; }
    bool is_far() const { return !memory_; }
    /// Requires: it is not far.
    ClaimPool<>& pool() { return *pool_; }
    /// Its program of that number, to run chunks of it here. Null: not known here yet, or it cannot be run here. The first
    /// call for a program builds it, which may take long.
    InlineProgram* program(int number);
    /// The same for a far one, whose marks came with what it wants to be done.
    InlineProgram* program(int number, const ProgramMarks& marks);
    /// Of a program that program() has given.
    const Program& instructions_of(int number);
    Arena& arena();

    void count_claim() { claimed_.fetch_add(1, std::memory_order_relaxed); }
    std::int64_t claimed() const { return claimed_.load(std::memory_order_relaxed); }  ///< chunks computed here so far
    /// What was computed here; call when nothing is under way.
    Activity activity() const;
    void add_work_times(WorkTimes& sum) const;

private:
    struct Built;
    struct BuiltProgram;
    InlineProgram* find(int number, const std::function<ProgramMarks()>& marks);
    InlineProgram* build(int number, const ProgramMarks& marks);

    Rank rank_;
    std::optional<ClaimMemory> memory_;
    std::optional<ClaimPool<>> pool_;
    const ClaimContext& context_;
    const KnownShapes& shapes_;
    std::atomic<std::int64_t> claimed_{0};
    std::vector<std::atomic<InlineProgram*>> ready_;  ///< by number; null: not built
    std::mutex mutex_;                                ///< guards the rest
    bool useless_ = false;                            ///< its programs are not what this rank makes of them
    std::unique_ptr<Built> built_;
};

}  // namespace maniple
