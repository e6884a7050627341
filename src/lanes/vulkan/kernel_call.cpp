#include "lanes/vulkan/kernel_call.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "lanes/arguments.hpp"

namespace maniple {

namespace {

/// Contracted points of one invocation. llvmpipe leaves loops after 65535 turns of all loops of an invocation together,
/// without a word, and there is a loop over the axes in each turn; graphics drivers end what runs for seconds.
constexpr std::int64_t most_turns = 7000;

std::uint32_t low_half(std::int64_t value) { return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value)); }
std::uint32_t high_half(std::int64_t value) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) >> 32);
}

const BoundSignature::Index& index_of(const Operation& operation, int index) {
    return operation.bound->indices[static_cast<std::size_t>(index)];
}

/// Whether the body itself loops over an index: one with a name that is whole.
bool is_looped_over(const Operation& operation, int index) {
    return index_of(operation, index).whole && index >= operation.bound->ellipsis_axes;
}

Block block_of(const KernelArgument& argument) {
    return {nullptr, static_cast<std::size_t>(argument.element_bytes), argument.box};
}

/// Coordinates of the storage of a state: its parts, then the kept indices.
Box state_box(const Operation& operation, const KernelArgument& argument, const Box& piece) {
    Box box{Extents{argument.part}, Extents{argument.part + argument.parts}};
    for (const int index : operation.bound->kept()) {
        box.lo.push_back(piece.lo[index]);
        box.hi.push_back(piece.hi[index]);
    }
    return box;
}

/// What a call over `piece` touches of an argument.
Box touched(const KernelCall& call, const KernelArgument& argument, const Box& piece) {
    const Operation& operation = *call.operation;
    if (argument.role == KernelArgument::Role::state) return state_box(operation, argument, piece);
    // A whole axis is all of the storage's: its box has the tensor's extent there, and perhaps a halo.
    Extents shape(argument.box.rank());
    for (int axis = 0; axis < shape.rank(); ++axis) shape[axis] = argument.box.hi[axis];
    if (argument.role == KernelArgument::Role::output)
        return touched_box(operation.bound->writes[static_cast<std::size_t>(argument.number)], piece, shape);
    Box all = Box::nothing(shape.rank());
    for (const BoundAccess& access : operation.bound->reads) {
        if (access.argument == argument.number) all = bounding(all, touched_box(access, piece, shape));
    }
    return all;
}

Window window_of(const KernelCall& call, const KernelArgument& argument, const Box& piece, const DeviceLimits& limits) {
    const Span span = span_of(argument.box, touched(call, argument, piece));
    return window_over(argument.storage, span, argument.element_bytes, limits);
}

maniple_tensor view_of(const Operation& operation, const KernelArgument& argument) {
    switch (argument.role) {
        case KernelArgument::Role::input: return input_view(operation, argument.number, block_of(argument));
        case KernelArgument::Role::output: return output_view(operation, argument.number, block_of(argument));
        default: return state_view(operation, block_of(argument), argument.part);
    }
}

std::int64_t part_stride(const KernelArgument& argument) {
    return argument.role == KernelArgument::Role::state ? block_of(argument).strides()[0] : 0;
}

std::int64_t kept_points(const Operation& operation, const Box& box) {
    std::int64_t points = 1;
    for (int index = 0; index < box.rank(); ++index) {
        if (!index_of(operation, index).contracted && !is_looped_over(operation, index)) points *= box.extent(index);
    }
    return points;
}

/// Invocations of a call over `piece`.
std::int64_t invocations(const KernelCall& call, const Box& piece) {
    if (call.accumulates) return kept_points(*call.operation, piece) * call.segments;
    return numbered_points(*call.operation, piece) * call.group_axis.groups;
}

/// Elements from one coordinate of `index` to the next in input `argument`; 0 if it does not depend on it.
std::int64_t step_of(const Operation& operation, const KernelArgument& argument, int index) {
    const Extents strides = block_of(argument).strides();
    for (const BoundAccess& access : operation.bound->reads) {
        if (access.argument != argument.number) continue;
        for (std::size_t axis = 0; axis < access.axes.size(); ++axis) {
            for (const AxisMap::Term& term : access.axes[axis].terms) {
                if (term.index == index) return std::abs(term.coefficient * strides[static_cast<int>(axis)]);
            }
        }
    }
    return 0;
}

/// Whether neighbours in memory lie along a contracted index: then neighbouring invocations take segments.
bool contracted_is_innermost(const KernelCall& call, const Box& piece) {
    constexpr std::int64_t far = std::numeric_limits<std::int64_t>::max();
    std::int64_t contracted = far;
    std::int64_t kept = far;
    for (const KernelArgument& argument : call.arguments) {
        if (argument.role != KernelArgument::Role::input) continue;
        for (int index = 0; index < piece.rank(); ++index) {
            const std::int64_t step = step_of(*call.operation, argument, index);
            if (step == 0 || piece.extent(index) < 2) continue;
            std::int64_t& nearest = index_of(*call.operation, index).contracted ? contracted : kept;
            nearest = std::min(nearest, step);
        }
    }
    return contracted < kept;
}

