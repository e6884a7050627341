#include "program/tails.hpp"

#include <algorithm>

#include "program/blocks.hpp"

namespace maniple {

namespace {

/// Whether each tile of a product holds all terms of its results, none of which is in another tile.
bool gives_results_by_tile(const Operation& operation, const std::vector<Tile>& tiles, const Box& points) {
    return std::all_of(tiles.begin(), tiles.end(), [&](const Tile& tile) {
        for (int index = 0; index < points.rank(); ++index) {
            const bool contracted = operation.bound->indices[static_cast<std::size_t>(index)].contracted;
            if (contracted && tile.box.extent(index) != points.extent(index)) return false;
        }
        return true;
    });
}

/// What the tiles of `producer` give of its output, as boxes of `tail`; empty if they are no tiles for it.
std::vector<Tile> tiles_after(const Graph& graph, const Plan& plan, const Layout& layout, OperationId producer,
                              OperationId tail) {
    const Operation& head = graph[producer];
    const bool product = head.kernel->is_fold() && head.inputs.size() > 1;
    const bool goes_on = product || (is_elementwise(head) && layout.tails[producer.index()]);
    if (!goes_on || plan[producer].claimable || head.outputs.size() != 1 || !layout.lanes.on_cpu_alone(producer) ||
        plan[producer].combines)
        return {};
    const Box points = points_of(graph, plan, producer, layout.rank);
    const std::vector<Tile>& tiles = layout.tiles[producer.index()];
    if (product && !gives_results_by_tile(head, tiles, points)) return {};
    const Shape& shape = graph[head.outputs[0]].shape;
    if (touched_box(head.bound->writes[0], points, shape) != points_of(graph, plan, tail, layout.rank)) return {};
    std::vector<Tile> result;
    for (const Tile& tile : tiles)
        result.push_back({touched_box(head.bound->writes[0], tile.box, shape), 0, tile.lane});
    return result;
}

}  // namespace

bool is_elementwise(const Operation& operation) {
    const Signature& signature = operation.kernel->signature;
    return operation.has_code() && signature.only_ellipses() && !operation.kernel->is_fold() &&
           signature.rearrangement == Rearrangement::none && operation.outputs.size() == 1;
}

std::vector<Tile> tail_tiles(const Graph& graph, const Plan& plan, const Layout& layout, OperationId id) {
    const Operation& operation = graph[id];
    if (!is_elementwise(operation) || plan[id].claimable || !layout.lanes.on_cpu_alone(id)) return {};
    const Shape& shape = graph[operation.outputs[0]].shape;
    for (const TensorId input : operation.inputs) {
        const Tensor& tensor = graph[input];
        if (tensor.kind != Tensor::Kind::computed || tensor.readers.size() != 1 || tensor.shape != shape) continue;
        std::vector<Tile> tiles = tiles_after(graph, plan, layout, tensor.producer, id);
        if (!tiles.empty()) return tiles;
    }
    return {};
}

}  // namespace maniple
