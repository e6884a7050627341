// run/stealing.hpp: chunks that ranks claim from each other while they run (`plan: stealing`).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lanes/net/meeting.hpp"
#include "lanes/net/world.hpp"
#include "run/far_claims.hpp"
#include "run/first_error.hpp"
#include "run/offered_program.hpp"
#include "run/other_rank.hpp"
#include "run/scheduler.hpp"

namespace maniple {

/// Chunks that this rank has computed for another one.
struct ClaimCount {
    int from = 0;  ///< the rank whose they were
    std::int64_t boxes = 0;
};

/// This rank's side of it. A claimable chunk that is ready goes to the rank's pool instead of a worker's deque. Its own workers take
/// one at a time when they have nothing else to do; those of another rank, when theirs is empty, take half of what is there:
/// they compute the first and put the rest into their own pool, where it can be taken again, by its owner as well. A chunk is
/// computed in the memory of the rank whose it is, and goes back to that rank, which then ends it. Ranks whose memory cannot be
/// seen are asked by messages (FarClaims).
///
/// Owns what it maps of other ranks. Threads: workers call work(), of which any number may be in it; the rest one thread
/// between executions, but for what says otherwise.
class Stealing final : public WorkSource, private OfferedProgram::Desk, private ClaimDesk {
public:
    /// Collective. `arena` is this rank's and lies in `memory`. Borrows all.
    Stealing(const World& world, ClaimContext context, ClaimMemory& memory, Arena& arena);
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
    bool all_have_ended();

    std::vector<ClaimCount> counts() const;
    Activity activity() const;                  ///< of what was computed for others
    void add_work_times(WorkTimes& sum) const;  ///< likewise

private:
    void publish(int program, ChunkId chunk) override;
    void has_ended() override;
    bool has_stopped() const override { return stopped_.load(std::memory_order_relaxed); }
    void leaves(int program) override { programs_[static_cast<std::size_t>(program)] = nullptr; }

    std::size_t lend(int known_programs, std::span<std::uint64_t> items) override;
    void take_back(std::uint64_t item) override;
    OfferedProgram& offered_program(int number) override { return *programs_[static_cast<std::size_t>(number)]; }
    ProgramMarks marks(int number) override;
    int known_programs() const override { return program_count_.load(std::memory_order_acquire); }
    double chunk_ns() const override { return chunk_ns_.load(std::memory_order_relaxed); }
    Arena& arena() override { return arena_; }

    void open_memories(const World& world);
    bool work_once();
    bool work_far();
    void keep_at_home(std::uint64_t item);
    std::uint64_t take_own();
    bool collect();
    bool claim();
    bool can_compute(std::uint64_t item);
    void compute(std::uint64_t item);
    OtherRank* other(Rank rank) const { return by_rank_[rank.index()]; }
    void fail();
    std::vector<const OtherRank*> all_others() const;

    ClaimContext context_;
    ClaimMemory& memory_;
    Arena& arena_;
    ClaimPool<> pool_;
    Rank me_;
    Scheduler* scheduler_ = nullptr;
    Meeting meeting_;
    KnownShapes shapes_;
    std::vector<std::unique_ptr<OtherRank>> others_;  ///< those of this node
    std::vector<OtherRank*> by_rank_;                 ///< null: this rank, and those that cannot be reached
    std::vector<OfferedProgram*> programs_;           ///< by number; null: nothing is offered
    std::atomic<int> program_count_{0};
    std::atomic<double> chunk_ns_{0};     ///< what the last chunks took, roughly; 0: there were none
    std::atomic<std::uint32_t> next_{0};  ///< of the others, where to look first
    std::unique_ptr<FarClaims> far_;      ///< null: all are on this node
    bool some_are_far_ = false;           ///< from each other, anywhere in the run
    enum class Ending { runs, claims } ending_ = Ending::runs;  ///< what all_have_ended() waits for
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
