// run/lane_pool.hpp: chunks that the lanes of a rank take as they fall free (`sharing: dynamic`).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "lanes/arena.hpp"
#include "lanes/lane.hpp"
#include "program/lane_claims.hpp"
#include "run/scheduler.hpp"

namespace maniple {

class PooledProgram;

/// Claimable chunks that are ready. Workers take the oldest when they have nothing else to do; a gpu lane the newest,
/// one at a time, as soon as it has ended the one before. Which lane takes what differs from run to run. Dependences are
/// what they always are: a chunk that is claimed is to a Run one of another lane.
///
/// Borrows all that it is given. Threads: work() and has_work() any worker; what is submitted, and what a gpu lane has
/// ended, any; the rest one thread between executions.
class LanePool final : public WorkSource {
public:
    /// `gpus` are the lanes of `layout`, in order.
    LanePool(const Layout& layout, Arena& arena, std::vector<Lane*> gpus, Scheduler& scheduler);
    ~LanePool() override;

    /// By chunk: what is claimed.
    static std::vector<bool> offered(const Program& program);
    /// The lane's program for these chunks, which `cpu` computes where a worker takes one. Borrows both.
    std::unique_ptr<LaneProgram> offer(const Program& program, InlineProgram& cpu);
    /// The executions that follow are another one: for counting.
    void begin_execution() { ++execution_; }

    bool work(Worker& worker) override;
    bool has_work() const override;

    /// After a failure: what is still in the pool is ended by workers, without being run.
    void give_up();

    /// Of what lanes have claimed since, the cpu first.
    struct Claimed {
        double points = 0;
        std::int64_t operations = 0;  ///< a lane's share of one in one step counted once
    };
    const std::vector<Claimed>& claimed() const { return claimed_; }
    void forget_counts() { std::fill(claimed_.begin(), claimed_.end(), Claimed{}); }

private:
    friend class PooledProgram;
    struct Item {
        PooledProgram* program = nullptr;
        ChunkId chunk;
        Execution execution;
        Completion* done = nullptr;
    };
    /// A gpu lane, and what it is at.
    class Claimant;

    void put(const Item& item);
    void assign(Claimant& claimant, const Item& item);
    bool go_on(Claimant& claimant, bool failed);
    void count(std::size_t lane, const Item& item);
    void stop();

    const Layout& layout_;
    Arena& arena_;
    std::vector<Lane*> gpus_;
    Scheduler& scheduler_;
    std::vector<std::unique_ptr<Claimant>> claimants_;  ///< by gpu lane
    std::int64_t execution_ = 0;
    std::mutex mutex_;  ///< of the next three, and of what claimants are at
    std::deque<Item> items_;
    bool stopped_ = false;
    std::vector<Claimed> claimed_;
    std::atomic<int> for_workers_{0};  ///< items that workers may take; seq_cst, as WorkSource asks for
};

}  // namespace maniple
