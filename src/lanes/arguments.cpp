#include "lanes/arguments.hpp"

#include <algorithm>

namespace maniple {

namespace {

/// The whole block by its own axes.
maniple_tensor own_axes(const Block& block) {
    maniple_tensor view{};
    view.data = block.data;
    view.rank = block.box.rank();
    const Extents strides = block.strides();
    for (int axis = 0; axis < view.rank; ++axis) {
        view.stride[axis] = strides[axis];
        view.lo[axis] = block.box.lo[axis];
        view.hi[axis] = block.box.hi[axis];
        view.offset -= block.box.lo[axis] * strides[axis];
    }
    return view;
}

/// Axis `to` of `view` is axis `from` of `own`; one point for every of `extent` where `from` is negative.
void set_axis(maniple_tensor& view, int to, const maniple_tensor& own, int from, std::int64_t extent) {
    view.stride[to] = from < 0 ? 0 : own.stride[from];
    view.lo[to] = from < 0 ? 0 : own.lo[from];
    view.hi[to] = from < 0 ? std::max<std::int64_t>(extent, 1) : own.hi[from];
}

using AxisOfIndex = ShortVector<int, max_rank>;

/// The block by the indices of the ellipsis, axis_of_index[i] being its axis or -1, and behind them its axes from
/// `first` on.
maniple_tensor ellipsis_axes(const Operation& operation, const Block& block, const AxisOfIndex& axis_of_index,
                             int first) {
    const maniple_tensor own = own_axes(block);
    maniple_tensor view{};
    view.data = own.data;
    view.offset = own.offset;
    for (const int axis : axis_of_index) {
        set_axis(view, view.rank, own, axis, operation.bound->indices[static_cast<std::size_t>(view.rank)].extent);
        ++view.rank;
    }
    for (int axis = first; axis < own.rank; ++axis) set_axis(view, view.rank++, own, axis, 0);
    return view;
}

/// Coordinate c = offset + coefficient * index of an axis with [lo, hi) there: the index's ones.
void set_reach(maniple_tensor& view, const AxisMap& map, std::int64_t lo, std::int64_t hi) {
    const auto [index, coefficient] = map.terms[0];
    view.lo[index] = (lo - map.lo + coefficient - 1) / coefficient;
    view.hi[index] = (hi - 1 - map.lo) / coefficient + 1;
}

/// The block by the indices of the ellipsis, and behind them its axes that have names.
maniple_tensor by_access(const Operation& operation, const BoundAccess& access, const Block& block) {
    const AxisOfIndex none(static_cast<std::size_t>(operation.bound->ellipsis_axes), -1);
    maniple_tensor view = ellipsis_axes(operation, block, none, access.leading);
    const maniple_tensor own = own_axes(block);
    for (int axis = 0; axis < access.leading; ++axis) {
        const AxisMap& map = access.axes[static_cast<std::size_t>(axis)];
        view.offset += map.lo * own.stride[axis];
        for (const AxisMap::Term& term : map.terms) view.stride[term.index] += term.coefficient * own.stride[axis];
        if (map.terms.size() == 1) set_reach(view, map, own.lo[axis], own.hi[axis]);
    }
    for (int axis = access.leading; axis < own.rank; ++axis) {
        const AxisMap& map = access.axes[static_cast<std::size_t>(axis)];
        if (!map.whole) continue;
        const int to = operation.bound->ellipsis_axes + axis - access.leading;
        view.lo[to] = 0;  // the block may have a halo for other readers
        view.hi[to] = map.extent;
    }
    return view;
}

}  // namespace

maniple_tensor input_view(const Operation& operation, int argument, const Block& block) {
    for (const BoundAccess& access : operation.bound->reads) {
        if (access.argument == argument) return by_access(operation, access, block);
    }
    broken_invariant(__FILE__, __LINE__,
                     operation.kernel->name + " does not read its argument " + std::to_string(argument));
}

maniple_tensor output_view(const Operation& operation, int output, const Block& block) {
    return by_access(operation, operation.bound->writes[static_cast<std::size_t>(output)], block);
}

maniple_tensor state_view(const Operation& operation, const Block& block, std::int64_t part) {
    // Behind the part come the kept indices, first those of the ellipsis.
    AxisOfIndex axis_of_index(static_cast<std::size_t>(operation.bound->ellipsis_axes), -1);
    int axis = 1;
    for (const int index : operation.bound->kept()) {
        if (index < operation.bound->ellipsis_axes) axis_of_index[static_cast<std::size_t>(index)] = axis++;
    }
    maniple_tensor view = ellipsis_axes(operation, block, axis_of_index, axis);
    view.offset += part * block.strides()[0];
    return view;
}

maniple_call call_over(const Operation& operation, const Box& points) {
    maniple_call call{};
    call.rank = points.rank();
    for (int index = 0; index < points.rank(); ++index) {
        call.lo[index] = points.lo[index];
        call.hi[index] = points.hi[index];
        call.extent[index] = operation.bound->indices[static_cast<std::size_t>(index)].extent;
    }
    return call;
}

}  // namespace maniple
