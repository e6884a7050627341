#include "plan/neighbours.hpp"

#include <algorithm>
#include <numeric>

namespace maniple {

namespace {

std::vector<int> all_parts(const Cut& cut) {
    std::vector<int> parts(static_cast<std::size_t>(cut.parts));
    std::iota(parts.begin(), parts.end(), 0);
    return parts;
}

std::int64_t divided_down(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
std::int64_t divided_up(std::int64_t a, std::int64_t b) { return -divided_down(-a, b); }

std::vector<Rank> overlapping(const Graph& graph, const Plan& plan, TensorId tensor, const Box& box,
                              std::vector<Rank> ranks) {
    std::erase_if(ranks, [&](Rank rank) { return !overlap(owned_box(graph, plan, tensor, rank), box); });
    return ranks;
}

/// The parts along `cut` whose results may lie within `box` of what `write` fills.
std::vector<int> parts_making(const Operation& operation, const OperationPlacement& placement, const Cut& cut,
                              const BoundAccess& write, const Box& box) {
    if (operation.bound->indices[static_cast<std::size_t>(cut.index)].contracted)
        return placement.finishers == 1 ? std::vector<int>{0} : all_parts(cut);
    for (int axis = 0; axis < box.rank(); ++axis) {
        const AxisMap& map = write.axes[static_cast<std::size_t>(axis)];
        if (map.terms.size() == 1 && map.terms[0].index == cut.index && map.terms[0].coefficient == 1)
            return cut.meeting(operation.bound->index_space(), box.lo[axis] - map.hi, box.hi[axis] - map.lo);
    }
    return all_parts(cut);
}

/// Coordinates of one axis that an access touches, as a function of one loop index: factor · index + [lo, hi].
struct Line {
    std::int64_t factor = 0;
    std::int64_t lo = 0;
    std::int64_t hi = 0;
};

Line line_along(const Operation& operation, const AxisMap& map, int index) {
    Line line{0, map.lo, map.hi};
    for (const AxisMap::Term& term : map.terms) {
        if (term.index == index) {
            line.factor += term.coefficient;
            continue;
        }
        const std::int64_t last = operation.bound->indices[static_cast<std::size_t>(term.index)].extent - 1;
        line.lo += std::min<std::int64_t>(0, term.coefficient * last);
        line.hi += std::max<std::int64_t>(0, term.coefficient * last);
    }
    return line;
}

/// Whether other parts along `cut` read something else.
bool follows(const AccessOf& read, const Cut& cut) {
    return std::any_of(read.access.axes.begin(), read.access.axes.end(), [&](const AxisMap& map) {
        return !map.whole && std::any_of(map.terms.begin(), map.terms.end(),
                                         [&](const AxisMap::Term& term) { return term.index == cut.index; });
    });
}

/// The parts along `cut` from which `line` leads into [lo, hi), or where `period` is not 0 into a repetition of it.
std::vector<int> parts_reaching(const Box& space, const Cut& cut, const Line& line, std::int64_t lo, std::int64_t hi,
                                std::int64_t period) {
    if (line.factor <= 0) return all_parts(cut);
    const std::int64_t lowest = line.factor * space.lo[cut.index] + line.lo;
    const std::int64_t highest = line.factor * (space.hi[cut.index] - 1) + line.hi;
    const std::int64_t first = period == 0 ? 0 : divided_down(lowest - (hi - 1), period);
    const std::int64_t last = period == 0 ? 0 : divided_up(highest - lo, period);
    std::vector<int> found;
    for (std::int64_t turn = first; turn <= last; ++turn) {
        const std::int64_t from = divided_up(lo + turn * period - line.hi, line.factor);
        const std::int64_t to = divided_down(hi - 1 + turn * period - line.lo, line.factor) + 1;
        const std::vector<int> parts = cut.meeting(space, from, to);
        found.insert(found.end(), parts.begin(), parts.end());
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

/// The parts along `cut` whose points may touch `box` through `read`.
std::vector<int> parts_needing(const Graph& graph, const AccessOf& read, const Cut& cut, const Box& box) {
    const Operation& operation = graph[read.operation];
    const Shape& shape = graph[read.tensor].shape;
    std::vector<int> parts = all_parts(cut);
    for (int axis = 0; axis < shape.rank(); ++axis) {
        const AxisMap& map = read.access.axes[static_cast<std::size_t>(axis)];
        const bool depends = std::any_of(map.terms.begin(), map.terms.end(),
                                         [&](const AxisMap::Term& term) { return term.index == cut.index; });
        if (map.whole || !depends) continue;
        const bool periodic = !read.rule.empty() && read.rule[static_cast<std::size_t>(axis)] == Boundary::periodic;
        const std::vector<int> reaching =
            parts_reaching(operation.bound->index_space(), cut, line_along(operation, map, cut.index), box.lo[axis],
                           box.hi[axis], periodic ? shape[axis] : 0);
        std::vector<int> both;
        std::set_intersection(parts.begin(), parts.end(), reaching.begin(), reaching.end(), std::back_inserter(both));
        parts = std::move(both);
    }
    return parts;
}

}  // namespace

std::vector<Rank> owners_of(const Graph& graph, const Plan& plan, TensorId id, const Box& box) {
    const TensorId made = graph[id].kind == Tensor::Kind::computed ? id : computed_source(graph, id);
    std::vector<Rank> ranks;
    if (!made.valid()) {
        for (int rank = 0; rank < plan.ranks; ++rank) ranks.emplace_back(rank);
        return overlapping(graph, plan, id, box, std::move(ranks));
    }
    const OperationId producer = graph[made].producer;
    const Operation& operation = graph[producer];
    const auto output = std::find(operation.outputs.begin(), operation.outputs.end(), made) - operation.outputs.begin();
    const OperationPlacement& placement = plan[producer];
    std::vector<std::vector<int>> parts;
    for (const Cut& cut : placement.points.cuts) {
        parts.push_back(
            parts_making(operation, placement, cut, operation.bound->writes[static_cast<std::size_t>(output)], box));
    }
    return overlapping(graph, plan, id, box, placement.points.ranks_at(parts));
}

std::vector<Rank> readers_of(const Graph& graph, const Plan& plan, const AccessOf& read, const Box& box) {
    const BlockGrid& grid = plan[read.operation].points;
    if (box.empty() || graph[read.operation].bound->index_space().empty()) return {};
    std::vector<std::vector<int>> parts;
    for (const Cut& cut : grid.cuts) parts.push_back(parts_needing(graph, read, cut, box));
    return grid.ranks_at(parts);
}

Rank first_of_group(const Plan& plan, const AccessOf& read, Rank rank) {
    const BlockGrid& grid = plan[read.operation].points;
    int number = 0;
    for (std::size_t i = 0; i < grid.cuts.size(); ++i)
        number = number * grid.cuts[i].parts + (follows(read, grid.cuts[i]) ? grid.part_of(rank, i) : 0);
    return Rank(grid.first.value + number);
}

std::vector<Rank> group_of(const Plan& plan, const AccessOf& read, Rank first) {
    const BlockGrid& grid = plan[read.operation].points;
    std::vector<std::vector<int>> parts;
    for (std::size_t i = 0; i < grid.cuts.size(); ++i)
        parts.push_back(follows(read, grid.cuts[i]) ? std::vector<int>{grid.part_of(first, i)}
                                                    : all_parts(grid.cuts[i]));
    return grid.ranks_at(parts);
}

int group_size(const Plan& plan, const AccessOf& read) {
    int size = 1;
    for (const Cut& cut : plan[read.operation].points.cuts) size *= follows(read, cut) ? 1 : cut.parts;
    return size;
}

std::vector<Rank> groups_reading(const Graph& graph, const Plan& plan, const AccessOf& read, const Box& box) {
    const BlockGrid& grid = plan[read.operation].points;
    if (box.empty() || graph[read.operation].bound->index_space().empty()) return {};
    std::vector<std::vector<int>> parts;
    for (const Cut& cut : grid.cuts)
        parts.push_back(follows(read, cut) ? parts_needing(graph, read, cut, box) : std::vector<int>{0});
    return grid.ranks_at(parts);
}

}  // namespace maniple
