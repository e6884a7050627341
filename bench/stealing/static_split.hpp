// bench/stealing/static_split.hpp: rows of the Mandelbrot set that are given to ranks beforehand, by hand.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.hpp"
#include "lanes/cpu/kernel_call.hpp"

namespace maniple::bench {

/// The row at which two ranks that compute [0, row) and [row, rows) are done at the same time, as near as rows allow.
std::int64_t even_cost_row(std::span<const double> cost_by_row);

/// Rows [first, end) of an image, computed by the library's kernel on a team that takes a few rows at a time.
class StaticSplit {
public:
    /// Borrows `image`, an operation without inputs over [y, x]. `instruction_set` is one that it is built for.
    StaticSplit(const Operation& image, const std::string& instruction_set, std::int64_t first, std::int64_t end,
                int threads);

    void run();
    /// Row `row` as it is now. Requires: it is one of these rows.
    std::span<const std::int32_t> row(std::int64_t row) const;

private:
    const Operation& image_;
    std::int64_t first_;
    int threads_;
    std::vector<std::int32_t> pixels_;
    std::vector<KernelCall> calls_;
};

}  // namespace maniple::bench
