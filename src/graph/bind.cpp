#include "graph/bind.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "graph/rules.hpp"

namespace maniple {

namespace {

using Index = BoundSignature::Index;

std::string shape_text(const BindRequest& request, std::size_t argument) {
    return "'" + request.input_texts[argument] + "' " + to_string(request.inputs[argument]);
}

/// An error at argument `argument`, with notes where it and `other` come from.
[[noreturn]] void refuse_pair(const BindRequest& request, std::size_t argument, std::size_t other,
                              std::string message) {
    Diagnostic diagnostic{request.input_places[argument], std::move(message), {}, {}, false};
    for (const std::size_t each : {argument, other}) {
        if (request.input_origins[each])
            diagnostic.notes.push_back({request.input_origins[each], shape_text(request, each) + " comes from here"});
    }
    throw JobError(std::vector<Diagnostic>{std::move(diagnostic)});
}

/// NumPy's broadcast of the first leading[i] axes of each input.
Shape broadcast_shape(const BindRequest& request, const std::vector<int>& leading) {
    int rank = 0;
    for (const int axes : leading) rank = std::max(rank, axes);
    Shape result(rank, 1);
    std::vector<std::size_t> from(static_cast<std::size_t>(rank), 0);
    for (std::size_t argument = 0; argument < request.inputs.size(); ++argument) {
        const Shape& shape = request.inputs[argument];
        for (int axis = 0; axis < leading[argument]; ++axis) {
            const int index = rank - leading[argument] + axis;
            if (shape[axis] == 1 || shape[axis] == result[index]) continue;
            if (result[index] != 1) {
                const std::size_t other = from[static_cast<std::size_t>(index)];
                refuse_pair(request, argument, other,
                            shape_text(request, argument) + " does not broadcast with " + shape_text(request, other) +
                                ": axis " + std::to_string(axis) + " has " + std::to_string(shape[axis]) +
                                " elements, expected 1 or " + std::to_string(result[index]));
            }
            result[index] = shape[axis];
            from[static_cast<std::size_t>(index)] = argument;
        }
    }
    return result;
}

/// Which of `rank` axes a fold by axis contracts.
std::vector<bool> contracted_axes(const BindRequest& request, int rank) {
    std::vector<bool> contracted(static_cast<std::size_t>(rank), request.all_axes);
    for (std::size_t i = 0; i < request.axes.size(); ++i) {
        const std::int64_t written = request.axes[i];
        const std::int64_t axis = written < 0 ? written + rank : written;
        if (axis < 0 || axis >= rank) {
            throw JobError(request.axes_places[i], "axis " + std::to_string(written) + " is out of range for " +
                                                       shape_text(request, 0) + ", which has " + std::to_string(rank) +
                                                       (rank == 1 ? " axis" : " axes"));
        }
        if (contracted[static_cast<std::size_t>(axis)]) {
            throw JobError(request.axes_places[i], "axis " + std::to_string(written) + " is named twice");
        }
        contracted[static_cast<std::size_t>(axis)] = true;
    }
    return contracted;
}

/// The maps of the axes under an ellipsis, the first `leading` ones of `shape`, aligned to the right of `space`.
BoundAccess ellipsis_access(int argument, const Shape& shape, int leading, const Shape& space) {
    BoundAccess access{argument, {}, leading};
    const int shift = space.rank() - leading;
    for (int axis = 0; axis < leading; ++axis) {
        AxisMap map;
        if (shape[axis] == space[axis + shift]) map.terms.push_back({axis + shift, 1});
        access.axes.push_back(map);
    }
    return access;
}

void bind_ellipsis_outputs(const BindRequest& request, Binding& binding) {
    const BoundSignature& signature = binding.signature;
    Shape shape;
    BoundAccess access;
    for (int index = 0; index < static_cast<int>(signature.indices.size()); ++index) {
        const Index& loop = signature.indices[static_cast<std::size_t>(index)];
        if (loop.contracted && !request.keepdims) continue;
        AxisMap map;
        if (!loop.contracted) map.terms.push_back({index, 1});
        access.axes.push_back(map);
        shape.push_back(loop.contracted ? 1 : loop.extent);
    }
    access.leading = static_cast<int>(access.axes.size());
    const std::size_t outputs = request.kernel->signature.output_names().size();
    for (std::size_t output = 0; output < outputs; ++output) {
        access.argument = static_cast<int>(output);
        binding.signature.writes.push_back(access);
        binding.outputs.push_back(shape);
    }
}

void refuse_empty_extremum(const BindRequest& request, const BoundSignature& signature) {
    if (!request.kernel->needs_elements) return;
    for (const Index& index : signature.indices) {
        if (index.contracted && index.extent == 0) {
            throw JobError(request.input_places[0], "the " + request.kernel->name +
                                                        " of no elements: " + shape_text(request, 0) +
                                                        " is empty along an axis that is folded");
        }
    }
}

Binding bind_ellipsis(const BindRequest& request) {
    std::vector<int> ranks;
    for (const Shape& shape : request.inputs) ranks.push_back(shape.rank());
    const Shape space = broadcast_shape(request, ranks);
    Binding binding;
    binding.signature.ellipsis = true;
    binding.signature.ellipsis_axes = space.rank();
    std::vector<bool> contracted(static_cast<std::size_t>(space.rank()), false);
    if (request.kernel->signature.contracted_by_axis) contracted = contracted_axes(request, space.rank());
    for (int axis = 0; axis < space.rank(); ++axis) {
        binding.signature.indices.push_back(
            {"i" + std::to_string(axis), space[axis], contracted[static_cast<std::size_t>(axis)], false});
    }
    refuse_empty_extremum(request, binding.signature);
    for (std::size_t argument = 0; argument < request.inputs.size(); ++argument) {
        binding.signature.reads.push_back(
            ellipsis_access(static_cast<int>(argument), request.inputs[argument], ranks[argument], space));
    }
    bind_ellipsis_outputs(request, binding);
    return binding;
}

/// Binds signatures whose accesses name their indices, behind an ellipsis or without one.
class NamedBinder {
public:
    explicit NamedBinder(const BindRequest& request) : request_(request), signature_(request.kernel->signature) {}

