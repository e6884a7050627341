// run/stealing.hpp: chunks that the ranks of a node claim from each other while they run (`plan: stealing`).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lanes/net/meeting.hpp"
#include "lanes/net/world.hpp"
#include "run/first_error.hpp"
#include "run/other_rank.hpp"
#include "run/scheduler.hpp"

namespace maniple {

/// Chunks that this rank has computed for another one.
struct ClaimCount {
    int from = 0;  ///< the rank whose they were
    std::int64_t boxes = 0;
};

/// One rank's part. A claimable chunk that is ready goes to the rank's pool instead of a worker's deque. Its own workers take
/// one at a time when they have nothing else to do; those of another rank, when theirs is empty, take half of what is there:
/// they compute the first and put the rest into their own pool, where it can be taken again, by its owner as well. A chunk is
/// computed in the memory of the rank whose it is, and goes back to that rank, which then ends it.
///
/// Owns what it maps of other ranks. Threads: workers call work(), of which any number may be in it; the rest one thread
/// between executions, but for what says otherwise.
class Stealing final : public WorkSource {
public:
    /// Collective. `memory` is what this rank's arena lies in. Borrows all.
    Stealing(const World& world, ClaimContext context, ClaimMemory& memory);
    ~Stealing() override;

    /// Before its first run the executor says whom to wake when there is something to do. Borrows it.
    void attach(Scheduler& scheduler) { scheduler_ = &scheduler; }

    /// By chunk: what others may compute. In the order in which programs are built, the same on every rank.
    std::vector<bool> offered(const Layout& layout, const Program& program) const;
    /// The lane's program for these chunks, which `cpu` computes where it is this rank's turn. Borrows `cpu`.
    std::unique_ptr<LaneProgram> offer(const Program& program, const std::vector<bool>& offered, InlineProgram& cpu);

    bool work(Worker& worker) override;
    bool has_work() const override;

    /// Of a chunk of another rank that failed here. Threads: any.
    bool has_failed() const { return error_.is_there(); }
    std::exception_ptr error() const { return error_.get(); }
    /// After a failure: ends this rank's chunks that are nobody's of this rank, without running them. May be called again.
    void give_up();

    /// Whether every rank has come to the end of its run: then nobody claims anything any more. Again and again from the end
    /// of this rank's run on, until it holds; once more for each run.
    bool all_have_ended() { return meeting_.all_have_come(); }

    std::vector<ClaimCount> counts() const;
    Activity activity() const;                  ///< of what was computed for others
    void add_work_times(WorkTimes& sum) const;  ///< likewise

private:
    class OfferedProgram;
    void publish(std::uint64_t item);
    void end_one();
    void keep_at_home(std::uint64_t item);
    std::uint64_t take_own();
    bool collect();
    bool claim(Worker& worker);
    bool can_compute(std::uint64_t item);
    void compute(std::uint64_t item);
    OtherRank* other(Rank rank) const;

    ClaimContext context_;
    ClaimMemory& memory_;
    ClaimPool<> pool_;
    Rank me_;
    Scheduler* scheduler_ = nullptr;
    Meeting meeting_;
    KnownShapes shapes_;
    std::vector<std::unique_ptr<OtherRank>> others_;  ///< those of this node
    std::vector<OtherRank*> by_rank_;                 ///< null: this rank, and those that cannot be reached
    std::vector<OfferedProgram*> programs_;           ///< by number; null: nothing is offered
    int program_count_ = 0;
    std::atomic<std::int64_t> away_{0};  ///< chunks of this rank that were put in the pool and have not ended
    std::atomic<bool> stopped_{false};
    FirstError error_;
    std::mutex put_mutex_;                        ///< guards putting into the pool, and the next
    std::vector<std::uint64_t> at_home_;          ///< what found no place in the pool
    std::atomic<std::int64_t> at_home_count_{0};  ///< its size; seq_cst, as ClaimPool
    std::mutex collect_mutex_;                    ///< guards the next
    std::uint64_t collected_ = 0;
};

}  // namespace maniple
