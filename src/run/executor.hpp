// run/executor.hpp: a whole run on one rank: its blocks one after the other, on one team, over all lanes.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "lanes/arena.hpp"
#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/net/exchange.hpp"
#include "lanes/net/net_lane.hpp"
#include "program/blocks.hpp"
#include "run/border_watch.hpp"
#include "run/cost_watch.hpp"
#include "run/lane_pool.hpp"
#include "run/lane_watch.hpp"
#include "run/live_microbatches.hpp"
#include "run/replay.hpp"
#include "run/run.hpp"
#include "run/schedule_file.hpp"
#include "run/scheduler.hpp"
#include "run/stealing.hpp"

namespace maniple {

/// What a run did, on this rank.
struct RunTotals {
    std::int64_t steps = 0;
    std::int64_t chunks = 0;
    std::int64_t operations = 0;               ///< on the cpu lane
    std::vector<std::int64_t> gpu_operations;  ///< by gpu lane
    std::int64_t chained = 0;                  ///< chunks of gpus: Run::chained
    std::int64_t messages = 0;
    std::int64_t message_bytes = 0;
    MessageCounts messages_by_kind;
    /// How long at least one message of this rank was in flight, from when it was handed to the net lane until it had
    /// arrived or left, and for how much of that the cpu computed, on average over its threads.
    std::int64_t in_flight_ns = 0, hidden_ns = 0;
    double flops = 0;
    /// Of programs executed again, on the host and on gpus: the buffers that each used, and those that were there already.
    std::int64_t reused_buffers = 0, buffers_found = 0;
    std::int64_t border_moves = 0, moved_bytes = 0;  ///< the bytes that this rank sent for them
    std::int64_t share_changes = 0;                  ///< how often lanes got other shares while it ran
    std::int64_t recuts = 0;                         ///< how often tiles were cut anew, as points cost otherwise
    /// Where the batch is done in microbatches, not where a schedule is followed: the most alive at once.
    std::optional<LiveCounts> live_microbatches;
};

/// What moving borders takes. Borrows the exchange.
struct BorderMoving {
    Exchange* exchange = nullptr;
    std::int64_t memory_limit = 0;  ///< of this rank's buffers, before and after a move together; 0: no limit
    /// For tests: the plan from step `first` on, instead of what is measured; none: the one before. The same on all ranks.
    std::function<std::optional<Plan>(const Plan& plan, std::int64_t first)> imposed = {};
};

/// Borrows everything that it is given. Programs are built when their block is first met, and kept.
class Executor {
public:
    /// `gpus` are the gpu lanes of the layout, in order.
    /// `begin_worker` is called once on each thread of the team before it works (to pin it).
    Executor(const Graph& graph, const Plan& plan, Arena& arena, CpuLane& cpu, NetLane& net, Lane& file,
             std::vector<Lane*> gpus, int threads, std::function<void(int)> begin_worker = {});

    /// The program of the first block, which somebody else builds: it is waited for where it is needed. Before run().
    void expect(std::future<Program> first) { first_ = std::move(first); }
    /// Looks at what the scheduler promises (Audit). Before run().
    void audit() { audits_ = true; }
    /// Run::complete_on_host for all. Before run().
    void complete_on_host() { completes_on_host_ = true; }
    /// Keeps in which order the workers start the cpu's chunks. Borrows `to`, which the caller finishes. Before run().
    void record(ScheduleWriter& to) { writer_ = &to; }
    /// Where ranks turn out to be of unequal speed in a loop, borders move (Plan::moves_borders), and the arena then has
    /// other buffers. All ranks or none. Before run(), of which there is one. Requires: no gpu lanes.
    void move_borders(const BorderMoving& moving) { borders_ = moving; }
    /// By OperationId the weights of its lanes from step `first` on; none: those before.
    using ImposedShares = std::function<std::optional<std::vector<std::vector<double>>>(std::int64_t first)>;
    /// For tests: shares under `sharing: adaptive` follow from this instead of from the lanes' speeds. Before run().
    void impose_shares(ImposedShares imposed) { imposed_shares_ = std::move(imposed); }
    /// Between two blocks of a loop the cpu's tiles are cut anew where points turn out to cost otherwise than they were
    /// cut for (LaneChoice::point_ns), if that pays. Not where a schedule is kept or followed, nor where chunks are
    /// claimed. Before run(). `imposed`, for tests: LaneChoice::point_ns from step `first` on instead of what is
    /// measured; none: that before.
    using ImposedCosts = std::function<std::optional<std::vector<double>>(std::int64_t first)>;
    void follow_costs(ImposedCosts imposed = {}) {
        follows_costs_ = true;
        imposed_costs_ = std::move(imposed);
    }
    /// For tests: what is done to each program that is built anew while the loop runs, before it is proved. Before run().
    void damage_new_programs(std::function<void(Program&)> damage) { damage_ = std::move(damage); }
    /// They start in the order that was kept. Borrows `from`. Before run(). Errors of run(): DataError where the schedule is
    /// none of this run's.
    void replay(ScheduleReader& from) { reader_ = &from; }

