#include "plan/moved_borders.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace maniple {

namespace {

using Shares = std::vector<double>;  ///< of the parts of one cut; their sum is 1

Shares shares_of(const Box& space, const Cut& cut) {
    Shares shares;
    for (int part = 0; part < cut.parts; ++part) {
        shares.push_back(static_cast<double>(cut.part(space, part).extent(cut.index)) /
                         static_cast<double>(space.extent(cut.index)));
    }
    return shares;
}

Shares moved(const BlockGrid& grid, std::size_t number, Shares shares, std::span<const double> busy_seconds) {
    std::vector<double> slowest(shares.size(), 0);
    for (int block = 0; block < grid.count(); ++block) {
        const Rank rank(grid.first.value + block);
        double& seconds = slowest[static_cast<std::size_t>(grid.part_of(rank, number))];
        seconds = std::max(seconds, busy_seconds[rank.index()]);
    }
    double sum = 0;
    for (std::size_t part = 0; part < shares.size(); ++part) {
        shares[part] /= std::pow(slowest[part], 1.0 / static_cast<double>(grid.cuts.size()));
        sum += shares[part];
    }
    for (double& share : shares) share /= sum;
    return shares;
}

/// Where parts with these shares of `extent` end, each with one coordinate at least. Requires: as many coordinates as parts.
std::vector<std::int64_t> ends_of(const Shares& shares, std::int64_t extent) {
    std::vector<std::int64_t> ends;
    double end = 0;
    const auto parts = static_cast<std::int64_t>(shares.size());
    for (std::int64_t part = 0; part < parts; ++part) {
        end += shares[static_cast<std::size_t>(part)] * static_cast<double>(extent);
        const std::int64_t least = part == 0 ? 1 : ends.back() + 1;
        ends.push_back(std::clamp<std::int64_t>(std::llround(end), least, extent - (parts - 1 - part)));
    }
    ends.back() = extent;
    return ends;
}

bool cut_alike(const BlockGrid& a, const BlockGrid& b) {
    return a.first == b.first && std::equal(a.cuts.begin(), a.cuts.end(), b.cuts.begin(), b.cuts.end(),
                                            [](const Cut& one, const Cut& other) { return one.parts == other.parts; });
}

}  // namespace

double even_step_seconds(const Graph& graph, const Plan& plan, std::span<const double> busy_seconds) {
    const OperationId leading = leading_operation(graph, plan);
    if (!leading.valid()) return 0;
    const BlockGrid& grid = plan[leading].points;
    const Box space = graph[leading].bound->index_space();
    double speed = 0;  // of all ranks, in index spaces a second
    for (int block = 0; block < grid.count(); ++block) {
        const Rank rank(grid.first.value + block);
        if (busy_seconds[rank.index()] <= 0) return 0;
        speed += static_cast<double>(grid.block(space, rank).volume()) / static_cast<double>(space.volume()) /
                 busy_seconds[rank.index()];
    }
    return 1 / speed;
}

std::optional<MovedBorders> move_borders(const Graph& graph, const Plan& plan, std::span<const double> busy_seconds) {
    const double step_seconds = even_step_seconds(graph, plan, busy_seconds);
    if (step_seconds == 0) return std::nullopt;
    const OperationId leading = leading_operation(graph, plan);
    const BlockGrid grid = plan[leading].points;
    const Box space = graph[leading].bound->index_space();
    std::vector<Shares> shares;
    MovedBorders result{plan, step_seconds, 0};
    for (std::size_t cut = 0; cut < grid.cuts.size(); ++cut) {
        shares.push_back(moved(grid, cut, shares_of(space, grid.cuts[cut]), busy_seconds));
    }
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        BlockGrid& points = result.plan.operations[i].points;
        const Box all = graph.operations[i].bound->index_space();
        if (!cut_alike(points, grid)) continue;
        for (std::size_t cut = 0; cut < points.cuts.size(); ++cut) {
            const std::int64_t extent = all.extent(points.cuts[cut].index);
            if (extent >= points.cuts[cut].parts) points.cuts[cut].ends = ends_of(shares[cut], extent);
        }
    }
    for (int block = 0; block < grid.count(); ++block) {
        const Rank rank(grid.first.value + block);
        const Box after = result.plan[leading].points.block(space, rank);
        const std::int64_t come = after.volume() - intersect(after, grid.block(space, rank)).volume();
        result.moved_fraction += static_cast<double>(come) / static_cast<double>(space.volume());
    }
    if (result.moved_fraction == 0) return std::nullopt;
    find_readings(graph, result.plan);
    return result;
}

}  // namespace maniple
