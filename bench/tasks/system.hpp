// bench/tasks/system.hpp: what carries out a task graph: ours and each of the rivals.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/work.hpp"

namespace maniple::bench {

/// One graph, made ready once, run again and again. Borrows its work.
/// Threads: the main thread; collective over the work's ranks.
class System {
public:
    explicit System(Work& work) : work_(work) {}
    virtual ~System() = default;
    System(const System&) = delete;
    System& operator=(const System&) = delete;

    /// Runs all tasks once, on values that were spoilt before; the wall time of that alone, in ns, on the slowest rank.
    /// Before the clock starts its threads are awake, and those of other teams have stopped spinning.
    virtual double run_ns();
    /// Of the values that run_ns() left.
    virtual std::uint64_t checksum() { return work_.checksum(); }

protected:
    virtual void execute() = 0;
    /// Whose threads run the tasks: systems of one team follow each other at once.
    virtual std::string_view team() const { return "main"; }
    virtual void wake() {}  ///< before the clock starts
    virtual void rest() {}  ///< after it has stopped

    Work& work() { return work_; }
    /// Part of run_ns().
    void wait_for_other_teams();

private:
    Work& work_;
};

/// How often a system with so much overhead can run, and thus how large its graphs may be.
enum class Speed {
    fast,  ///< well under 0.1 µs a task
    slow,  ///< under 1 µs
    slowest,
};

struct Rival {
    std::string name;
    Speed speed = Speed::fast;
    /// Threads of each rank.
    std::function<std::unique_ptr<System>(Work&, int threads)> make;
};

// Plain loop over all tasks, on every rank of several.
std::unique_ptr<System> make_serial(Work& work);
// A static `omp for` a step, in one region.
std::unique_ptr<System> make_openmp_for(Work& work, int threads);
// One `omp task` with `depend` a task.
std::unique_ptr<System> make_openmp_depend(Work& work, int threads);
// oneTBB: a flow graph of continue_nodes.
std::unique_ptr<System> make_tbb_flow(Work& work, int threads);
// StarPU: tasks with explicit dependences, submitted again for each run.
std::unique_ptr<System> make_starpu(Work& work, int threads);
void stop_starpu();
// MPI: one thread a rank, a message for each value that another rank needs. Collective over the work's ranks.
std::unique_ptr<System> make_mpi(Work& work);

}  // namespace maniple::bench