    Binding bind() {
        check_ranks();
        add_ellipsis_axes();
        for (const std::string& name : signature_.index_names()) {
            Index index{name, -1, contains(signature_.contracted, name), contains(signature_.whole, name)};
            numbers_[name] = static_cast<int>(binding_.signature.indices.size());
            binding_.signature.indices.push_back(index);
        }
        check_rank_limit();
        check_requirements(request_);
        find_extents();
        refuse_empty_extremum(request_, binding_.signature);
        bind_reads();
        bind_writes();
        return std::move(binding_);
    }

    void check_ranks() const {
        for (const Access& access : signature_.inputs) {
            const int leading = leading_axes(access);
            const int named = static_cast<int>(access.named().size());
            const std::size_t argument = argument_of(access);
            if (leading < 0 || request_.inputs[argument].rank() != leading + named) wrong_rank(argument, access);
        }
    }

private:
    static bool contains(const std::vector<std::string>& words, const std::string& word) {
        return std::find(words.begin(), words.end(), word) != words.end();
    }

    std::size_t argument_of(const Access& access) const {
        const std::vector<std::string> names = signature_.input_names();
        return static_cast<std::size_t>(std::find(names.begin(), names.end(), access.tensor) - names.begin());
    }

    /// Axes of an argument under the ellipsis of `access`.
    int leading_axes(const Access& access) const {
        if (!access.has_ellipsis()) return 0;
        return request_.inputs[argument_of(access)].rank() - static_cast<int>(access.named().size());
    }

    void add_ellipsis_axes() {
        binding_.signature.ellipsis = signature_.has_ellipsis();
        if (!binding_.signature.ellipsis) return;
        std::vector<int> leading(request_.inputs.size(), 0);
        for (const Access& access : signature_.inputs) leading[argument_of(access)] = leading_axes(access);
        space_ = broadcast_shape(request_, leading);
        binding_.signature.ellipsis_axes = space_.rank();
        for (int axis = 0; axis < space_.rank(); ++axis) {
            binding_.signature.indices.push_back(
                {"i" + std::to_string(axis), space_[axis], signature_.contracts_ellipsis, false});
        }
    }

    /// A call sees every tensor by the axes of the ellipsis and its own ones.
    void check_rank_limit() const {
        std::size_t most = signature_.index_names().size();
        for (const auto* const accesses : {&signature_.inputs, &signature_.outputs}) {
            for (const Access& access : *accesses) most = std::max(most, access.named().size());
        }
        if (space_.rank() + static_cast<int>(most) <= max_rank) return;
        std::size_t largest = 0;
        for (std::size_t i = 1; i < request_.inputs.size(); ++i) {
            if (request_.inputs[i].rank() > request_.inputs[largest].rank()) largest = i;
        }
        throw JobError(request_.input_places[largest], request_.kernel->name + " takes at most " +
                                                           std::to_string(max_rank - static_cast<int>(most)) +
                                                           " axes for its '...', " + shape_text(request_, largest) +
                                                           " gives " + std::to_string(space_.rank()));
    }

