// bench/tasks/pattern.hpp: the dependence patterns of Task Bench, as tables.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace maniple::bench {

/// The patterns of Slaughter et al., "Task Bench: A Parameterized Benchmark for Evaluating Parallel Runtime
/// Performance", SC20, table II, as its repository (StanfordLegion/task-bench) defines them. Task (step, column)
/// depends on tasks of the step before:
enum class Pattern {
    trivial,              ///< none
    no_comm,              ///< its own column
    stencil_1d,           ///< its own column and its neighbours
    stencil_1d_periodic,  ///< the same on a ring
    fft,                  ///< its own and those 2^k away on both sides; k counts the steps modulo log2(width)
    tree,                 ///< column / 2; step t is min(width, 2^t) wide
    spread,               ///< `radix` columns evenly spread; all but the first move on by one in each step of a period
    random_nearest,       ///< of the `radix` nearest each with a probability of `fraction`, its own always
};
inline constexpr Pattern all_patterns[] = {
    Pattern::trivial, Pattern::no_comm, Pattern::stencil_1d, Pattern::stencil_1d_periodic,
    Pattern::fft,     Pattern::tree,    Pattern::spread,     Pattern::random_nearest};

inline constexpr int radix = 5;           ///< as in the paper's experiments with nearest and spread
inline constexpr int period = 3;          ///< of spread and random_nearest: the repository's default
inline constexpr double fraction = 0.25;  ///< of random_nearest: the repository's default
inline constexpr int most_predecessors = 5;

std::string_view name_of(Pattern pattern);
std::optional<Pattern> pattern_named(std::string_view name);

/// The tasks of `steps` steps, up to `width` columns wide, and what each depends on. Immutable.
class TaskGraph {
public:
    /// Requires: 1 ≤ width ≤ 65535, 1 ≤ steps ≤ 65535, and for spread a width of at least radix · period.
    TaskGraph(Pattern pattern, int width, int steps);

    Pattern pattern() const { return pattern_; }
    int width() const { return width_; }
    int steps() const { return steps_; }
    /// The tasks of a step are the columns [0, width_at(step)).
    int width_at(int step) const;
    std::int64_t tasks() const { return tasks_; }

    /// The columns of step − 1 that (step, column) depends on, each once. Those of step 0: none.
    std::span<const std::uint16_t> predecessors(std::uint32_t step, std::uint32_t column) const {
        const std::size_t row = set_of_step_[step] + column;
        return {columns_.data() + offsets_[row], offsets_[row + 1] - offsets_[row]};
    }

private:
    Pattern pattern_;
    int width_;
    int steps_;
    std::int64_t tasks_ = 0;
    std::vector<std::uint32_t> set_of_step_;  ///< by step: the first row of its dependence set
    std::vector<std::uint32_t> offsets_;      ///< by row: where its columns begin
    std::vector<std::uint16_t> columns_;
};

}  // namespace maniple::bench
