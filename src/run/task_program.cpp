#include "run/task_program.hpp"

#include "base/error.hpp"

namespace maniple {

TaskId TaskProgram::add(Function function, void* data, std::uint32_t argument, std::span<const TaskId> after,
                        std::int64_t cost_ns) {
    MANIPLE_CHECK(function != nullptr, "a task without a function");
    append({function, data, argument}, after, cost_ns);
    return TaskId(tasks_.size() - 1);
}

TaskId TaskProgram::add_send(const void* bytes, std::size_t count, int rank, int tag, std::span<const TaskId> after) {
    // The net lane takes one kind of address; a send only reads it.
    messages_.push_back({const_cast<void*>(bytes), count, rank, tag, false});
    append({nullptr, nullptr, static_cast<std::uint32_t>(messages_.size() - 1)}, after, 0);
    return TaskId(tasks_.size() - 1);
}

TaskId TaskProgram::add_receive(void* bytes, std::size_t count, int rank, int tag, std::span<const TaskId> after) {
    messages_.push_back({bytes, count, rank, tag, true});
    append({nullptr, nullptr, static_cast<std::uint32_t>(messages_.size() - 1)}, after, 0);
    return TaskId(tasks_.size() - 1);
}

TaskProgram::RangeFunction TaskProgram::range_of(Function function) const {
    for (const auto& [of, range] : ranges_) {
        if (of == function) return range;
    }
    return nullptr;
}

void TaskProgram::append(const Task& task, std::span<const TaskId> after, std::int64_t cost_ns) {
    for (const TaskId before : after) {
        MANIPLE_CHECK(before.valid() && before.index() < tasks_.size(), "a task waits for one that comes later");
        after_.push_back(before);
    }
    tasks_.push_back(task);
    first_after_.push_back(after_.size());
    cost_ns_.push_back(cost_ns);
}

}  // namespace maniple
