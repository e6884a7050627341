#include "program/product_tiles.hpp"

#include <algorithm>

#include "base/whole_numbers.hpp"
#include "program/tile_cost.hpp"

namespace maniple {

namespace {

/// Points that a tile should have at least: 0.1 to 0.2 ms of a fast core.
constexpr std::int64_t worthy_points = std::int64_t{1} << 23;
/// Or bytes, where few points read much (a matrix and a vector).
constexpr std::int64_t worthy_bytes = std::int64_t{1} << 20;
/// And at most: a tenth of a second of a fast core.
constexpr std::int64_t most_points = std::int64_t{1} << 33;
/// Whatever they take then: a program's size, and the time to build one, have a bound.
constexpr std::int64_t most_tiles = 65536;
/// Tiles for each thread, so that the last one does not keep the others waiting for long.
constexpr std::int64_t tiles_a_thread = 4;
/// Points of a tile for each element that it reads: below that copying costs as much as a tenth of the work.
constexpr double good_reuse = 48;

bool has_index(const BoundAccess& access, int index) {
    return std::any_of(access.axes.begin(), access.axes.end(), [&](const AxisMap& axis) {
        return std::any_of(axis.terms.begin(), axis.terms.end(), [&](const auto& term) { return term.index == index; });
    });
}

/// Counts of even parts along each index, and what the largest part touches.
class Cutting {
public:
    Cutting(const Graph& graph, const Operation& operation, const Box& box, int threads, double point_ns)
        : graph_(graph), operation_(operation), box_(box), counts_(static_cast<std::size_t>(box.rank()), 1),
          threads_(threads), point_ns_(point_ns) {}

    void cut() {
        const std::int64_t worth = std::max(worthy_tiles(), touched_bytes(box_) / worthy_bytes);
        const std::int64_t most = tiles_a_thread * threads_;
        const std::int64_t wanted = std::min(std::max(std::min(worth, most), box_.volume() / most_points), most_tiles);
        while (parts() < wanted && halve(wanted)) {}
    }

    std::vector<Box> tiles() const {
        std::vector<Box> tiles = {box_};
        for (int index = 0; index < box_.rank(); ++index) {
            std::vector<Box> cut;
            for (const Box& tile : tiles) {
                const std::int64_t count = counts_[static_cast<std::size_t>(index)];
                for (std::int64_t part = 0; part < count; ++part) {
                    cut.push_back(tile);
                    cut.back().lo[index] = box_.lo[index] + begin_of_part(box_.extent(index), part, count);
                    cut.back().hi[index] = box_.lo[index] + begin_of_part(box_.extent(index), part + 1, count);
                }
            }
            tiles = std::move(cut);
        }
        return tiles;
    }

private:
    std::int64_t worthy_tiles() const {
        if (point_ns_ <= 0) return box_.volume() / worthy_points;
        const double total_ns = static_cast<double>(box_.volume()) * point_ns_;
        return static_cast<std::int64_t>(total_ns / wanted_tile_ns(total_ns, static_cast<int>(threads_), false));
    }

    std::int64_t parts() const {
        std::int64_t product = 1;
        for (const std::int64_t count : counts_) product *= count;
        return product;
    }

    std::int64_t touched_bytes(const Box& points) const {
        std::int64_t bytes = 0;
        for (const BoundAccess& access : operation_.bound->reads)
            bytes = capped_sum(bytes,
                               bytes_of(operation_.inputs[static_cast<std::size_t>(access.argument)], access, points));
        for (std::size_t i = 0; i < operation_.outputs.size(); ++i)
            bytes = capped_sum(bytes, bytes_of(operation_.outputs[i], operation_.bound->writes[i], points));
        return bytes;
    }
    std::int64_t bytes_of(TensorId tensor, const BoundAccess& access, const Box& points) const {
        const Tensor& what = graph_[tensor];
        return touched_box(access, points, what.shape).volume() * static_cast<std::int64_t>(size_of(what.dtype));
    }

    /// The first of the largest parts.
    Box part() const {
        Box part = box_;
        for (int index = 0; index < box_.rank(); ++index) {
            const std::int64_t count = counts_[static_cast<std::size_t>(index)];
            part.hi[index] = part.lo[index] + (box_.extent(index) + count - 1) / count;
        }
        return part;
    }

    /// The bytes that two halves along `index` both read.
    std::int64_t read_again(int index, const Box& points) const {
        std::int64_t bytes = 0;
        for (const BoundAccess& access : operation_.bound->reads) {
            if (!has_index(access, index))
                bytes = capped_sum(
                    bytes, bytes_of(operation_.inputs[static_cast<std::size_t>(access.argument)], access, points));
        }
        return bytes;
    }

    /// Cuts the parts once more where it costs least. False: it would cost too much.
    bool halve(std::int64_t wanted) {
        const Box points = part();
        int best = -1;
        std::int64_t least = 0;
        for (const int index : operation_.bound->kept()) {
            if (operation_.bound->indices[static_cast<std::size_t>(index)].whole || points.extent(index) < 2) continue;
            const std::int64_t again = read_again(index, points);
            if (best >= 0 && again >= least) continue;
            best = index;
            least = again;
        }
        if (best < 0) return false;
        std::int64_t& count = counts_[static_cast<std::size_t>(best)];
        const std::int64_t before = count;
        const std::int64_t others = parts() / count;
        count = std::min({2 * count, box_.extent(best), std::max((wanted + others - 1) / others, count + 1)});
        const Box half = part();
        const auto reads = static_cast<double>(touched_bytes(half)) / 4;
        const bool good = least == 0 || static_cast<double>(half.volume()) >= good_reuse * reads;
        if (good || others * before < threads_) return true;
        count = before;
        return false;
    }

    const Graph& graph_;
    const Operation& operation_;
    const Box& box_;
    std::vector<std::int64_t> counts_;
    std::int64_t threads_;
    double point_ns_;
};

}  // namespace

bool is_product(const Operation& operation, const Box& box) {
    if (!operation.kernel->is_fold()) return false;
    for (const int index : operation.bound->kept()) {
        const auto without = [&](const BoundAccess& access) { return !has_index(access, index); };
        if (box.extent(index) > 1 && std::any_of(operation.bound->reads.begin(), operation.bound->reads.end(), without))
            return true;
    }
    return false;
}

std::vector<Box> product_tiles(const Graph& graph, const Operation& operation, const Box& box, int threads,
                               double point_ns) {
    Cutting cutting(graph, operation, box, threads, point_ns);
    cutting.cut();
    return cutting.tiles();
}

}  // namespace maniple
