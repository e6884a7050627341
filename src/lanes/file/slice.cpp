#include "lanes/file/slice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace maniple {
namespace {

void append_whole(Selection& selection, const Shape& file_shape) {
    const int axis = selection.start.rank();
    selection.start.push_back(0);
    selection.step.push_back(1);
    selection.count.push_back(file_shape[axis]);
    selection.kept.push_back(axis);
}

void append_index(Selection& selection, const Shape& file_shape, std::int64_t index, const Place& place) {
    const int axis = selection.start.rank();
    const std::int64_t extent = file_shape[axis];
    const std::int64_t position = index < 0 ? index + extent : index;
    if (position < 0 || position >= extent) {
        throw JobError(place, fmt::format("index {} is outside axis {} of the data set, which has {} elements", index,
                                          axis, extent));
    }
    selection.start.push_back(position);
    selection.step.push_back(1);
    selection.count.push_back(1);
}

/// As Python's slice.indices.
std::int64_t clamped(std::int64_t position, std::int64_t extent) {
    if (position < 0) position = position < -extent ? 0 : position + extent;
    return std::min(position, extent);
}

void append_range(Selection& selection, const Shape& file_shape, const SliceItem& item, const Place& place) {
    const int axis = selection.start.rank();
    const std::int64_t extent = file_shape[axis];
    const std::int64_t step = item.step.value_or(1);
    if (step < 1) throw JobError(place, fmt::format("a slice's step must be at least 1, this one is {}", step));
    const std::int64_t start = clamped(item.start.value_or(0), extent);
    const std::int64_t stop = std::max(start, clamped(item.stop.value_or(extent), extent));
    selection.start.push_back(start);
    selection.step.push_back(step);
    selection.count.push_back(stop == start ? 0 : (stop - start - 1) / step + 1);
    selection.kept.push_back(axis);
}

}  // namespace

Shape Selection::shape() const {
    Shape result;
    for (std::int64_t axis : kept) result.push_back(count[static_cast<int>(axis)]);
    return result;
}

Selection Selection::part(const Box& box) const {
    Selection result = *this;
    for (int seen = 0; seen < kept.rank(); ++seen) {
        const int axis = static_cast<int>(kept[seen]);
        result.start[axis] = start[axis] + box.lo[seen] * step[axis];
        result.count[axis] = box.extent(seen);
    }
    return result;
}

Selection select(const Shape& file_shape, const std::vector<SliceItem>& slice, const Place& place) {
    using Kind = SliceItem::Kind;
    const auto is_ellipsis = [](const SliceItem& item) { return item.kind == Kind::ellipsis; };
    const auto ellipses = std::count_if(slice.begin(), slice.end(), is_ellipsis);
    if (ellipses > 1) throw JobError(place, "a slice may hold only one '...'");
    const int items = static_cast<int>(std::ssize(slice) - ellipses);
    if (items > file_shape.rank()) {
        throw JobError(place, fmt::format("the slice has {} items, but the data set has {} {}", items,
                                          file_shape.rank(), file_shape.rank() == 1 ? "axis" : "axes"));
    }
    Selection selection;
    for (const SliceItem& item : slice) {
        if (item.kind == Kind::index) append_index(selection, file_shape, item.index, place);
        if (item.kind == Kind::range) append_range(selection, file_shape, item, place);
        if (item.kind != Kind::ellipsis) continue;
        for (int whole = items; whole < file_shape.rank(); ++whole) append_whole(selection, file_shape);
    }
    while (selection.start.rank() < file_shape.rank()) append_whole(selection, file_shape);
    return selection;
}

}  // namespace maniple
