// run/task_program.hpp: programs of functions with explicit predecessors, for those who bring their own work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/ids.hpp"

namespace maniple {

using TaskId = Id<struct TaskTag>;  ///< a task of a TaskProgram

/// Tasks and what they wait for. Built on one thread, then immutable: any number of TaskRuns may borrow it.
class TaskProgram {
public:
    /// Does task `argument` on `data`. Threads: any worker; tasks run at once unless one waits for the other, and what the
    /// awaited one wrote is visible. May throw: the execution then ends with that error.
    using Function = void (*)(void* data, std::uint32_t argument);
    /// Does tasks `first` to `first + count - 1` on `data`, one after the other, as calls of a Function would.
    using RangeFunction = void (*)(void* data, std::uint32_t first, std::uint32_t count);

    /// Appends a task. `after`: earlier tasks that have to end before; one may be named several times. `data` is borrowed
    /// until the last execution. `cost_ns` is a prediction: it decides what goes first and what is run statically; 0:
    /// unknown. Requires: a function; `after` names earlier tasks alone.
    TaskId add(Function function, void* data, std::uint32_t argument, std::span<const TaskId> after,
               std::int64_t cost_ns = 0);

    /// Where tasks of `function` with one `data` and consecutive arguments happen to run one after the other, `range` is
    /// called instead: short tasks need not be called one by one. Errors: one that it throws ends all of them.
    void run_ranges(Function function, RangeFunction range) { ranges_.emplace_back(function, range); }

    /// A message of `count` bytes to another rank, and from one. The nth send of a rank to another with one tag meets the
    /// nth receive there. `bytes` is borrowed, and left alone between the predecessors and the end of the task.
    /// Requires: a TaskRun with a net lane; 0 <= tag < 32767, and one message at a time for each peer and tag; the two that
    /// meet have one count.
    TaskId add_send(const void* bytes, std::size_t count, int rank, int tag, std::span<const TaskId> after);
    TaskId add_receive(void* bytes, std::size_t count, int rank, int tag, std::span<const TaskId> after);

    std::size_t size() const { return tasks_.size(); }
    std::span<const TaskId> after(TaskId task) const {
        const std::size_t first = first_after_[task.index()];
        return {after_.data() + first, first_after_[task.index() + 1] - first};
    }
    bool is_message(TaskId task) const { return tasks_[task.index()].function == nullptr; }
    std::int64_t cost_ns(TaskId task) const { return cost_ns_[task.index()]; }

private:
    friend class TaskRun;
    struct Task {
        Function function = nullptr;  ///< null: a message
        void* data = nullptr;
        std::uint32_t argument = 0;
    };
    struct Message {
        void* bytes = nullptr;
        std::size_t count = 0;
        int rank = 0;
        int tag = 0;
        bool receives = false;
    };
    RangeFunction range_of(Function function) const;
    void append(const Task& task, std::span<const TaskId> after, std::int64_t cost_ns);

    std::vector<Task> tasks_;
    std::vector<std::pair<Function, RangeFunction>> ranges_;
    std::vector<Message> messages_;               ///< Task::argument counts these
    std::vector<std::size_t> first_after_ = {0};  ///< by task, and one past the last
    std::vector<TaskId> after_;
    std::vector<std::int64_t> cost_ns_;
};

}  // namespace maniple
