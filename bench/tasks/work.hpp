// bench/tasks/work.hpp: what the tasks of a graph compute, whoever runs them.
#pragma once

#include <cstdint>
#include <vector>

#include "ranks.hpp"
#include "tasks/kernel.hpp"
#include "tasks/pattern.hpp"

namespace maniple::bench {

/// A task as the 32 bits that all systems hand around.
constexpr std::uint32_t pack(std::uint32_t step, std::uint32_t column) { return (step << 16U) | column; }

/// A graph, the kernel of its tasks and a place for the value of each: a value made of the task's own place and of all
/// its predecessors' values in order, so that a task that is left out, or comes too early, changes every sum after it.
/// A rank owns the values of a block of columns and has room for those of the others.
/// Borrows the ranks. Threads: tasks whose predecessors are done may run on any.
class Work {
public:
    Work(Pattern pattern, int width, int steps, const Ranks& ranks);

    const TaskGraph& graph() const { return graph_; }
    const Ranks& ranks() const { return ranks_; }
    const Kernel& kernel() const { return kernel_; }
    /// Not while tasks run.
    void set_kernel(const Kernel& kernel);

    std::uint64_t& value(std::uint32_t step, std::uint32_t column) {
        return values_[(step * static_cast<std::size_t>(graph_.width()) + column) * spacing_];
    }

    void run(std::uint32_t step, std::uint32_t column) {
        std::uint64_t sum = (static_cast<std::uint64_t>(step) << 32U) + column + 1;
        for (const std::uint16_t before : graph_.predecessors(step, column))
            sum = sum * factor + value(step - 1, before);
        if (kernel_.kind != Kernel::Kind::empty) sum += run_kernel(kernel_, step, column);
        value(step, column) = sum;
    }
    void run(std::uint32_t packed) { run(packed >> 16U, packed & 0xffffU); }

    /// The columns that rank `rank` runs: [first_column(rank), first_column(rank + 1)).
    int first_column(int rank) const;
    int owner(int column) const;

    /// Overwrites all values, so that none of an earlier run can pass for one of the next.
    void spoil();
    /// Over the values of all tasks; on several ranks, each adds its own columns': collective.
    std::uint64_t checksum();

private:
    static constexpr std::uint64_t factor = 0x9e3779b97f4a7c15U;

    TaskGraph graph_;
    const Ranks& ranks_;
    Kernel kernel_;
    std::size_t spacing_;  ///< of values: in narrow graphs each has a cache line for itself
    std::vector<std::uint64_t> values_;
};

}  // namespace maniple::bench
