#include "program/tiles.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "base/whole_numbers.hpp"
#include "plan/block_cost.hpp"
#include "plan/neighbours.hpp"
#include "program/halo.hpp"
#include "program/lane_claims.hpp"
#include "program/point_costs.hpp"
#include "program/product_tiles.hpp"
#include "program/tile_cost.hpp"

namespace maniple {

namespace {

/// Of a piece that goes to a file or comes from there.
constexpr std::int64_t piece_bytes = 4 << 20;
/// Of 64 GiB; of more, pieces grow: so a program's size, and the time to build one, have a bound.
constexpr std::int64_t most_pieces = 16384;

/// Half of a typical second-level cache of one core: a tile's inputs and outputs together.
constexpr std::int64_t tile_bytes = 256 * 1024;
/// As large as a tile may become so that there are fewer of them.
constexpr std::int64_t largest_tile_bytes = 2 * tile_bytes;
/// Bounds the size of a program; beyond it tiles grow.
constexpr std::int64_t most_tiles = 256;

/// Of what may be claimed: many tiles, so that all end together, none so short that a claim costs a part of it.
struct ClaimedTiles {
    std::int64_t most = 64;
    double worth_ns = 100'000;
};
/// A gpu starts later than another rank, and what it claims may go there and back.
constexpr ClaimedTiles claimed_by_ranks, claimed_by_lanes{32, 500'000};
constexpr std::int64_t irregular_claimed_tiles = 256;

std::int64_t bytes_per_point(const Graph& graph, const Operation& operation) {
    std::int64_t bytes = 0;
    for (const TensorId input : operation.inputs) bytes += static_cast<std::int64_t>(size_of(graph[input].dtype));
    for (const TensorId output : operation.outputs) bytes += static_cast<std::int64_t>(size_of(graph[output].dtype));
    return bytes;
}

/// Which indices of an operation may be cut: of a fold either kept or contracted ones; both where neither have enough
/// points for the lanes, which then get a few points each.
class Cuttable {
public:
    Cuttable(const Operation& operation, const Box& box, std::size_t lanes) : operation_(operation) {
        for (const int index : operation.bound->kept()) kept_volume_ *= box.extent(index);
        if (!operation.kernel->is_fold()) return;
        contracted_ = largest_or_outermost(box, true) >= 0 && is_contracted(largest_or_outermost(box, true));
        const std::int64_t needed = static_cast<std::int64_t>(lanes);
        if (lanes == 1 || volume(box) >= needed) return;
        contracted_ = !contracted_;
        mixed_ = volume(box) < needed;
    }

    /// The outermost index that has something to cut, else the longest; -1: none. Contracted ones are not cut into
    /// tiles where each part would have a large state.
    int tile_index(const Box& box) const { return mixed_ ? -1 : largest_or_outermost(box, false); }
    /// Whether tiles may share kept coordinates, so that each has a state of its own.
    bool contracted() const { return contracted_ || mixed_; }
    bool allows(int index) const {
        const bool side = mixed_ || is_contracted(index) == contracted_;
        return !operation_.bound->indices[static_cast<std::size_t>(index)].whole && side;
    }
    /// The longest kept index that has something to cut; -1: none.
    int longest_index(const Box& box) const {
        int longest = -1;
        for (int index = 0; index < box.rank(); ++index) {
            if (!allows(index) || is_contracted(index) || box.extent(index) < 2) continue;
            if (longest < 0 || box.extent(index) > box.extent(longest)) longest = index;
        }
        return longest;
    }
    /// The index to share among `lanes`: the outermost that is long enough, else the longest; -1: none can be cut.
    /// Kept ones come first, so that tiles of equal kept coordinates stand together.
    int share_index(const Box& box, std::int64_t lanes) const {
        for (const bool contracted : {false, true}) {
            int index = -1;
            for (int i = 0; i < box.rank(); ++i) {
                if (!allows(i) || is_contracted(i) != contracted || box.extent(i) < 2) continue;
                if (contracted && !keeps_order(operation_, box, i)) continue;
                if (index >= 0 && box.extent(i) <= box.extent(index)) continue;
                index = i;
                if (box.extent(i) >= lanes) break;
            }
            if (index >= 0) return index;
        }
        return -1;
    }
    /// Points along the indices that may be cut.
    std::int64_t volume(const Box& box) const {
        std::int64_t result = 1;
        for (int index = 0; index < box.rank(); ++index) result *= allows(index) ? box.extent(index) : 1;
        return result;
    }

private:
    static constexpr std::int64_t large_state = 4096;

    bool is_contracted(int index) const {
        return operation_.bound->indices[static_cast<std::size_t>(index)].contracted;
    }

    int largest_or_outermost(const Box& box, bool both) const {
        int largest = -1;
        for (int index = 0; index < box.rank(); ++index) {
            if (operation_.bound->indices[static_cast<std::size_t>(index)].whole || (!both && !allows(index))) continue;
            if (is_contracted(index) && kept_volume_ > large_state) continue;
            if (is_contracted(index) && !keeps_order(operation_, box, index)) continue;
            if (box.extent(index) >= 8) return index;
            if (largest < 0 || box.extent(index) > box.extent(largest)) largest = index;
        }
        return largest;
    }

    const Operation& operation_;
    std::int64_t kept_volume_ = 1;
    bool contracted_ = false;
    bool mixed_ = false;
};

/// What is known of the work on the cpu's tiles.
struct TileWork {
    double point_ns = 0;  ///< 0: not known, or it must not matter
    int threads = 1;
};

/// A lane's part of a box.
struct Share {
    int lane = LaneChoice::cpu_lane;
    Box box;
};

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Halves the lanes and cuts the box between the halves by their weights, until each lane has its part. Where there are
/// fewer points than lanes, the last lanes get none.
void share_box(const Box& box, const Cuttable& cuttable, std::span<const int> lanes, std::span<const double> weights,
               std::vector<Share>& shares) {
    const auto count = static_cast<std::int64_t>(lanes.size());
    const int index = cuttable.share_index(box, count);
    if (count == 1 || index < 0) {
        shares.push_back({lanes[0], box});
        return;
    }
    const std::int64_t extent = box.extent(index);
    const std::int64_t row = std::max<std::int64_t>(1, cuttable.volume(box) / extent);
    const std::int64_t first = count / 2;
    const auto half = static_cast<std::size_t>(first);
    const double low_weight = std::accumulate(weights.begin(), weights.begin() + first, 0.0);
    const double all_weight = std::accumulate(weights.begin() + first, weights.end(), low_weight);
    std::int64_t rows = std::llround(static_cast<double>(extent) * low_weight / all_weight);
    rows = std::min(std::max(rows, divided_up(first, row)), extent - divided_up(count - first, row));
    rows = std::clamp<std::int64_t>(rows, 1, extent - 1);
    Box low = box, high = box;
    low.hi[index] = high.lo[index] = box.lo[index] + rows;
    share_box(low, cuttable, lanes.first(half), weights.first(half), shares);
    share_box(high, cuttable, lanes.subspan(half), weights.subspan(half), shares);
}

/// Loop-index coordinates at which the box of another rank's need of `tensor` begins or ends on this one.
void add_border_cuts(const Graph& graph, const Plan& plan, TensorId reader_side, const AxisMap& write_axis, int axis,
                     const Box& owned, Rank rank, std::vector<std::int64_t>& cuts) {
    for (const OperationId reader : graph[reader_side].readers) {
        const Operation& operation = graph[reader];
        for (const BoundAccess& access : operation.bound->reads) {
            if (operation.inputs[static_cast<std::size_t>(access.argument)] != reader_side) continue;
            const BoundaryRule rule = rule_of(operation, access.argument);
            for (const Rank other : readers_of(graph, plan, {reader, access, reader_side, rule}, owned)) {
                const Box points = points_of(graph, plan, reader, other);
                if (other == rank || points.empty()) continue;
                const Box need = touched_box(access, points, graph[reader_side].shape);
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
    if (plan.ranks == 1) return cuts;
    for (std::size_t output = 0; output < operation.outputs.size(); ++output) {
        const TensorId tensor = operation.outputs[output];
        const BoundAccess& write = operation.bound->writes[output];
        for (std::size_t axis = 0; axis < write.axes.size(); ++axis) {
            const AxisMap& map = write.axes[axis];
            if (map.terms.size() != 1 || map.terms[0].index != index) continue;
            const Box owned = owned_box(graph, plan, tensor, rank);
            for (const TensorId member : versions.members_of(versions[tensor].family))
                add_border_cuts(graph, plan, member, map, static_cast<int>(axis), owned, rank, cuts);
        }
    }
    return cuts;
}

/// [lo, hi) between two cuts, in even tiles of at most `most` coordinates.
void cut_stretch(const Share& share, int index, std::int64_t lo, std::int64_t hi, std::int64_t most,
                 std::vector<Tile>& tiles) {
    const std::int64_t count = divided_up(hi - lo, most);
    for (std::int64_t part = 0; part < count; ++part) {
        Tile tile{share.box, 0, share.lane};
        tile.box.lo[index] = lo + begin_of_part(hi - lo, part, count);
        tile.box.hi[index] = lo + begin_of_part(hi - lo, part + 1, count);
        tiles.push_back(tile);
    }
}

/// A part of a fold cut into its rows along short outer contracted indices, in the order of its elements, so that what
/// is left to cut is long.
std::vector<Share> rows_of(const Operation& operation, const Cuttable& cuttable, const Share& share) {
    constexpr std::int64_t short_extent = 8;
    const int index = cuttable.tile_index(share.box);
    if (share.lane != LaneChoice::cpu_lane || index < 0 || !cuttable.contracted()) return {share};
    bool more = false;
    for (int inner = index + 1; inner < share.box.rank(); ++inner) {
        const bool contracted = operation.bound->indices[static_cast<std::size_t>(inner)].contracted;
        const bool lost = contracted && !keeps_order(operation, share.box, inner);
        more = more || (lost && share.box.extent(inner) >= short_extent);
    }
    if (!more || share.box.extent(index) >= short_extent || share.box.extent(index) < 2) return {share};
    std::vector<Share> rows;
    for (std::int64_t at = share.box.lo[index]; at < share.box.hi[index]; ++at) {
        Share row = share;
        row.box.lo[index] = at;
        row.box.hi[index] = at + 1;
        for (const Share& part : rows_of(operation, cuttable, row)) rows.push_back(part);
    }
    return rows;
}

/// The most coordinates along `index` of a tile that is claimed: nobody knows beforehand how long irregular ones take, so
/// they are cut finer.
std::int64_t claimed_extent(const Graph& graph, const Operation& operation, const Box& box, int index,
                            const ClaimedTiles& claimed) {
    const std::int64_t extent = box.extent(index);
    const bool irregular = operation.kernel->signature.irregular;
    const double row_points = static_cast<double>(box.volume()) / static_cast<double>(extent);
    const double row_ns = irregular ? row_points * irregular_point_ns : work_ns(graph, operation, row_points);
    const std::int64_t most = irregular ? irregular_claimed_tiles : claimed.most;
    const double rows = std::min(claimed.worth_ns / std::max(row_ns, 1e-3), static_cast<double>(extent));
    // Not all of a small box in one: several may share it.
    const std::int64_t worth = std::min(static_cast<std::int64_t>(rows), divided_up(extent, 4));
    return std::max({std::int64_t{1}, worth, divided_up(extent, most)});
}

/// So many coordinates along `index` that they touch no more than `bytes`, at least one.
std::int64_t rows_within(const Graph& graph, const Operation& operation, Box box, int index, std::int64_t bytes) {
    const std::int64_t extent = box.extent(index);
    const std::int64_t all = touched_bytes(graph, operation, box);
    box.hi[index] = box.lo[index] + 1;
    const std::int64_t first = touched_bytes(graph, operation, box);
    if (extent < 2 || all == first) return all <= bytes ? extent : 1;
    const std::int64_t rest = capped_product(std::max<std::int64_t>(0, bytes - first), extent - 1);
    return std::clamp<std::int64_t>(rest / (all - first) + 1, 1, extent);
}

/// Rows of a tile that fits the cache, unless it takes more than twice as long as it should (a half more or less says
/// little: costs waver) or little longer than what it costs besides.
std::int64_t rows_by_cost(const Graph& graph, const Operation& operation, const Share& share, int index,
                          std::int64_t cached_rows, const TileWork& work) {
    const double extent = static_cast<double>(share.box.extent(index));
    const double total_ns = static_cast<double>(share.box.volume()) * work.point_ns;
    const double row_ns = total_ns / extent;
    const double tile_ns = row_ns * std::min(extent, static_cast<double>(cached_rows));
    const double wanted_ns = wanted_tile_ns(total_ns, work.threads, operation.kernel->signature.irregular);
    const auto wanted_rows = static_cast<std::int64_t>(std::clamp(wanted_ns / row_ns, 1.0, extent));
    if (tile_ns > 2 * wanted_ns) return wanted_rows;
    if (tile_ns > 4 * tile_overhead_ns) return cached_rows;
    const std::int64_t most = rows_within(graph, operation, share.box, index, largest_tile_bytes);
    return std::max(cached_rows, std::min(wanted_rows, most));
}

/// The index to cut into tiles: another one than Cuttable::tile_index() says where that has too few coordinates for
/// threads of which each takes long.
int index_by_cost(const Operation& operation, const Cuttable& cuttable, const Share& share, const TileWork& work) {
    constexpr std::int64_t enough_tiles_a_thread = 4;
    const int index = cuttable.tile_index(share.box);
    if (index < 0 || work.point_ns <= 0 || share.lane != LaneChoice::cpu_lane) return index;
    const std::int64_t extent = share.box.extent(index);
    const double total_ns = static_cast<double>(share.box.volume()) * work.point_ns;
    const double wanted_ns = wanted_tile_ns(total_ns, work.threads, operation.kernel->signature.irregular);
    const bool too_few =
        extent < enough_tiles_a_thread * work.threads && total_ns / static_cast<double>(extent) > 2 * wanted_ns;
    const int longest = too_few ? cuttable.longest_index(share.box) : -1;
    return longest < 0 ? index : longest;
}

/// The most coordinates along `index` that a tile of `share` has. A gpu takes all of its share at once.
std::int64_t tile_extent(const Graph& graph, const Operation& operation, const Share& share, int index,
                         const TileWork& work) {
    const std::int64_t extent = share.box.extent(index);
    if (share.lane != LaneChoice::cpu_lane) return extent;
    const std::int64_t row_bytes =
        std::max<std::int64_t>(1, capped_product(share.box.volume() / extent, bytes_per_point(graph, operation)));
    std::int64_t rows = std::max<std::int64_t>(1, tile_bytes / row_bytes);
    if (work.point_ns > 0) rows = rows_by_cost(graph, operation, share, index, rows, work);
    return std::max(rows, divided_up(extent, most_tiles));
}

}  // namespace

std::vector<Box> pieces_of(const Box& box, std::int64_t element_bytes) {
    if (box.empty()) return {};
    if (box.rank() == 0) return {box};
    const std::int64_t row_bytes = std::max<std::int64_t>(1, box.volume() / box.extent(0) * element_bytes);
    const std::int64_t rows = std::max(piece_bytes / row_bytes, divided_up(box.extent(0), most_pieces));
    std::vector<Box> pieces;
    for (std::int64_t lo = box.lo[0]; lo < box.hi[0];) {
        Box piece = box;
        piece.lo[0] = lo;
        piece.hi[0] = lo += std::min(rows, box.hi[0] - lo);
        pieces.push_back(piece);
    }
    return pieces;
}

std::vector<Tile> cut_tiles(const Graph& graph, const Plan& plan, const Versions& versions, OperationId id, Rank rank,
                            const LaneChoice& choice, double point_ns) {
    const Operation& operation = graph[id];
    const Box box = points_of(graph, plan, id, rank);
    if (box.empty()) return {};
    std::vector<Share> of_lanes, shares;
    const bool by_lanes = is_claimed_by_lanes(plan, choice, id);
    const bool is_claimed = plan[id].claimable || by_lanes;
    const std::vector<int> lanes = by_lanes ? std::vector<int>{LaneChoice::cpu_lane} : choice.of(id);
    const ClaimedTiles& claims = by_lanes ? claimed_by_lanes : claimed_by_ranks;
    const Cuttable cuttable(operation, box, lanes.size());
    const bool by_cost = !is_claimed && !cuttable.contracted() && may_follow_cost(operation);
    const TileWork work{by_cost ? point_ns : 0, choice.threads};
    if (lanes.size() == 1) {
        of_lanes.push_back({lanes[0], box});
    } else {
        share_box(box, cuttable, lanes, choice.weights_of(id), of_lanes);
    }
    for (const Share& share : of_lanes) {
        for (const Share& row : rows_of(operation, cuttable, share)) shares.push_back(row);
    }
    std::vector<Tile> tiles;
    for (const Share& share : shares) {
        if (share.lane == LaneChoice::cpu_lane && !cuttable.contracted() && is_product(operation, share.box)) {
            const int claimants = is_claimed ? static_cast<int>(claims.most / 4) : 1;
            const int threads = std::max(choice.threads, claimants);
            for (const Box& piece : product_tiles(graph, operation, share.box, threads, work.point_ns))
                tiles.push_back({piece, 0, share.lane});
            continue;
        }
        const int index = index_by_cost(operation, cuttable, share, work);
        if (index < 0) {
            tiles.push_back({share.box, 0, share.lane});
            continue;
        }
        std::vector<std::int64_t> cuts = {share.box.lo[index], share.box.hi[index]};
        if (!operation.kernel->is_fold()) {
            for (const std::int64_t cut : border_cuts(graph, plan, versions, operation, index, rank)) {
                if (cut > share.box.lo[index] && cut < share.box.hi[index]) cuts.push_back(cut);
            }
        }
        std::sort(cuts.begin(), cuts.end());
        cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
        const std::int64_t most = is_claimed && share.lane == LaneChoice::cpu_lane
                                      ? claimed_extent(graph, operation, share.box, index, claims)
                                      : tile_extent(graph, operation, share, index, work);
        for (std::size_t i = 0; i + 1 < cuts.size(); ++i) cut_stretch(share, index, cuts[i], cuts[i + 1], most, tiles);
    }
    if (cuttable.contracted()) {
        for (std::size_t i = 0; i < tiles.size(); ++i) tiles[i].contracted_part = static_cast<int>(i);
    }
    return tiles;
}

bool have_equal_tiles(const std::vector<Tile>& a, const std::vector<Tile>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Tile& x, const Tile& y) {
        return x.lane == y.lane && x.contracted_part == y.contracted_part && x.box == y.box;
    });
}

}  // namespace maniple