void write_parameters(const KernelCall& call, maniple_gpu_call& out) {
    using Type = KernelParameter::Type;
    std::size_t number = 0;
    for (const KernelParameter& parameter : call.operation->kernel->parameters) {
        if (!parameter.seen_by_code()) continue;
        MANIPLE_CHECK(number < MANIPLE_MAX_GPU_PARAMETERS, "too many parameters: " + call.operation->kernel->name);
        const maniple_parameter value = call.operation->parameters[number];
        std::uint32_t* const words = out.parameters + 2 * number++;
        if (parameter.type == Type::real && call.variant->real_bytes == 4) {
            const auto real = static_cast<float>(value.real);
            std::memcpy(words, &real, sizeof real);
        } else {
            static_assert(sizeof value == 8);
            words[0] = low_half(value.integer);
            words[1] = high_half(value.integer);
        }
    }
}

/// Axes as they are: what a body that looks at coordinates needs.
void write_axes(const KernelCall& call, const Box& piece, const std::vector<maniple_tensor>& views,
                maniple_gpu_call& out) {
    const maniple_call host = call_over(*call.operation, piece);
    out.rank = static_cast<std::uint32_t>(host.rank);
    for (int i = 0; i < host.rank; ++i) {
        out.lo[i] = low_half(host.lo[i]);
        out.lo_high[i] = high_half(host.lo[i]);
        out.size[i] = low_half(piece.extent(i));
        out.extent[i] = low_half(host.extent[i]);
        out.extent_high[i] = high_half(host.extent[i]);
        if (index_of(*call.operation, i).contracted) out.contracted |= 1u << i;
    }
    for (std::size_t t = 0; t < views.size(); ++t) {
        out.tensors[t].offset = low_half(views[t].offset);
        for (int axis = 0; axis < views[t].rank; ++axis) {
            out.tensors[t].stride[axis] = low_half(views[t].stride[axis]);
            out.tensors[t].extent[axis] = low_half(views[t].hi[axis] - views[t].lo[axis]);
        }
    }
}

/// One axis of a call whose axes are free.
struct FreeAxis {
    std::int64_t size = 1;
    bool contracted = false;
    std::vector<std::int64_t> strides;  ///< by tensor
};

bool can_join(const FreeAxis& outer, const FreeAxis& inner) {
    if (outer.contracted != inner.contracted) return false;
    for (std::size_t t = 0; t < outer.strides.size(); ++t) {
        if (outer.strides[t] != inner.strides[t] * inner.size) return false;
    }
    return true;
}

/// The first `count` axes from coordinate 0 on, those of one coordinate dropped, those joined that lie behind each other
/// in all tensors.
std::vector<FreeAxis> free_axes(const KernelCall& call, const Box& piece, int count,
                                std::vector<maniple_tensor>& views) {
    std::vector<FreeAxis> axes;
    for (int index = 0; index < count; ++index) {
        FreeAxis axis{piece.extent(index), index_of(*call.operation, index).contracted, {}};
        for (maniple_tensor& view : views) {
            view.offset += piece.lo[index] * view.stride[index];
            axis.strides.push_back(view.stride[index]);
        }
        if (axis.size == 1) continue;
        if (!axes.empty() && can_join(axes.back(), axis)) {
            axis.size *= axes.back().size;
            axes.back() = axis;
        } else {
            axes.push_back(axis);
        }
    }
    return axes;
}

/// The indices with names, the first ones of `out`, and of each tensor its own axes.
void write_named_axes(const KernelCall& call, const Box& piece, const std::vector<maniple_tensor>& views,
                      maniple_gpu_call& out) {
    const maniple_call host = call_over(*call.operation, piece);
    const int leading = call.operation->bound->ellipsis_axes;
    for (int from = leading; from < host.rank; ++from) {
        const int to = from - leading;
        out.lo[to] = low_half(host.lo[from]);
        out.lo_high[to] = high_half(host.lo[from]);
        out.size[to] = low_half(piece.extent(from));
        out.extent[to] = low_half(host.extent[from]);
        out.extent_high[to] = high_half(host.extent[from]);
        if (index_of(*call.operation, from).contracted) out.contracted |= 1u << to;
    }
    for (std::size_t t = 0; t < views.size(); ++t) {
        for (int axis = leading; axis < views[t].rank; ++axis) {
            out.tensors[t].stride[axis - leading] = low_half(views[t].stride[axis]);
            out.tensors[t].extent[axis - leading] = low_half(views[t].hi[axis] - views[t].lo[axis]);
        }
    }
    out.rank = static_cast<std::uint32_t>(host.rank - leading);
}

