#include "program/tiles.hpp"

#include <algorithm>

#include "program/halo.hpp"

namespace maniple {

namespace {

/// Half of a typical second-level cache of one core: a tile's inputs and outputs together.
constexpr std::int64_t tile_bytes = 256 * 1024;
/// Bounds the size of a program; beyond it tiles grow.
constexpr std::int64_t most_tiles = 256;

std::int64_t bytes_per_point(const Graph& graph, const Operation& operation) {
    std::int64_t bytes = 0;
    for (const TensorId input : operation.inputs) bytes += static_cast<std::int64_t>(size_of(graph[input].dtype));
    for (const TensorId output : operation.outputs) bytes += static_cast<std::int64_t>(size_of(graph[output].dtype));
    return bytes;
}

/// The outermost index that has something to cut; not a contracted one where each part would have a large state.
int tile_index(const Operation& operation, const Box& box) {
    constexpr std::int64_t large_state = 4096;
    std::int64_t kept_volume = 1;
    for (const int index : operation.bound.kept()) kept_volume *= box.extent(index);
    int largest = -1;
    for (int index = 0; index < box.rank(); ++index) {
        const BoundSignature::Index& loop = operation.bound.indices[static_cast<std::size_t>(index)];
        if (loop.whole || (loop.contracted && kept_volume > large_state)) continue;
        if (box.extent(index) >= 8) return index;
        if (largest < 0 || box.extent(index) > box.extent(largest)) largest = index;
    }
    return largest;
}

/// Loop-index coordinates at which the box of another rank's need of `tensor` begins or ends on this one.
void add_border_cuts(const Graph& graph, const Plan& plan, TensorId reader_side, const AxisMap& write_axis, int axis,
                     const Box& owned, Rank rank, std::vector<std::int64_t>& cuts) {
    for (const OperationId reader : graph[reader_side].readers) {
        const Operation& operation = graph[reader];
        for (const BoundAccess& access : operation.bound.reads) {
            if (operation.inputs[static_cast<std::size_t>(access.argument)] != reader_side) continue;
            const BoundaryRule rule = rule_of(operation, access.argument);
            for (int other = 0; other < plan.ranks; ++other) {
                if (other == rank.value) continue;
                const Box need =
                    touched_box(access, points_of(graph, plan, reader, Rank(other)), graph[reader_side].shape);
                if (points_of(graph, plan, reader, Rank(other)).empty()) continue;
                for (const HaloPiece& piece : halo_pieces(need, graph[reader_side].shape, rule)) {
                    if (piece.kind != HaloPiece::Kind::move) continue;
                    const Box part = intersect(piece.source, owned);
                    if (part.empty()) continue;
                    cuts.push_back(part.lo[axis] - write_axis.lo);
                    cuts.push_back(part.hi[axis] - write_axis.lo);
                }
            }
        }
    }
}

/// All cuts for border tiles along `index`.
std::vector<std::int64_t> border_cuts(const Graph& graph, const Plan& plan, const Versions& versions,
                                      const Operation& operation, int index, Rank rank) {
    std::vector<std::int64_t> cuts;
    for (std::size_t output = 0; output < operation.outputs.size(); ++output) {
        const TensorId tensor = operation.outputs[output];
        const BoundAccess& write = operation.bound.writes[output];
        for (std::size_t axis = 0; axis < write.axes.size(); ++axis) {
            const AxisMap& map = write.axes[axis];
            if (map.terms.size() != 1 || map.terms[0].index != index) continue;
            const Box owned = owned_box(graph, plan, tensor, rank);
            for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
                if (versions[TensorId(i)].family != versions[tensor].family) continue;
                add_border_cuts(graph, plan, TensorId(i), map, static_cast<int>(axis), owned, rank, cuts);
            }
        }
    }
    return cuts;
}

/// [lo, hi) between two cuts, in even tiles of at most `most` coordinates.
void cut_stretch(const Box& box, int index, std::int64_t lo, std::int64_t hi, std::int64_t most,
                 std::vector<Tile>& tiles) {
    const std::int64_t count = (hi - lo + most - 1) / most;
    for (std::int64_t part = 0; part < count; ++part) {
        Tile tile{box, 0};
        tile.box.lo[index] = lo + (hi - lo) * part / count;
        tile.box.hi[index] = lo + (hi - lo) * (part + 1) / count;
        tiles.push_back(tile);
    }
}

}  // namespace

std::vector<Tile> cut_tiles(const Graph& graph, const Plan& plan, const Versions& versions, OperationId id, Rank rank) {
    const Operation& operation = graph[id];
    const Box box = points_of(graph, plan, id, rank);
    if (box.empty()) return {};
    const int index = tile_index(operation, box);
    if (index < 0) return {{box, 0}};
    const std::int64_t row_bytes =
        std::max<std::int64_t>(1, box.volume() / box.extent(index) * bytes_per_point(graph, operation));
    std::int64_t most = std::max<std::int64_t>(1, tile_bytes / row_bytes);
    most = std::max(most, (box.extent(index) + most_tiles - 1) / most_tiles);
    const bool contracted = operation.bound.indices[static_cast<std::size_t>(index)].contracted;
    std::vector<std::int64_t> cuts = {box.lo[index], box.hi[index]};
    if (!contracted && !operation.kernel->is_fold()) {
        for (const std::int64_t cut : border_cuts(graph, plan, versions, operation, index, rank)) {
            if (cut > box.lo[index] && cut < box.hi[index]) cuts.push_back(cut);
        }
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    std::vector<Tile> tiles;
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) cut_stretch(box, index, cuts[i], cuts[i + 1], most, tiles);
    if (contracted) {
        for (std::size_t i = 0; i < tiles.size(); ++i) tiles[i].contracted_part = static_cast<int>(i);
    }
    return tiles;
}

}  // namespace maniple
