#include "program/recut.hpp"

#include <algorithm>
#include <set>

#include "program/chains.hpp"
#include "program/finishes.hpp"
#include "program/movement.hpp"
#include "program/tails.hpp"
#include "program/tile_cost.hpp"
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

/// One layout cut anew by what points cost.
class CostRecutter {
public:
    CostRecutter(const Graph& graph, const Plan& plan, const Layout& layout, const std::vector<double>& point_ns)
        : graph_(graph), plan_(plan), before_(layout), point_ns_(point_ns), next_{layout, 0},
          changed_(graph.operations.size(), false) {
        next_.layout.lanes.point_ns = point_ns;
    }

    std::optional<CostRecut> find() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const OperationId id(i);
            if (!graph_[id].in_loop) continue;
            const bool done = before_.tails[i] ? follow(id) : consider(id);
            if (!done) return std::nullopt;
        }
        if (next_.gain_ns <= 0) return std::nullopt;
        return std::move(next_);
    }

private:
    /// What is less is not known well enough.
    static constexpr double least_gain = 0.05;

    /// False: there is no room for what follows from another cut.
    bool consider(OperationId id) {
        const double point_ns = tile_point_ns(before_, point_ns_, id);
        const bool stays = before_.chained[id.index()] || before_.claimed[id.index()] || plan_[id].claimable ||
                           point_ns == tile_point_ns(before_, before_.lanes.point_ns, id);
        if (stays) return true;
        const Layout& layout = next_.layout;
        std::vector<Tile> tiles = cut_tiles(graph_, plan_, layout.versions, id, layout.rank, layout.lanes, point_ns);
        const int threads = layout.lanes.threads;
        const double now_ns = cut_ns(before_.tiles[id.index()], point_ns, threads);
        const double gain_ns = now_ns - cut_ns(tiles, point_ns, threads);
        if (gain_ns < least_gain * now_ns || !has_room(before_, id, tiles) || !has_pieces(id, tiles)) return true;
        next_.gain_ns += gain_ns;
        take(id, std::move(tiles));
        return true;
    }

    /// A tail has the tiles of the product before it.
    bool follow(OperationId id) {
        const bool moves = std::any_of(graph_[id].inputs.begin(), graph_[id].inputs.end(), [&](TensorId input) {
            return graph_[input].kind == Tensor::Kind::computed && changed_[graph_[input].producer.index()];
        });
        if (!moves) return true;
        std::vector<Tile> tiles = tail_tiles(graph_, plan_, next_.layout, id);
        if (tiles.empty() || !has_pieces(id, tiles)) return false;
        take(id, std::move(tiles));
        return true;
    }

    /// Whether the workers have room for the pieces of a chain.
    bool has_pieces(OperationId id, const std::vector<Tile>& tiles) const {
        const std::vector<OperationId>& chain = before_.chains[id.index()];
        return chain.empty() || bytes_of_pieces(graph_, chain, tiles) <= before_.piece_bytes;
    }

    void take(OperationId id, std::vector<Tile> tiles) {
        next_.layout.tiles.set(id.index(), std::move(tiles));
        for (const OperationId part : before_.chains[id.index()]) next_.layout.tiles.set_same(part.index(), id.index());
        next_.layout.finishes[id.index()] = finish_shares(graph_, plan_, next_.layout, id);
        changed_[id.index()] = true;
    }

    const Graph& graph_;
    const Plan& plan_;
    const Layout& before_;
    const std::vector<double>& point_ns_;
    CostRecut next_;
    std::vector<bool> changed_;  ///< by OperationId
};

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
        most = std::max(most, parts_of(cut_tiles(graph, plan, layout.versions, id, layout.rank, lanes,
                                                 tile_point_ns(layout, lanes.point_ns, id))));
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
        std::vector<Tile> tiles = cut_tiles(graph, plan, next.versions, id, next.rank, next.lanes,
                                            tile_point_ns(next, next.lanes.point_ns, id));
        if (!has_room(layout, id, tiles)) {
            next.lanes.weights[i] = old;
        } else if (!alike(tiles, layout.tiles[i])) {
            next.tiles.set(i, std::move(tiles));
            next.finishes[i] = finish_shares(graph, plan, next, id);
            changed = true;
        }
    }
    if (!changed) return std::nullopt;
    return next;
}

std::optional<CostRecut> recut_by_costs(const Graph& graph, const Plan& plan, const Layout& layout,
                                        const std::vector<double>& point_ns) {
    return CostRecutter(graph, plan, layout, point_ns).find();
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