    Index& index(const std::string& name) {
        return binding_.signature.indices[static_cast<std::size_t>(numbers_.at(name))];
    }

    /// An index's extent is that of the axes subscripted by it alone (halo or not): all must agree. Else a rule's.
    void find_extents() {
        std::map<std::string, std::size_t> bound_by;
        for (const auto& [name, extent] : request_.extents) index(name).extent = extent;
        for (const KernelRules::Extent& rule : request_.kernel->rules.extents)
            index(rule.index).extent = extent_by_rule(request_, rule.index, rule.formula);
        for (const Access& access : signature_.inputs) {
            const std::size_t argument = argument_of(access);
            const std::vector<Subscript> named = access.named();
            for (std::size_t axis = 0; axis < named.size(); ++axis) {
                const std::string_view alone = named[axis].index_alone();
                if (alone.empty()) continue;
                Index& loop = index(std::string(alone));
                const std::int64_t extent = request_.inputs[argument][leading_axes(access) + static_cast<int>(axis)];
                if (loop.extent < 0) {
                    loop.extent = extent;
                    bound_by[loop.name] = argument;
                } else if (loop.extent != extent) {
                    const std::size_t other = bound_by[loop.name];
                    refuse_pair(request_, argument, other,
                                "index " + loop.name + " of " + request_.kernel->name + " has two sizes: " +
                                    std::to_string(extent) + " in " + shape_text(request_, argument) + ", " +
                                    std::to_string(loop.extent) + " in " + shape_text(request_, other));
                }
            }
        }
        for (const Index& loop : binding_.signature.indices) {
            MANIPLE_CHECK(loop.extent >= 0,
                          "no input gives index " + loop.name + " of " + request_.kernel->name + " a size");
        }
    }

    [[noreturn]] void wrong_rank(std::size_t argument, const Access& access) const {
        const std::size_t named = access.named().size();
        throw JobError(request_.input_places[argument],
                       request_.kernel->name + " expects " + (access.has_ellipsis() ? "at least " : "") +
                           std::to_string(named) + (named == 1 ? " axis" : " axes") + " for its argument " +
                           access.tensor + ", " + shape_text(request_, argument) + " has " +
                           std::to_string(request_.inputs[argument].rank()));
    }

    std::int64_t parameter(const std::string& wanted) const {
        for (const auto& [name, value] : request_.integers) {
            if (name == wanted) return bounded(name, value);
        }
        broken_invariant(__FILE__, __LINE__, "'" + wanted + "' in a subscript is no integer parameter");
    }

    /// Coordinates stay far below 2^63.
    std::int64_t bounded(const std::string& name, std::int64_t value) const {
        constexpr std::int64_t most = std::int64_t{1} << 31;
        if (value >= -most && value <= most) return value;
        Place place = request_.kernel_place;
        for (const auto& [given, where] : request_.parameter_places) {
            if (given == name) place = where;
        }
        throw JobError(
            place, name + "=" + std::to_string(value) + " is too large for a subscript of " + request_.kernel->name);
    }

    std::int64_t halo_of(const Subscript& subscript) const {
        return subscript.halo_parameter.empty() ? subscript.halo : parameter(subscript.halo_parameter);
    }

    AxisMap axis_map(const Subscript& subscript) const {
        AxisMap map;
        map.whole = subscript.kind == Subscript::Kind::whole;
        for (const Subscript::Term& term : subscript.terms) {
            const std::int64_t factor = term.parameter.empty() ? 1 : parameter(term.parameter);
            map.terms.push_back({numbers_.at(term.index), term.coefficient * factor});
        }
        std::int64_t offset = subscript.offset;
        for (const Subscript::ParameterOffset& each : subscript.parameter_offsets)
            offset += each.coefficient * parameter(each.parameter);
        map.lo = offset - halo_of(subscript);
        map.hi = offset + halo_of(subscript);
        return map;
    }

