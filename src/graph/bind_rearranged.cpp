#include <algorithm>
#include <limits>

#include "graph/bind.hpp"

namespace maniple {

namespace {

using Index = BoundSignature::Index;

const Positions* find(const BindRequest& request, const std::string& name) {
    for (const Positions& positions : request.positions) {
        if (positions.name == name) return &positions;
    }
    return nullptr;
}

std::string argument_text(const BindRequest& request) {
    return "'" + request.input_texts[0] + "' " + to_string(request.inputs[0]);
}

std::int64_t single(const Positions& positions) {
    if (positions.values.size() != 1)
        throw JobError(positions.place, positions.name + " takes one integer, found a list");
    return positions.values[0];
}

int axis_of(const BindRequest& request, const Positions& positions, std::size_t number) {
    const int rank = request.inputs[0].rank();
    const std::int64_t written = positions.values[number];
    const std::int64_t axis = written < 0 ? written + rank : written;
    if (axis < 0 || axis >= rank) {
        throw JobError(positions.places[number], "axis " + std::to_string(written) + " is out of range for " +
                                                     argument_text(request) + ", which has " + std::to_string(rank) +
                                                     (rank == 1 ? " axis" : " axes"));
    }
    return static_cast<int>(axis);
}

/// A binding over `shape`, whose axes are the output's and the loop indices.
Binding over_output(const Shape& shape, BoundAccess read) {
    Binding binding;
    binding.signature.ellipsis = true;
    binding.signature.ellipsis_axes = shape.rank();
    BoundAccess write;
    for (int axis = 0; axis < shape.rank(); ++axis) {
        binding.signature.indices.push_back({"i" + std::to_string(axis), shape[axis], false, false});
        write.axes.push_back({{{axis, 1}}, 0, 0, false});
    }
    read.leading = static_cast<int>(read.axes.size());
    write.leading = shape.rank();
    binding.signature.reads = {std::move(read)};
    binding.signature.writes = {std::move(write)};
    binding.outputs = {shape};
    return binding;
}

Binding bind_permuted(const BindRequest& request) {
    const Shape& from = request.inputs[0];
    const int rank = from.rank();
    std::vector<int> order;
    if (const Positions* axes = find(request, "axes")) {
        for (std::size_t i = 0; i < axes->values.size(); ++i) {
            order.push_back(axis_of(request, *axes, i));
            if (std::count(order.begin(), order.end(), order.back()) > 1)
                throw JobError(axes->places[i], "axis " + std::to_string(axes->values[i]) + " is named twice");
        }
        if (static_cast<int>(order.size()) != rank) {
            throw JobError(axes->place, "axes names " + std::to_string(order.size()) + " axes, expected all " +
                                            std::to_string(rank) + " of " + argument_text(request));
        }
    } else {
        for (int axis = rank; axis-- > 0;) order.push_back(axis);
    }
    Shape to(rank, 0);
    BoundAccess read{0, std::vector<AxisMap>(static_cast<std::size_t>(rank)), 0};
    for (int axis = 0; axis < rank; ++axis) {
        const int source = order[static_cast<std::size_t>(axis)];
        to[axis] = from[source];
        read.axes[static_cast<std::size_t>(source)].terms = {{axis, 1}};
    }
    return over_output(to, std::move(read));
}

/// Python's slice: negative positions count from the end, what lies outside is cut off.
Binding bind_sliced(const BindRequest& request) {
    Shape shape = request.inputs[0];
    const int axis = axis_of(request, *find(request, "axis"), 0);
    static_cast<void>(single(*find(request, "axis")));
    const std::int64_t extent = shape[axis];
    const auto position = [&](const std::string& name, std::int64_t otherwise) {
        const Positions* given = find(request, name);
        if (given == nullptr) return otherwise;
        const std::int64_t value = single(*given);
        return std::clamp<std::int64_t>(value < 0 ? std::max(value, -extent) + extent : value, 0, extent);
    };
    const std::int64_t start = position("start", 0);
    const std::int64_t stop = position("stop", extent);
    const Positions* given = find(request, "step");
    const std::int64_t step = given == nullptr ? 1 : single(*given);
    if (step < 1) throw JobError(given->place, "step is " + std::to_string(step) + ", expected at least 1");
    shape[axis] = stop > start ? (stop - start - 1) / step + 1 : 0;
    BoundAccess read{0, {}, 0};
    for (int i = 0; i < shape.rank(); ++i) {
        AxisMap map{{{i, 1}}, 0, 0, false};
        if (i == axis && shape[axis] > 0) map = {{{i, shape[axis] > 1 ? step : 1}}, start, start, false};
        read.axes.push_back(map);
    }
    return over_output(shape, std::move(read));
}

/// a, then b; `first` [elements along the axis] is true where a is. What a or b lack there is read as zeros beyond them.
Binding bind_joined(const BindRequest& request) {
    const Shape& a = request.inputs[0];
    const Shape& b = request.inputs[1];
    const int axis = axis_of(request, *find(request, "axis"), 0);
    static_cast<void>(single(*find(request, "axis")));
    Shape shape = a;
    for (int i = 0; i < std::max(a.rank(), b.rank()); ++i) {
        if (a.rank() == b.rank() && (i == axis || a[i] == b[i])) continue;
        throw JobError(request.input_places[1], "'" + request.input_texts[1] + "' " + to_string(b) +
                                                    " does not stand behind " + argument_text(request) +
                                                    ": all axes but axis " + std::to_string(axis) + " must be equal");
    }
    shape[axis] += b[axis];
    BoundAccess read_a{0, {}, 0};
    for (int i = 0; i < shape.rank(); ++i) read_a.axes.push_back({{{i, 1}}, 0, 0, false});
    read_a.axes[static_cast<std::size_t>(axis)].leaves = true;
    BoundAccess read_b = read_a;
    read_b.argument = 1;
    read_b.leading = shape.rank();
    read_b.axes[static_cast<std::size_t>(axis)].lo = read_b.axes[static_cast<std::size_t>(axis)].hi = -a[axis];
    const BoundAccess read_first{2, {{{{axis, 1}}, 0, 0, false}}, 1};
    Binding binding = over_output(shape, std::move(read_a));
    binding.signature.reads.push_back(std::move(read_b));
    binding.signature.reads.push_back(read_first);
    return binding;
}

// --- Reshaping -------------------------------------------------------------------------------------------------------

/// The extents asked for, -1 filled in.
Shape wanted_shape(const BindRequest& request) {
    const Positions& given = *find(request, "shape");
    const Shape& from = request.inputs[0];
    if (given.values.size() > static_cast<std::size_t>(max_rank))
        throw JobError(given.place, "shape has more than " + std::to_string(max_rank) + " axes");
    Shape shape;
    int open = -1;
    std::int64_t known = 1;
    for (std::size_t i = 0; i < given.values.size(); ++i) {
        const std::int64_t extent = given.values[i];
        if (extent < -1 || (extent == -1 && open >= 0)) {
            throw JobError(given.places[i],
                           extent == -1 ? "shape has -1 twice" : "an extent is at least 0, or -1: what is left");
        }
        if (extent == -1) open = static_cast<int>(i);
        if (extent >= 0 && __builtin_mul_overflow(known, extent, &known))
            known = std::numeric_limits<std::int64_t>::max();
        shape.push_back(std::max<std::int64_t>(extent, 1));
        if (extent == 0) shape[static_cast<int>(i)] = 0;
    }
    const std::int64_t elements = element_count(from);
    const bool fits = open >= 0 ? known > 0 && elements % known == 0 : known == elements;
    if (!fits) {
        throw JobError(given.place, argument_text(request) + " has " + std::to_string(elements) +
                                        " elements, which do not fill the shape " +
                                        (open >= 0 ? "with one extent left open" : to_string(shape)));
    }
    if (open >= 0) shape[open] = elements / known;
    return shape;
}

/// The numbers of elements in the first 1, 2, … axes of `shape`.
std::vector<std::int64_t> products(const Shape& shape) {
    std::vector<std::int64_t> result;
    std::int64_t product = 1;
    for (int axis = 0; axis < shape.rank(); ++axis) result.push_back(product *= shape[axis]);
    return result;
}

/// The extents whose products are those of both shapes; nothing if an extent would be no integer, or if there are too many.
std::optional<Shape> refinement(const Shape& a, const Shape& b) {
    std::vector<std::int64_t> cuts = products(a);
    for (const std::int64_t product : products(b)) cuts.push_back(product);
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    Shape result;
    std::int64_t before = 1;
    for (const std::int64_t product : cuts) {
        if (product == 1) continue;
        if (product % before != 0 || result.rank() == max_rank) return std::nullopt;
        result.push_back(product / before);
        before = product;
    }
    return result;
}

/// The axes of `shape` by the indices of `fine`, each of which is a part of one axis.
BoundAccess by_parts(const Shape& shape, const Shape& fine) {
    BoundAccess access{0, {}, shape.rank()};
    int next = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) {
        AxisMap map;
        for (std::int64_t left = shape[axis]; left > 1;) {
            left /= fine[next];
            map.terms.push_back({next++, left});
        }
        access.axes.push_back(std::move(map));
    }
    return access;
}

Binding bind_reshaped(const BindRequest& request) {
    const Shape to = wanted_shape(request);
    const Shape& from = request.inputs[0];
    if (element_count(from) == 0) {
        BoundAccess read{0, std::vector<AxisMap>(static_cast<std::size_t>(from.rank())), 0};
        return over_output(to, std::move(read));
    }
    const std::optional<Shape> fine = refinement(from, to);
    MANIPLE_CHECK(fine.has_value(), "a reshaping in one step needs shapes that refine each other");
    Binding binding;
    binding.signature.ellipsis = true;
    binding.signature.ellipsis_axes = fine->rank();
    for (int i = 0; i < fine->rank(); ++i)
        binding.signature.indices.push_back({"i" + std::to_string(i), (*fine)[i], false, false});
    binding.signature.reads = {by_parts(from, *fine)};
    binding.signature.writes = {by_parts(to, *fine)};
    // A part of the index space must be a box of the output: of the indices of one axis only the first may be cut.
    for (const AxisMap& map : binding.signature.writes[0].axes) {
        for (std::size_t i = 1; i < map.terms.size(); ++i)
            binding.signature.indices[static_cast<std::size_t>(map.terms[i].index)].whole = true;
    }
    binding.outputs = {to};
    return binding;
}

/// `from` with axes joined wherever both shapes have no border between them.
Shape joined_axes(const Shape& from, const Shape& to) {
    const std::vector<std::int64_t> a = products(from), b = products(to);
    Shape result;
    std::int64_t before = 1;
    for (const std::int64_t product : a) {
        if (product == before || std::find(b.begin(), b.end(), product) == b.end()) continue;
        result.push_back(product / before);
        before = product;
    }
    return result;
}

}  // namespace

std::vector<Shape> reshape_steps(const BindRequest& request) {
    const Shape to = wanted_shape(request);
    const Shape& from = request.inputs[0];
    if (element_count(from) == 0 || refinement(from, to)) return {to};
    return {joined_axes(from, to), to};
}

Binding bind_rearranged(const BindRequest& request) {
    switch (request.kernel->signature.rearrangement) {
        case Rearrangement::permuted: return bind_permuted(request);
        case Rearrangement::sliced: return bind_sliced(request);
        case Rearrangement::joined: return bind_joined(request);
        default: return bind_reshaped(request);
    }
}

}  // namespace maniple
