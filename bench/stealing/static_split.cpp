#include "stealing/static_split.hpp"

#include <numeric>

#include "base/error.hpp"
#include "lanes/arguments.hpp"

namespace maniple::bench {

namespace {
constexpr std::int64_t rows_at_a_time = 2;
}

std::int64_t even_cost_row(std::span<const double> cost_by_row) {
    const double all = std::accumulate(cost_by_row.begin(), cost_by_row.end(), 0.0);
    double before = 0;
    std::int64_t row = 0;
    for (const double cost : cost_by_row) {
        if (before + cost / 2 >= all / 2) break;
        before += cost;
        ++row;
    }
    return row;
}

StaticSplit::StaticSplit(const Operation& image, const std::string& instruction_set, std::int64_t first,
                         std::int64_t end, int threads)
    : image_(image), first_(first), threads_(threads) {
    const maniple_variant* const variant = image.kernel->variant(image.types, instruction_set);
    MANIPLE_CHECK(variant != nullptr, "a kernel that is not built for this processor");
    const Box space = image.bound->index_space();
    Box mine = space;
    mine.lo[0] = first;
    mine.hi[0] = end;
    pixels_.resize(static_cast<std::size_t>(mine.volume()));
    const Block block{reinterpret_cast<std::byte*>(pixels_.data()), sizeof(std::int32_t), mine};
    for (std::int64_t row = first; row < end; row += rows_at_a_time) {
        Box rows = mine;
        rows.lo[0] = row;
        rows.hi[0] = std::min(row + rows_at_a_time, end);
        calls_.push_back({variant->compute, call_over(image, rows), {output_view(image, 0, block)}});
    }
}

void StaticSplit::run() {
    const auto count = static_cast<std::int64_t>(calls_.size());
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
    for (std::int64_t i = 0; i < count; ++i) calls_[static_cast<std::size_t>(i)].run(image_.parameters, nullptr);
}

std::span<const std::int32_t> StaticSplit::row(std::int64_t row) const {
    const auto width = static_cast<std::size_t>(image_.bound->index_space().extent(1));
    return std::span(pixels_).subspan(static_cast<std::size_t>(row - first_) * width, width);
}

}  // namespace maniple::bench
