#include "program/touched.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/whole_numbers.hpp"

namespace maniple {

namespace {

/// Operations on all ranks: some seconds.
constexpr std::size_t most_laid_out = 400'000;
/// Ranks, where that would be too many.
constexpr std::size_t least_looked_at = 4, most_looked_at = 16;

/// That are looked at one by one: a second or two. Blocks of a grid of more than a few ranks differ by little.
constexpr std::size_t most_blocks = 1'000'000, few_blocks = 8;

std::int64_t touched_by(const Graph& graph, const Plan& plan, Rank rank, const std::vector<OperationId>& operations) {
    std::map<TensorId, Box> around;
    const auto touch = [&](TensorId id, const BoundAccess& access, const Box& points) {
        const Box touched = touched_box(access, points, graph[id].shape);
        if (touched.empty()) return;
        const auto [known, is_new] = around.try_emplace(id, touched);
        if (!is_new) known->second = bounding(known->second, touched);
    };
    for (const OperationId id : operations) {
        const Operation& operation = graph[id];
        const Box points = points_of(graph, plan, id, rank);
        for (const BoundAccess& read : operation.bound->reads)
            touch(operation.inputs[static_cast<std::size_t>(read.argument)], read, points);
        for (std::size_t output = 0; output < operation.outputs.size(); ++output)
            touch(operation.outputs[output], operation.bound->writes[output], points);
    }
    std::int64_t bytes = 0;
    for (const auto& [id, box] : around)
        bytes = capped_sum(bytes, box.volume() * static_cast<std::int64_t>(size_of(graph[id].dtype)));
    return bytes;
}

}  // namespace

std::vector<std::int64_t> bytes_touched_by_ranks(const Graph& graph, const Plan& plan) {
    const std::size_t ranks = static_cast<std::size_t>(plan.ranks);
    std::size_t blocks = 0;
    for (const OperationPlacement& placement : plan.operations)
        blocks += static_cast<std::size_t>(placement.points.count());
    const std::size_t stride = std::max<std::size_t>(1, blocks / most_blocks);
    const auto is_looked_at = [&](std::size_t rank) { return rank % stride == 0; };
    // By rank: those of which few ranks have a block, and, where it is looked at, those of which many have one.
    std::vector<std::vector<OperationId>> of_few(ranks), of_many(ranks);
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const BlockGrid& grid = plan.operations[i].points;
        const auto count = static_cast<std::size_t>(grid.count());
        for (std::size_t rank = grid.first.index(); rank < grid.first.index() + count; ++rank) {
            if (count <= few_blocks) {
                of_few[rank].emplace_back(i);
            } else if (is_looked_at(rank)) {
                of_many[rank].emplace_back(i);
            }
        }
    }
    std::vector<std::int64_t> bytes;
    std::int64_t by_many = 0;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
        if (stride == 1) {  // what both touch counts once
            of_few[rank].insert(of_few[rank].end(), of_many[rank].begin(), of_many[rank].end());
        } else if (is_looked_at(rank)) {
            by_many = touched_by(graph, plan, Rank(rank), of_many[rank]);
        }
        bytes.push_back(by_many + touched_by(graph, plan, Rank(rank), of_few[rank]));
    }
    return bytes;
}

std::vector<Rank> fullest_ranks(const Graph& graph, const Plan& plan) {
    std::vector<Rank> ranks;
    for (int rank = 0; rank < plan.ranks; ++rank) ranks.emplace_back(rank);
    const std::size_t operations = std::max<std::size_t>(1, graph.operations.size());
    if (operations * ranks.size() <= most_laid_out) return ranks;
    const std::size_t looked_at = std::clamp(most_laid_out / operations, least_looked_at, most_looked_at);
    if (ranks.size() <= looked_at) return ranks;
    const std::vector<std::int64_t> bytes = bytes_touched_by_ranks(graph, plan);
    std::stable_sort(ranks.begin(), ranks.end(), [&](Rank a, Rank b) { return bytes[a.index()] > bytes[b.index()]; });
    ranks.resize(looked_at);
    std::sort(ranks.begin(), ranks.end());
    return ranks;
}

}  // namespace maniple
