#include "program/touched.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace maniple {

namespace {

/// Operations on all ranks: some seconds.
constexpr std::size_t most_laid_out = 400'000;
constexpr std::size_t fullest = 16;

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
    for (const auto& [id, box] : around) bytes += box.volume() * static_cast<std::int64_t>(size_of(graph[id].dtype));
    return bytes;
}

}  // namespace

std::vector<std::int64_t> bytes_touched_by_ranks(const Graph& graph, const Plan& plan) {
    std::vector<std::vector<OperationId>> operations_of(static_cast<std::size_t>(plan.ranks));
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const BlockGrid& grid = plan.operations[i].points;
        const int count = grid.count();
        for (int block = 0; block < count; ++block)
            operations_of[grid.first.index() + static_cast<std::size_t>(block)].emplace_back(i);
    }
    std::vector<std::int64_t> bytes;
    for (std::size_t rank = 0; rank < operations_of.size(); ++rank)
        bytes.push_back(touched_by(graph, plan, Rank(rank), operations_of[rank]));
    return bytes;
}

std::vector<Rank> fullest_ranks(const Graph& graph, const Plan& plan) {
    std::vector<Rank> ranks;
    for (int rank = 0; rank < plan.ranks; ++rank) ranks.emplace_back(rank);
    if (ranks.size() <= fullest || graph.operations.size() * ranks.size() <= most_laid_out) return ranks;
    const std::vector<std::int64_t> bytes = bytes_touched_by_ranks(graph, plan);
    std::stable_sort(ranks.begin(), ranks.end(), [&](Rank a, Rank b) { return bytes[a.index()] > bytes[b.index()]; });
    ranks.resize(fullest);
    std::sort(ranks.begin(), ranks.end());
    return ranks;
}

}  // namespace maniple
