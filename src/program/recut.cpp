#include "program/recut.hpp"

#include <algorithm>
#include <set>

#include "program/finishes.hpp"
#include "program/movement.hpp"
#include "program/tiles.hpp"

namespace maniple {

namespace {

/// All lanes alike where nothing is said.
std::vector<std::vector<double>> all_weights(const Graph& graph, const LaneChoice& lanes) {
    std::vector<std::vector<double>> weights;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) weights.push_back(lanes.weights_of(OperationId(i)));
    return weights;
}

int parts_of(const std::vector<Tile>& tiles) {
    int parts = 1;
    for (const Tile& tile : tiles) parts = std::max(parts, tile.contracted_part + 1);
    return parts;
}

std::set<int> lanes_of(const std::vector<Tile>& tiles) {
    std::set<int> lanes;
    for (const Tile& tile : tiles) lanes.insert(tile.lane);
    return lanes;
}

bool alike(const std::vector<Tile>& a, const std::vector<Tile>& b) {
    const auto same = [](const Tile& x, const Tile& y) { return x.lane == y.lane && x.box == y.box; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

/// Whether the buffers of `layout` hold what these tiles make.
bool has_room(const Layout& layout, OperationId id, const std::vector<Tile>& tiles) {
    if (lanes_of(tiles) != lanes_of(layout.tiles[id.index()])) return false;
    const BufferId states = layout.folds[id.index()].tiles;
    const std::int64_t room = states.valid() ? layout[states].box.extent(0) : 1;
    return parts_of(tiles) <= room;
}

}  // namespace

bool may_recut(const Graph& graph, const Plan& plan, const LaneChoice& lanes, OperationId id) {
    const bool goes_on = graph.steps > 1 && graph[id].in_loop;
    return plan.sharing == LaneSharing::adaptive && goes_on && plan.claiming_ranks <= 1 && lanes.of(id).size() > 1;
}

int room_for_parts(const Graph& graph, const Plan& plan, const Layout& layout, OperationId id, int parts) {
    LaneChoice lanes = layout.lanes;
    lanes.weights = all_weights(graph, lanes);
    std::vector<double>& weights = lanes.weights[id.index()];
    int most = parts;
    for (std::size_t favoured = 0; favoured < weights.size(); ++favoured) {
        std::fill(weights.begin(), weights.end(), 1e-6);
        weights[favoured] = 1;
        most = std::max(most, parts_of(cut_tiles(graph, plan, layout.versions, id, layout.rank, lanes)));
    }
    return 2 * most;  // of a part of the box there may be more tiles than of all: their number is rounded
}

std::optional<Layout> recut(const Graph& graph, const Plan& plan, const Layout& layout,
                            const std::vector<std::vector<double>>& weights) {
    Layout next = layout;
    next.lanes.weights = all_weights(graph, layout.lanes);
    bool changed = false;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const OperationId id(i);
        if (!layout.recuttable[i]) continue;
        // A twin stays where its original is, on other lanes.
        const OperationId first = graph[id].twin_of;
        const std::vector<double> old = next.lanes.weights[i];
        next.lanes.weights[i] = first.valid() ? next.lanes.weights[first.index()] : weights[i];
        std::vector<Tile> tiles = cut_tiles(graph, plan, next.versions, id, next.rank, next.lanes);
        if (!has_room(layout, id, tiles)) {
            next.lanes.weights[i] = old;
        } else if (!alike(tiles, layout.tiles[i])) {
            next.tiles[i] = std::move(tiles);
            next.finishes[i] = finish_shares(graph, plan, next, id);
            changed = true;
        }
    }
    if (!changed) return std::nullopt;
    return next;
}

Program build_lane_move(const Graph& graph, const Plan& plan, const Layout& before, const Layout& after,
                        const BlockShape& next) {
    BlockShape shape;
    shape.phase = next.phase;
    shape.steps = 0;
    Emitter emitter(graph, before, shape);
    Movement movement(graph, plan, before, emitter);
    const Movement new_homes(graph, plan, after, emitter);
    // What is computed and not carried does not outlive its block, and what does not change is made where it was.
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const TensorId tensor(i);
        if (graph.tensors[i].kind == Tensor::Kind::computed) continue;
        const BufferId buffer = emitter.buffer_of(tensor, 0);
        for (const Movement::Home& home : new_homes.homes(tensor)) movement.place(home.memory, buffer, home.box);
    }
    return emitter.finish();
}

}  // namespace maniple
