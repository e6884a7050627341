#include "tasks/work.hpp"

#include <algorithm>

namespace maniple::bench {
namespace {

/// Below this a thread's share of a step is few cache lines, and two threads would write to the same one all the time.
constexpr int narrow = 64;

}  // namespace

Work::Work(Pattern pattern, int width, int steps, const Ranks& ranks)
    : graph_(pattern, width, steps), ranks_(ranks), spacing_(width < narrow ? 8 : 1),
      values_(static_cast<std::size_t>(width) * static_cast<std::size_t>(steps) * spacing_) {}

void Work::set_kernel(const Kernel& kernel) {
    prepare(kernel);
    kernel_ = kernel;
}

int Work::first_column(int rank) const { return (graph_.width() * rank + ranks_.size() - 1) / ranks_.size(); }

int Work::owner(int column) const { return column * ranks_.size() / graph_.width(); }

void Work::spoil() { std::fill(values_.begin(), values_.end(), 0xdeadbeefdeadbeefU); }

std::uint64_t Work::checksum() {
    std::uint64_t sum = 0;
    for (int step = 0; step < graph_.steps(); ++step) {
        const int end = std::min(first_column(ranks_.rank() + 1), graph_.width_at(step));
        for (int column = first_column(ranks_.rank()); column < end; ++column) {
            const std::uint32_t packed = pack(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(column));
            sum += value(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(column)) * (2ULL * packed + 1);
        }
    }
    return ranks_.sum(sum);
}

}  // namespace maniple::bench