    /// Other ranks may compute chunks of this one, and it theirs. Borrows it. Before run(), on every rank; with a schedule
    /// that is kept or followed nothing is claimed.
    void claim_with(Stealing& stealing) { stealing_ = &stealing; }

    /// Carries out all steps. `on_block` is called on this thread after each block with the steps done so far.
    /// Blocks; returns when every chunk is done and every result handed to the file lane's files.
    /// What is built after borders have moved or tiles have been cut anew is proved before it is executed: by itself, and,
    /// of the first blocks after a move, its messages against those of the other ranks.
    /// Errors: KernelError where that fails, on the rank concerned; the first failure, after draining; RemoteFailure if it was another rank's. After an error messages may
    /// be left in flight: the process has to end. Before one it may be called again, which starts at the first step and
    /// allocates nothing (but for what the threads' and MPI's libraries do).
    RunTotals run(const std::function<void(std::int64_t)>& on_block);

    /// Programs built so far: one for each different block that was met.
    std::int64_t builds() const { return static_cast<std::int64_t>(prepared_.size() + retired_.size()); }

    /// How the lanes shared what several of them compute: lane_shares() at the end, or what each has claimed. After run().
    std::vector<double> shares() const;

    /// Grows whenever a chunk finishes. Threads: any.
    std::int64_t progress() const { return scheduler_.finished_chunks(); }
    /// What is in flight, for a diagnosis. Threads: any.
    std::string in_flight_text() const;

private:
    struct Prepared {
        Program program;
        std::vector<bool> offered;  ///< by chunk: other ranks may compute it; empty: none
        std::unique_ptr<ChunkGraph> chunks;
        std::unique_ptr<LiveMicrobatches> live;  ///< null: none are counted
        std::unique_ptr<Run> run;
        std::unique_ptr<Replay> replay;        ///< instead of the run, where a schedule is followed
        std::uint64_t fingerprint = 0;         ///< where one is kept or followed
        std::vector<std::int64_t> operations;  ///< of the cpu, then by gpu lane
        std::int64_t buffers = 0;              ///< that it uses
        std::int64_t executions = 0;
        std::int64_t build_ns = 0;  ///< how long it took to make
    };
    /// A plan that took the place of the first one.
    struct Moved {
        Plan plan;
        Layout layout;
    };
    /// A program that was built before its block.
    struct Ahead {
        Program program;
        std::int64_t build_ns = 0;
    };
    Prepared& prepare(const BlockShape& shape);
    Ahead program_of(const BlockShape& shape);
    Ahead built_anew(const Plan& plan, const Layout& layout, const BlockShape& shape);
    std::string fault_of_new(const Layout& layout, Program& program) const;
    void prove_move(const Layout& both, Program& moving, const Layout& after, std::vector<Ahead>& ahead);
    std::unique_ptr<Prepared> prepare(Program program, const Layout& layout);
    void consider_borders(RunTotals& totals);
    std::optional<Plan> next_plan();
    std::span<const double> exchange(double mine);
    void change_plan(Plan plan, Layout layout, RunTotals& totals);
    bool adapts() const;
    void consider_shares(RunTotals& totals);
    std::optional<std::vector<std::vector<double>>> next_weights();
    const std::vector<WorkTimes>& read_work_times(std::size_t lanes);
    void change_tiles(Layout layout, RunTotals& totals);
    bool is_scheduled() const { return writer_ != nullptr || reader_ != nullptr; }
    bool may_cut_anew() const;
    void consider_cuts(RunTotals& totals);
    std::optional<std::vector<double>> next_costs();
    double rebuild_ns() const;
    void retire_programs();
    void make_pool();
    void carry_out_all(const std::function<void(std::int64_t)>& on_block, RunTotals& totals);
    void run_prepared(Prepared& prepared, const StepBlock& block, RunTotals& totals);
    void work(Worker& worker);
    bool work_once(Worker& worker);
    void help_others();
    bool claims() const { return stealing_ != nullptr && writer_ == nullptr && reader_ == nullptr; }
    void make_run(Prepared& prepared);
    LanePrograms prepare_lanes(const Program& program);
    static void offer_chunks(const std::vector<bool>& offered, LanePrograms& lanes);
    void add_claimed(RunTotals& totals) const;
    void run_blocks(const std::function<void(std::int64_t)>& on_block, RunTotals& totals);
    void run_block(const StepBlock& block, RunTotals& totals);
    std::int64_t allocations() const;
    void carry_out(Prepared& prepared, const StepBlock& block);
    void replay_block(Prepared& prepared, const StepBlock& block);
    template <class AnyRun>
    void finish_block(AnyRun& run);
    std::optional<int> last_wanted_step(const StepBlock& block);
    void go_back(RunTotals& totals);
    void cut_block(int steps, RunTotals& totals);
    template <class AnyRun>
    void check_failure(AnyRun& run);