/// Axes of an ellipsis, which no body sees, behind those with names.
void write_free_axes(const KernelCall& call, const Box& piece, std::vector<maniple_tensor> views,
                     maniple_gpu_call& out) {
    const int leading = call.operation->bound->ellipsis_axes;
    write_named_axes(call, piece, views, out);
    std::vector<FreeAxis> axes = free_axes(call, piece, leading, views);
    if (call.group_axis.groups > 1) {
        const std::int64_t each = call.group_axis.parts_each;
        axes.insert(
            axes.begin(),
            {call.group_axis.groups, false, {part_stride(call.arguments[0]), each * part_stride(call.arguments[1])}});
    }
    for (const FreeAxis& axis : axes) {
        const std::uint32_t i = out.rank++;
        MANIPLE_CHECK(i < MANIPLE_MAX_RANK, "a call of too many axes");
        out.size[i] = low_half(axis.size);
        out.extent[i] = low_half(axis.size);
        out.extent_high[i] = high_half(axis.size);
        if (axis.contracted) out.contracted |= 1u << i;
    }
    for (std::size_t t = 0; t < views.size(); ++t) {
        const auto own = static_cast<std::size_t>(views[t].rank - leading);
        MANIPLE_CHECK(own + axes.size() <= MANIPLE_MAX_RANK, "a tensor of too many axes");
        for (std::size_t i = 0; i < axes.size(); ++i) {
            out.tensors[t].stride[own + i] = low_half(axes[i].strides[t]);
            out.tensors[t].extent[own + i] = low_half(axes[i].size);
        }
        out.tensors[t].offset = low_half(views[t].offset);
    }
}

}  // namespace

bool has_free_axes(const KernelCall& call) {
    const BoundSignature& bound = *call.operation->bound;
    const bool named = !call.operation->kernel->signature.only_ellipses();
    return bound.ellipsis && (named || call.variant->uses_coordinates == 0);
}

std::int64_t numbered_points(const Operation& operation, const Box& box) {
    std::int64_t points = 1;
    for (int index = 0; index < box.rank(); ++index) {
        if (!is_looped_over(operation, index)) points *= box.extent(index);
    }
    return points;
}

PieceSize size_of(const KernelCall& call, const Box& piece, const DeviceLimits& limits) {
    PieceSize size;
    size.add(invocations(call, piece), max_points(limits));
    // Contracted points are numbered by 32 bits too, and one invocation goes through a share of them.
    if (call.accumulates) {
        const std::int64_t contracted =
            numbered_points(*call.operation, piece) / std::max<std::int64_t>(1, kept_points(*call.operation, piece));
        size.add(contracted, max_points(limits));
        size.add((contracted + call.segments - 1) / call.segments, most_turns);
    }
    for (const KernelArgument& argument : call.arguments)
        size.add(window_of(call, argument, piece, limits).bytes, limits.max_window_bytes);
    return size;
}

Dispatch dispatch_over(const KernelCall& call, const Box& piece, const DeviceLimits& limits) {
    const Operation& operation = *call.operation;
    MANIPLE_CHECK(call.arguments.size() <= MANIPLE_MAX_GPU_TENSORS, "too many tensors: " + operation.kernel->name);
    Dispatch dispatch;
    dispatch.kernel = operation.kernel;
    dispatch.shader = call.shader;
    dispatch.inputs_from = call.inputs_from;
    dispatch.target_is_read = !call.fresh;
    const std::int64_t points = invocations(call, piece);
    dispatch.groups = groups_for(points, limits);
    std::vector<maniple_tensor> views;
    for (const KernelArgument& argument : call.arguments) {
        dispatch.windows.push_back(window_of(call, argument, piece, limits));
        views.push_back(view_of(operation, argument));
        views.back().offset -= dispatch.windows.back().offset_bytes / argument.element_bytes;
    }
    maniple_gpu_call& out = dispatch.call;
    out.points = static_cast<std::uint32_t>(points);
    out.segments = static_cast<std::uint32_t>(call.segments);
    out.segments_first = call.accumulates && contracted_is_innermost(call, piece) ? 1 : 0;
    out.fresh = call.fresh ? 1 : 0;
    write_parameters(call, out);
    if (has_free_axes(call)) {
        write_free_axes(call, piece, views, out);
    } else {
        write_axes(call, piece, views, out);
    }
    for (std::size_t t = 0; t < call.arguments.size(); ++t)
        out.tensors[t].part_stride = low_half(part_stride(call.arguments[t]));
    return dispatch;
}

}  // namespace maniple
