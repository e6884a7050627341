// lanes/cpu/cpu_lane.hpp: kernels, copies and boundaries on the calling thread.
#pragma once

#include <memory>
#include <string>

#include "lanes/arena.hpp"
#include "lanes/lane.hpp"
#include "trace/flight_clock.hpp"

namespace maniple {

/// Has no threads of its own: the team of the run submits, and a chunk runs on the thread that submits it.
class CpuLane final : public Lane {
public:
    /// Borrows both. `instruction_set` is one that choose_instruction_set() gave; `threads` may submit at once.
    /// With `imitated_gpu` it carries out the instructions of that gpu lane instead, on buffers that the arena holds.
    /// Without `uses_fast_code` it runs generated code alone.
    CpuLane(const Graph& graph, Arena& arena, std::string instruction_set, int threads, int imitated_gpu = -1,
            bool uses_fast_code = true);
    ~CpuLane() override;

    std::unique_ptr<LaneProgram> prepare(const Program& program) override;
    std::unique_ptr<InlineProgram> prepare_inline(const Program& program);
    /// For a program of another rank, in whose memory the arena lies: only its claimable chunks can be run.
    std::unique_ptr<InlineProgram> prepare_claimable(const Program& program);
    Activity activity() const override;
    void add_work_times(WorkTimes& sum) const override;
    ByteTimes byte_times() const override;
    /// Mean over the threads, which is what a cpu lane's busy time is in the summary.
    double busy_seconds() const;

    /// Chunks count how long they ran while that clock did (Activity::hiding_ns). Borrows it. Before prepare().
    void hides(const FlightClock& flights) { flights_ = &flights; }

    /// Every chunk takes so many times as long as it would: for tests of what a slow rank does to the others. Before prepare().
    void slow_down(double times) { slowness_ = times; }

    /// The same for the chunks that compute with `kernel`, from step `first` on. Before prepare().
    void slow_down_kernel(std::string kernel, double times, std::int64_t first) {
        slow_kernel_ = {std::move(kernel), times, first};
    }

    /// The calling thread is worker `worker` of the team, until it says otherwise: whose activity counts.
    static void set_worker(int worker);

private:
    friend class CpuProgram;
    const Graph& graph_;
    Arena& arena_;
    std::string instruction_set_;
    int imitated_gpu_;
    bool uses_fast_code_;
    const FlightClock* flights_ = nullptr;  ///< null: nobody asks
    bool is_slowed() const { return slowness_ > 1 || !slow_kernel_.name.empty(); }

    double slowness_ = 1;
    struct SlowKernel {
        std::string name;  ///< empty: none
        double times = 1;
        std::int64_t first = 0;
    };
    SlowKernel slow_kernel_;
    std::vector<Activity> activity_;  ///< by worker
    std::vector<WorkTimes> times_;    ///< likewise
    std::vector<ByteTimes> fills_;    ///< likewise
};

}  // namespace maniple
