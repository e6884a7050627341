// run/task_run.hpp: executions of a TaskProgram on a team of threads.
#pragma once

#include <cstdint>
#include <memory>

#include "run/task_program.hpp"

namespace maniple {

class NetLane;

struct TaskRunOptions {
    int threads = 1;
    /// Several short tasks may become one chunk; otherwise each task is one of its own.
    bool chunks_of_many = false;
    /// A regular program may be run statically: static_schedule.hpp says which are.
    bool may_be_static = true;
};

/// Borrows the program, and the net lane if it is given one. Two of them may execute one program at the same time, on
/// two threads, if their tasks allow it.
class TaskRun {
public:
    /// Errors: UsageError for less than one thread.
    explicit TaskRun(const TaskProgram& program, const TaskRunOptions& options = {}, NetLane* net = nullptr);
    ~TaskRun();
    TaskRun(const TaskRun&) = delete;
    TaskRun& operator=(const TaskRun&) = delete;

    /// Runs every task once, on the calling thread and others; returns when all have ended. Allocates nothing after the
    /// first time but what the threads' library does.
    /// Errors: UsageError while it is being executed, on another thread or by one of its own tasks: on this rank alone, at
    /// once and before any message; that execution goes on undisturbed. Else the first that a task threw; those that
    /// waited for it have not run. RemoteFailure if that was on another rank. After these two the TaskRun is of no use.
    void execute();

    std::int64_t chunks() const;
    bool is_static() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace maniple
