#include "program/row_alignment.hpp"

namespace maniple {

namespace {

constexpr std::int64_t line_bytes = 64;
constexpr std::int64_t least_share = 16;

std::int64_t rounded_up(std::int64_t count, std::int64_t multiple) {
    return (count + multiple - 1) / multiple * multiple;
}

}  // namespace

Box with_aligned_rows(const Box& box, const Box& owned, std::int64_t element_bytes) {
    const int last = box.rank() - 1;
    if (last < 1 || owned.empty() || element_bytes <= 0 || line_bytes % element_bytes != 0) return box;
    const bool has_halo = box.lo[last] < owned.lo[last] || box.hi[last] > owned.hi[last];
    if (!has_halo) return box;
    const std::int64_t line = line_bytes / element_bytes;
    Box wide = box;
    wide.lo[last] = owned.lo[last] - rounded_up(owned.lo[last] - box.lo[last], line);
    wide.hi[last] = wide.lo[last] + rounded_up(box.hi[last] - wide.lo[last], line);
    const std::int64_t more = wide.extent(last) - box.extent(last);
    return more * least_share > box.extent(last) ? box : wide;
}

}  // namespace maniple
