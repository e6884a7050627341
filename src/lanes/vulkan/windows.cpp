#include "lanes/vulkan/windows.hpp"

#include <algorithm>
#include <numeric>

namespace maniple {

namespace {

constexpr std::int64_t group_size = 64;

/// Coordinates [lo, hi) of an index in `parts` pieces, the first ones one longer where it does not divide.
std::vector<std::pair<std::int64_t, std::int64_t>> pieces_of(std::int64_t lo, std::int64_t hi, std::int64_t parts) {
    std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
    const std::int64_t each = (hi - lo) / parts;
    const std::int64_t longer = (hi - lo) % parts;
    for (std::int64_t i = 0; i < parts; ++i) {
        const std::int64_t end = lo + each + (i < longer ? 1 : 0);
        pieces.emplace_back(lo, end);
        lo = end;
    }
    return pieces;
}

/// All pieces of `box` where index i is cut into parts[i], the last index fastest.
std::vector<Box> all_pieces(const Box& box, const std::vector<std::int64_t>& parts) {
    std::vector<Box> boxes{box};
    for (int index = 0; index < box.rank(); ++index) {
        std::vector<Box> next;
        for (const Box& whole : boxes) {
            for (const auto& [lo, hi] :
                 pieces_of(box.lo[index], box.hi[index], parts[static_cast<std::size_t>(index)])) {
                next.push_back(whole);
                next.back().lo[index] = lo;
                next.back().hi[index] = hi;
            }
        }
        boxes = std::move(next);
    }
    return boxes;
}

/// The longest piece of each index: the first.
Box first_piece(const Box& box, const std::vector<std::int64_t>& parts) {
    Box piece = box;
    for (int index = 0; index < box.rank(); ++index) {
        const std::int64_t count = parts[static_cast<std::size_t>(index)];
        piece.hi[index] = box.lo[index] + (box.extent(index) + count - 1) / count;
    }
    return piece;
}

class GridCutter {
public:
    GridCutter(const Box& box, const std::vector<Cutting>& cutting, const SizeOf& size_of)
        : box_(box), cutting_(cutting), size_of_(size_of), parts_(cutting.size(), 1) {}

    /// False if nothing helps.
    bool cut() {
        while (size_of_(first_piece(box_, parts_)).largest > 1) {
            if (!cut_once()) return false;
        }
        return true;
    }

    Grid grid() const { return {all_pieces(box_, only(Cutting::freely)), all_pieces(box_, only(Cutting::contracted))}; }

private:
    bool cut_once() {
        const Box piece = first_piece(box_, parts_);
        PieceSize best = size_of_(piece);
        std::vector<std::int64_t> best_parts;
        bool contracted_seen = false;
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            const bool contracted = cutting_[i] == Cutting::contracted;
            if (cutting_[i] == Cutting::never || piece.extent(static_cast<int>(i)) < 2) continue;
            if (contracted && contracted_seen) continue;
            contracted_seen = contracted_seen || contracted;
            std::vector<std::int64_t> parts = parts_;
            parts[i] = std::min(2 * parts[i], box_.extent(static_cast<int>(i)));
            const PieceSize size = size_of_(first_piece(box_, parts));
            if (size < best) {
                best = size;
                best_parts = parts;
            }
        }
        if (best_parts.empty()) return false;
        parts_ = best_parts;
        return true;
    }

    std::vector<std::int64_t> only(Cutting kind) const {
        std::vector<std::int64_t> parts(parts_.size(), 1);
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (cutting_[i] == kind) parts[i] = parts_[i];
        }
        return parts;
    }

    const Box& box_;
    const std::vector<Cutting>& cutting_;
    const SizeOf& size_of_;
    std::vector<std::int64_t> parts_;
};

}  // namespace

Span span_of(const Box& all, const Box& box) {
    const Box inside = intersect(all, box);
    if (inside.empty()) return {};
    Span span{0, 1};
    std::int64_t step = 1;
    for (int axis = all.rank() - 1; axis >= 0; --axis) {
        span.first += (inside.lo[axis] - all.lo[axis]) * step;
        span.end += (inside.hi[axis] - 1 - all.lo[axis]) * step;
        step *= all.extent(axis);
    }
    return span;
}

Window window_over(StorageId storage, const Span& span, std::int64_t element_bytes, const DeviceLimits& limits) {
    if (span.end <= span.first) return {storage, 0, 16};
    const std::int64_t alignment = std::lcm(limits.window_alignment, element_bytes);
    const std::int64_t begin = span.first * element_bytes / alignment * alignment;
    const std::int64_t end = (span.end * element_bytes + 3) / 4 * 4;
    return {storage, begin, end - begin};
}

std::int64_t max_points(const DeviceLimits& limits) {
    // Invocation numbers are 32 bits, and the last row of groups may stand over.
    constexpr std::int64_t most = std::int64_t{1} << 31;
    return std::min(most, limits.max_groups_x * limits.max_groups_y * group_size);
}

Groups groups_for(std::int64_t points, const DeviceLimits& limits) {
    const std::int64_t groups = std::max<std::int64_t>(1, (points + group_size - 1) / group_size);
    const std::int64_t x = std::min({groups, limits.max_groups_x, std::int64_t{65535}});
    return {static_cast<std::uint32_t>(x), static_cast<std::uint32_t>((groups + x - 1) / x)};
}

Grid cut_grid(const Box& box, const std::vector<Cutting>& cutting, const SizeOf& size_of, const std::string& what) {
    GridCutter cutter(box, cutting, size_of);
    if (!cutter.cut()) {
        throw UnavailableError(what +
                               ": a part that may not be cut any further is larger than what a shader of the "
                               "device sees of a buffer at once");
    }
    return cutter.grid();
}

}  // namespace maniple