    /// Marks the axes along which an access has a halo or leaves its tensor.
    void find_leaving(const Access& access, BoundAccess& bound) const {
        const Box space = binding_.signature.index_space();
        const auto argument = static_cast<std::size_t>(bound.argument);
        const Shape& shape = request_.inputs[argument];
        const Box touched = touched_box(bound, space, shape);
        for (std::size_t i = 0; i < bound.axes.size(); ++i) {
            const int axis = static_cast<int>(i);
            AxisMap& map = bound.axes[i];
            map.leaves = map.lo < map.hi;
            if (map.whole || space.empty() || (touched.lo[axis] >= 0 && touched.hi[axis] <= shape[axis])) continue;
            map.leaves = true;
            if (signature_.may_leave()) continue;
            throw JobError(request_.input_places[argument],
                           request_.kernel->name + " reads its argument " + access.tensor + " from " +
                               std::to_string(touched.lo[axis]) + " to " + std::to_string(touched.hi[axis] - 1) +
                               " along axis " + std::to_string(axis) + ", which leaves " +
                               shape_text(request_, argument));
        }
    }

    void bind_reads() {
        for (const Access& access : signature_.inputs) {
            const std::size_t argument = argument_of(access);
            BoundAccess bound =
                ellipsis_access(static_cast<int>(argument), request_.inputs[argument], leading_axes(access), space_);
            for (const Subscript& subscript : access.named()) {
                const int axis = static_cast<int>(bound.axes.size());
                bound.axes.push_back(axis_map(subscript));
                if (bound.axes.back().whole) bound.axes.back().extent = request_.inputs[argument][axis];
            }
            find_leaving(access, bound);
            binding_.signature.reads.push_back(std::move(bound));
        }
    }

    void bind_writes() {
        for (std::size_t output = 0; output < signature_.outputs.size(); ++output) {
            const Access& access = signature_.outputs[output];
            Shape shape = access.has_ellipsis() ? space_ : Shape{};
            BoundAccess bound = ellipsis_access(static_cast<int>(output), shape, shape.rank(), shape);
            for (const Subscript& subscript : access.named()) {
                bound.axes.push_back(axis_map(subscript));
                shape.push_back(index(subscript.terms[0].index).extent);
            }
            binding_.signature.writes.push_back(std::move(bound));
            binding_.outputs.push_back(shape);
        }
    }

    const BindRequest& request_;
    const Signature& signature_;
    Shape space_;  ///< of the ellipsis
    std::map<std::string, int> numbers_;
    Binding binding_;
};

}  // namespace

void check_ranks(const BindRequest& request) {
    const Signature& signature = request.kernel->signature;
    if (signature.rearrangement == Rearrangement::none && !signature.only_ellipses())
        NamedBinder(request).check_ranks();
}

Binding bind_signature(const BindRequest& request) {
    if (request.kernel->signature.rearrangement != Rearrangement::none) return bind_rearranged(request);
    const bool ellipses = request.kernel->signature.only_ellipses();
    if (ellipses) check_requirements(request);
    Binding binding = ellipses ? bind_ellipsis(request) : NamedBinder(request).bind();
    binding.domains = domains_of(request);
    return binding;
}

Box BoundSignature::index_space() const {
    Box box{Extents(static_cast<int>(indices.size())), Extents(static_cast<int>(indices.size()))};
    for (std::size_t i = 0; i < indices.size(); ++i) {
        box.lo[static_cast<int>(i)] = indices[i].from;
        box.hi[static_cast<int>(i)] = indices[i].end();
    }
    return box;
}

ShortVector<int, max_rank> BoundSignature::kept() const {
    ShortVector<int, max_rank> result;
    for (std::size_t i = 0; i < indices.size(); ++i) {
        if (!indices[i].contracted) result.push_back(static_cast<int>(i));
    }
    return result;
}

Box touched_box(const BoundAccess& access, const Box& index_box, const Shape& shape) {
    Box box{Extents(shape.rank()), Extents(shape.rank())};
    if (index_box.empty()) return box;
    for (int axis = 0; axis < shape.rank(); ++axis) {
        const AxisMap& map = access.axes[static_cast<std::size_t>(axis)];
        if (map.whole) {
            box.hi[axis] = shape[axis];
            continue;
        }
        std::int64_t first = map.lo;
        std::int64_t last = map.hi;
        for (const AxisMap::Term& term : map.terms) {
            const std::int64_t low = term.coefficient * index_box.lo[term.index];
            const std::int64_t high = term.coefficient * (index_box.hi[term.index] - 1);
            first += std::min(low, high);
            last += std::max(low, high);
        }
        box.lo[axis] = first;
        box.hi[axis] = last + 1;
    }
    if (shape.rank() > 0) {
        box.lo[0] = std::max(box.lo[0], access.first_row);
        box.hi[0] = std::min(box.hi[0], access.end_row);
    }
    return box;
}

}  // namespace maniple
