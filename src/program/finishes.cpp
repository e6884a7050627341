#include "program/finishes.hpp"

#include "program/device_boxes.hpp"

namespace maniple {

std::vector<FinishShare> finish_shares(const Graph& graph, const Plan& plan, const Layout& layout, OperationId id) {
    const Operation& operation = graph[id];
    const std::vector<Tile>& tiles = layout.tiles[id.index()];
    if (!operation.kernel->is_fold() || tiles.empty() || plan[id].combines) return {};
    std::vector<FinishShare> shares;
    for (const Tile& tile : tiles) {
        const Box kept = kept_of_points(operation, tile.box);
        if (shares.empty() || shares.back().lane != tile.lane) {
            shares.push_back({tile.lane, kept});
        } else {
            shares.back().kept = bounding(shares.back().kept, kept);
        }
    }
    if (shares.size() == 1 || tiles.back().contracted_part == 0) return shares;
    return {{LaneChoice::cpu_lane, kept_of_points(operation, points_of(graph, plan, id, layout.rank))}};
}

}  // namespace maniple
