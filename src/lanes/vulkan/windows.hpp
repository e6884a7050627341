// lanes/vulkan/windows.hpp: which bytes of a storage a piece of work touches, and how work is cut so that they fit.
#pragma once

#include <functional>
#include <vector>

#include "lanes/vulkan/recording.hpp"

namespace maniple {

/// Elements [first, end) of a storage; empty if end <= first.
struct Span {
    std::int64_t first = 0;
    std::int64_t end = 0;
};

/// From the first to the last element of `box` in a row-major storage of `all`; what is outside is not counted.
Span span_of(const Box& all, const Box& box);

/// The window over `span`, aligned so that its first byte is also the first of an element.
/// A storage may be read and written up to the next multiple of 16 of its bytes.
Window window_over(StorageId storage, const Span& span, std::int64_t element_bytes, const DeviceLimits& limits);

/// Groups of 64 for so many invocations.
Groups groups_for(std::int64_t points, const DeviceLimits& limits);
/// The most invocations of one dispatch.
std::int64_t max_points(const DeviceLimits& limits);

/// How an index may be cut.
enum class Cutting { freely, contracted, never };

/// A box cut on a grid: every piece of `kept` with every piece of `contracted`, these in the order of a fold.
struct Grid {
    std::vector<Box> kept;        ///< contracted indices whole
    std::vector<Box> contracted;  ///< kept indices whole
};

/// How large a piece is, in limits: above 1 is too large.
struct PieceSize {
    double largest = 0;  ///< of its windows and its number of points
    double total = 0;    ///< of all of them

    auto operator<=>(const PieceSize&) const = default;
    void add(std::int64_t amount, std::int64_t limit) {
        const double share = static_cast<double>(amount) / static_cast<double>(limit);
        largest = largest < share ? share : largest;
        total += share;
    }
};
using SizeOf = std::function<PieceSize(const Box&)>;

/// Halves the pieces of `box` until the first of them, which is the largest, is not too large. Of the indices that may be cut the one that helps most is cut; of the
/// contracted ones the first with more than one coordinate, which keeps the order of a fold.
/// Errors: UnavailableError, with `what`, if nothing helps.
Grid cut_grid(const Box& box, const std::vector<Cutting>& cutting, const SizeOf& size_of, const std::string& what);

}  // namespace maniple
