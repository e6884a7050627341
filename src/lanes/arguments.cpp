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

/// The block by loop indices: axis_of_index[i] is its axis, or -1 for a broadcast index.
maniple_tensor loop_axes(const Operation& operation, const Block& block, const std::vector<int>& axis_of_index) {
    const maniple_tensor own = own_axes(block);
    maniple_tensor view{};
    view.data = own.data;
    view.offset = own.offset;
    view.rank = static_cast<int>(axis_of_index.size());
    for (int index = 0; index < view.rank; ++index) {
        const int axis = axis_of_index[static_cast<std::size_t>(index)];
        view.stride[index] = axis < 0 ? 0 : own.stride[axis];
        view.lo[index] = axis < 0 ? 0 : own.lo[axis];
        const std::int64_t extent = operation.bound.indices[static_cast<std::size_t>(index)].extent;
        view.hi[index] = axis < 0 ? std::max<std::int64_t>(extent, 1) : own.hi[axis];
    }
    return view;
}

maniple_tensor by_access(const Operation& operation, const BoundAccess& access, const Block& block) {
    if (!operation.bound.ellipsis) {
        maniple_tensor view = own_axes(block);
        for (int axis = 0; axis < view.rank; ++axis) {
            const AxisMap& map = access.axes[static_cast<std::size_t>(axis)];
            if (!map.whole) continue;
            view.lo[axis] = 0;  // the block may have a halo for other readers
            view.hi[axis] = map.extent;
        }
        return view;
    }
    std::vector<int> axis_of_index(operation.bound.indices.size(), -1);
    for (std::size_t axis = 0; axis < access.axes.size(); ++axis) {
        for (const AxisMap::Term& term : access.axes[axis].terms)
            axis_of_index[static_cast<std::size_t>(term.index)] = static_cast<int>(axis);
    }
    return loop_axes(operation, block, axis_of_index);
}

}  // namespace

maniple_tensor input_view(const Operation& operation, int argument, const Block& block) {
    for (const BoundAccess& access : operation.bound.reads) {
        if (access.argument == argument) return by_access(operation, access, block);
    }
    broken_invariant(__FILE__, __LINE__,
                     operation.kernel->name + " does not read its argument " + std::to_string(argument));
}

maniple_tensor output_view(const Operation& operation, int output, const Block& block) {
    return by_access(operation, operation.bound.writes[static_cast<std::size_t>(output)], block);
}

maniple_tensor state_view(const Operation& operation, const Block& block, std::int64_t part) {
    // By the kept indices, which are the axes of the first output; for an ellipsis by all.
    std::vector<int> axis_of_index;
    const std::vector<int> kept = operation.bound.kept();
    if (operation.bound.ellipsis) {
        axis_of_index.assign(operation.bound.indices.size(), -1);
        for (std::size_t i = 0; i < kept.size(); ++i)
            axis_of_index[static_cast<std::size_t>(kept[i])] = static_cast<int>(i) + 1;
    } else {
        for (std::size_t i = 0; i < kept.size(); ++i) axis_of_index.push_back(static_cast<int>(i) + 1);
    }
    maniple_tensor view = loop_axes(operation, block, axis_of_index);
    view.offset += part * block.strides()[0];
    return view;
}

maniple_call call_over(const Operation& operation, const Box& points) {
    maniple_call call{};
    call.rank = points.rank();
    for (int index = 0; index < points.rank(); ++index) {
        call.lo[index] = points.lo[index];
        call.hi[index] = points.hi[index];
        call.extent[index] = operation.bound.indices[static_cast<std::size_t>(index)].extent;
    }
    return call;
}

}  // namespace maniple