    const Graph& graph_;
    const Plan* plan_;
    Arena& arena_;
    const Layout* layout_;
    CpuLane& cpu_;
    NetLane& net_;
    const FlightClock* flights_ = nullptr;  ///< of the net lane's messages; null: one rank alone
    Lane& file_;
    std::vector<Lane*> gpus_;
    int threads_;
    std::function<void(int)> begin_worker_;
    std::future<Program> first_;  ///< expect()
    std::vector<Ahead> ahead_;    ///< of the plan that there is now, proved
    std::function<void(Program&)> damage_;
    bool audits_ = false;
    bool completes_on_host_ = false;
    Scheduler scheduler_;
    Stealing* stealing_ = nullptr;  ///< null: each rank computes its own chunks
    StartLog log_;
    ScheduleWriter* writer_ = nullptr;  ///< null: nobody keeps the schedule
    ScheduleReader* reader_ = nullptr;  ///< null: the scheduler decides
    std::atomic<Replay*> replaying_{nullptr};
    std::unique_ptr<LanePool> pool_;  ///< null: no lanes claim chunks
    std::optional<BorderMoving> borders_;
    BorderWatch border_watch_;
    LaneWatch lane_watch_;
    std::vector<WorkTimes> work_times_;  ///< read_work_times(), kept for its memory
    ImposedShares imposed_shares_;
    double recut_ns_ = 0;  ///< what the last change of shares took; 0: there was none
    bool follows_costs_ = false;
    ImposedCosts imposed_costs_;
    CostWatch cost_watch_;
    std::vector<std::unique_ptr<Moved>> moved_;   ///< the last one holds
    std::vector<std::unique_ptr<Layout>> recut_;  ///< likewise: other tiles
    std::vector<std::unique_ptr<Prepared>> prepared_;
    std::vector<std::unique_ptr<Prepared>> retired_;  ///< of plans before: workers may still look at a run that is over
    std::atomic<std::int64_t> wanted_steps_{0};       ///< Execution::wanted_steps
    StepBlock block_;                                 ///< the current one; kept for its memory, as the next
    StepBlock behind_;
    std::atomic<const Prepared*> current_{nullptr};  ///< for in_flight_text(); none goes before the executor does
};

}  // namespace maniple
