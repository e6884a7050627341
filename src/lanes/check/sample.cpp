#include "lanes/check/sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "graph/bind.hpp"
#include "graph/call.hpp"

namespace maniple {

namespace {

/// What the number of a sample asks for.
enum Shapes { single_points = 0, no_points = 1, long_row = 2 };

class SampleMaker {
public:
    SampleMaker(const Kernel& kernel, std::size_t types, int number, Random& random)
        : kernel_(kernel), types_(kernel.types[types]), number_(number), random_(random) {
        sample_.operation.name = kernel.name;
        sample_.operation.kernel = &kernel;
        sample_.operation.types = types;
        sample_.dense = number % 3 == 2;
    }

    Sample make() {
        constexpr int most_attempts = 2000;
        request_.kernel = &kernel_;
        draw_call();
        for (int attempt = 0; !bind() && attempt < most_attempts; ++attempt) {
            special_ = false;
            draw_call();
        }
        MANIPLE_CHECK(!sample_.outputs.empty(), "no random call suits " + kernel_.name);
        draw_boundary();
        for (std::size_t i = 0; i < sample_.inputs.size(); ++i) draw_values(i);
        return std::move(sample_);
    }

private:
    /// Parameters and shapes, which may contradict what the kernel's description asks for.
    void draw_call() {
        sample_.parameters.clear();
        sample_.operation.parameters.clear();
        request_ = {};
        request_.kernel = &kernel_;
        draw_parameters();
        if (kernel_.signature.only_ellipses()) {
            draw_ellipsis_shapes();
        } else {
            draw_named_shapes();
        }
    }

    bool is(Shapes shapes) const { return special_ && number_ == shapes; }

    // Parameters.

    bool is_halo(const std::string& name) const {
        for (const Access& access : kernel_.signature.inputs) {
            for (const Subscript& subscript : access.subscripts) {
                if (subscript.halo_parameter == name) return true;
            }
        }
        return false;
    }

    /// Whether it is the extent of an index.
    bool is_extent(const std::string& name) const {
        return std::any_of(kernel_.rules.extents.begin(), kernel_.rules.extents.end(),
                           [&](const KernelRules::Extent& extent) { return extent.formula.text == name; });
    }

    double draw_real(const KernelParameter& parameter) {
        const double factors[] = {1, 0.5, 2, 0.75 + random_.unit() / 2};
        if (!parameter.required && parameter.default_value.real != 0)
            return parameter.default_value.real * factors[random_.below(4)];
        return 0.05 + 0.95 * random_.unit();
    }

    std::int64_t draw_integer(const KernelParameter& parameter) {
        if (is_halo(parameter.name)) return random_.below(4);
        if (is_extent(parameter.name)) return is(no_points) ? 0 : is(single_points) ? 1 : draw_extent(9);
        if (!parameter.required && random_.chance(50)) return parameter.default_value.integer;
        return 1 + random_.below(4);
    }

    void draw_parameters() {
        using Type = KernelParameter::Type;
        for (const KernelParameter& parameter : kernel_.parameters) {
            if (parameter.name == "keepdims" && kernel_.signature.contracted_by_axis) continue;
            maniple_parameter value{};
            if (parameter.value) {
                value = computed_value(kernel_, parameter, sample_.operation.parameters);
            } else if (parameter.type == Type::real) {
                value.real = draw_real(parameter);
                sample_.parameters += fmt::format(", {}={}", parameter.name, value.real);
                request_.reals.emplace_back(parameter.name, value.real);
            } else if (parameter.type == Type::integer || parameter.type == Type::boolean) {
                value.integer = parameter.type == Type::integer ? draw_integer(parameter) : random_.below(2);
                sample_.parameters += fmt::format(", {}={}", parameter.name, value.integer);
                request_.integers.emplace_back(parameter.name, value.integer);
            } else {
                continue;
            }
            sample_.operation.parameters.push_back(value);
        }
    }

    // Shapes.

    std::int64_t draw_extent(std::int64_t most) {
        constexpr std::int64_t usual[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33, 65, 130, 300};
        const auto end = std::upper_bound(std::begin(usual), std::end(usual), most) - std::begin(usual);
        return usual[random_.below(end)];
    }

    /// Extents of `rank` axes, about a thousand points at most.
    Shape draw_shape(int rank) {
        constexpr std::int64_t most[] = {1, 300, 33, 9, 5, 4, 3, 3, 2};
        Shape shape(rank, 1);
        if (is(single_points)) return shape;
        for (int axis = 0; axis < rank; ++axis) shape[axis] = draw_extent(most[rank]);
        if (rank == 0) return shape;
        if (is(no_points)) shape[static_cast<int>(random_.below(rank))] = 0;
        if (is(long_row)) {
            for (int axis = 0; axis + 1 < rank; ++axis) shape[axis] = std::min<std::int64_t>(shape[axis], 2);
            shape[rank - 1] = 515 + random_.below(99);
        }
        return shape;
    }

    void draw_ellipsis_shapes() {
        int rank = static_cast<int>(random_.below(random_.chance(20) ? max_rank + 1 : 4));
        if (number_ < 3) rank = std::clamp(rank, 1, 3);
        const Shape space = draw_shape(rank);
        for (std::size_t i = 0; i < types_.inputs.size(); ++i) request_.inputs.push_back(draw_broadcast(space));
        if (kernel_.signature.contracted_by_axis) draw_axes(rank);
        draw_positions();
    }

    /// The parameters of a rearrangement.
    void draw_positions() {
        Shape& shape = request_.inputs[0];
        const auto add = [&](const std::string& name, std::vector<std::int64_t> values) {
            sample_.parameters += fmt::format(", {}=[{}]", name, fmt::join(values, ", "));
            request_.positions.push_back({name, values, std::vector<Place>(values.size()), {}});
        };
        switch (kernel_.signature.rearrangement) {
            case Rearrangement::none: break;
            case Rearrangement::permuted: {
                std::vector<std::int64_t> axes;
                for (int axis = 0; axis < shape.rank(); ++axis)
                    axes.insert(axes.begin() + random_.below(axis + 1), axis);
                add("axes", axes);
                break;
            }
            case Rearrangement::sliced:
                if (shape.rank() == 0) shape.push_back(9);
                add("axis", {random_.below(shape.rank())});
                add("start", {random_.below(3)});
                add("step", {1 + random_.below(3)});
                break;
            case Rearrangement::joined: {
                if (shape.rank() == 0) shape.push_back(9);
                const auto axis = static_cast<int>(random_.below(shape.rank()));
                Shape second = shape;
                second[axis] = random_.below(9);
                request_.inputs[1] = second;
                request_.inputs[2] = Shape(1, shape[axis] + second[axis]);
                add("axis", {axis});
                break;
            }
            case Rearrangement::reshaped:
                if (random_.chance(50)) {
                    add("shape", {element_count(shape)});
                } else {
                    std::vector<std::int64_t> extents{1};
                    for (int axis = 0; axis < std::min(shape.rank(), max_rank - 1); ++axis)
                        extents.push_back(shape[axis]);
                    for (int axis = max_rank - 1; axis < shape.rank(); ++axis) extents.back() *= shape[axis];
                    add("shape", extents);
                }
                break;
        }
    }

    /// A shape that broadcasts to `space`, where another input may give the rest.
    Shape draw_broadcast(Shape space) {
        const int rank = space.rank();
        const bool several = types_.inputs.size() > 1;
        if (several && random_.chance(40)) {
            for (int axis = 0; axis < rank; ++axis) space[axis] = random_.chance(40) ? 1 : space[axis];
        }
        const int dropped = several && random_.chance(30) ? static_cast<int>(random_.below(rank + 1)) : 0;
        return Shape(std::span(space.begin() + dropped, space.end()));
    }

    /// Axes of an ellipsis before `names` indices; few points, where the indices have some.
    Shape draw_leading(std::size_t names) {
        if (!kernel_.signature.has_ellipsis()) return {};
        std::size_t most = names;
        for (const Access& access : kernel_.signature.inputs) most = std::max(most, access.named().size());
        const int free = max_rank - static_cast<int>(most);
        const int rank = std::min(free, static_cast<int>(random_.below(random_.chance(20) ? free + 1 : 3)));
        if (names == 0 || kernel_.signature.contracts_ellipsis) return draw_shape(rank);
        Shape shape(rank, 1);
        if (is(single_points)) return shape;
        for (int axis = 0; axis < rank; ++axis) shape[axis] = draw_extent(rank > 2 ? 2 : 3);
        if (is(no_points) && rank > 0 && random_.chance(50)) shape[0] = 0;
        return shape;
    }

    void draw_axes(int rank) {
        request_.keepdims = random_.chance(30);
        request_.all_axes = rank == 0 || random_.chance(30);
        if (!request_.all_axes) {
            for (int axis = 0; axis < rank; ++axis) {
                if (random_.chance(50)) request_.axes.push_back(random_.chance(30) ? axis - rank : axis);
            }
            if (request_.axes.empty()) request_.axes = {random_.below(rank)};
            if (random_.chance(50)) std::reverse(request_.axes.begin(), request_.axes.end());
            sample_.parameters += fmt::format(", axis={}", to_string(Extents(std::span(request_.axes))));
        }
        if (request_.keepdims) sample_.parameters += ", keepdims=true";
        request_.axes_places.resize(request_.axes.size());
    }

    /// 1 where there is no parameter.
    std::int64_t value_of(const std::string& parameter) const {
        for (const auto& [name, value] : request_.integers) {
            if (name == parameter) return value;
        }
        return 1;
    }

    /// How long an axis must be for the points of `space`: no coordinate passes its end, but by a halo.
    /// A whole axis may have any length: -1.
    std::int64_t extent_of(const Subscript& subscript, const std::vector<std::string>& names, const Shape& space) {
        if (subscript.kind == Subscript::Kind::whole) return -1;
        std::int64_t last = subscript.offset;
        for (const Subscript::ParameterOffset& each : subscript.parameter_offsets)
            last += each.coefficient * value_of(each.parameter);
        for (const Subscript::Term& term : subscript.terms) {
            const auto index = std::find(names.begin(), names.end(), term.index) - names.begin();
            const std::int64_t most = std::max<std::int64_t>(space[static_cast<int>(index)] - 1, -1);
            last += std::max<std::int64_t>(term.coefficient * value_of(term.parameter) * most, 0);
            if (!subscript.index_alone().empty()) return most + 1;
        }
        return std::max<std::int64_t>(last + 1, 0);
    }

    /// Whether an input or a rule gives index `name` its extent.
    bool has_extent(const std::string& name) const {
        if (kernel_.rules.extent_of(name) != nullptr) return true;
        for (const Access& access : kernel_.signature.inputs) {
            for (const Subscript& subscript : access.subscripts) {
                if (subscript.index_alone() == name) return true;
            }
        }
        return false;
    }

    std::int64_t draw_whole_extent() { return is(single_points) || is(no_points) ? 1 : 1 + random_.below(12); }

    void draw_named_shapes() {
        const Signature& signature = kernel_.signature;
        const std::vector<std::string> names = signature.index_names();
        const Shape space = draw_shape(static_cast<int>(names.size()));
        const Shape leading = draw_leading(names.size());
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!has_extent(names[i])) request_.extents.emplace_back(names[i], space[static_cast<int>(i)]);
        }
        for (const std::string& input : signature.input_names()) {
            Shape shape;
            bool leads = false;
            for (const Access& access : signature.inputs) {
                if (access.tensor != input) continue;
                leads = access.has_ellipsis();
                Shape needed;
                for (const Subscript& subscript : access.named()) needed.push_back(extent_of(subscript, names, space));
                if (shape.rank() == 0) shape = needed;
                for (int axis = 0; axis < shape.rank(); ++axis) shape[axis] = std::max(shape[axis], needed[axis]);
            }
            for (int axis = 0; axis < shape.rank(); ++axis) {
                if (shape[axis] < 0) shape[axis] = draw_whole_extent();
            }
            Shape whole = leads ? draw_broadcast(leading) : Shape{};
            for (const std::int64_t extent : shape) whole.push_back(extent);
            request_.inputs.push_back(whole);
        }
    }

    /// False if the call is refused, as the maximum of nothing is.
    bool bind() {
        const std::size_t inputs = request_.inputs.size();
        request_.input_places.resize(inputs);
        request_.input_texts = kernel_.signature.input_names();
        request_.input_origins.resize(inputs);
        Binding binding;
        try {
            binding = bind_signature(request_);
        } catch (const JobError&) { return false; }
        sample_.operation.bound = std::move(binding.signature);
        sample_.inputs = request_.inputs;
        sample_.outputs = std::move(binding.outputs);
        for (std::size_t i = 0; i < sample_.inputs.size(); ++i) sample_.operation.inputs.push_back(TensorId(i));
        for (std::size_t i = 0; i < sample_.outputs.size(); ++i) sample_.operation.outputs.push_back(TensorId(i));
        sample_.operation.domains = std::move(binding.domains);
        return true;
    }

    // Numbers.

    /// Also `none`: any number beyond the edge.
    void draw_boundary() {
        if (!kernel_.signature.may_leave()) return;
        const auto rule = kernel_.rules.boundary.value_or(static_cast<Boundary>(number_ % 4));
        sample_.operation.boundary = BoundaryRule(max_rank, rule);
        sample_.parameters += fmt::format(", boundary={}", rule == Boundary::none ? "any" : name_of(rule));
    }

    /// The element of the tensor that stands for `at`, if the boundary rule names one.
    static bool source_of(Extents& at, const Shape& shape, Boundary rule) {
        for (int axis = 0; axis < shape.rank(); ++axis) {
            if (at[axis] >= 0 && at[axis] < shape[axis]) continue;
            if (shape[axis] == 0) return false;
            if (rule == Boundary::clamp) at[axis] = std::clamp<std::int64_t>(at[axis], 0, shape[axis] - 1);
            if (rule == Boundary::periodic) at[axis] = ((at[axis] % shape[axis]) + shape[axis]) % shape[axis];
        }
        return rule == Boundary::clamp || rule == Boundary::periodic;
    }

    /// Integers of a kernel that reads an axis whole may be positions on it.
    std::int64_t positions() const {
        std::int64_t least = 0;
        for (const BoundAccess& access : sample_.operation.bound->reads) {
            for (std::size_t axis = 0; axis < access.axes.size(); ++axis) {
                if (!access.axes[axis].whole) continue;
                const std::int64_t extent =
                    sample_.inputs[static_cast<std::size_t>(access.argument)][static_cast<int>(axis)];
                least = least == 0 ? extent : std::min(least, extent);
            }
        }
        return least;
    }

    void draw_element(std::size_t input, Spread spread, std::byte* to) {
        const DType type = types_.inputs[input];
        for (const ElementDomain& domain : sample_.operation.domains) {
            if (domain.argument != static_cast<int>(input) || domain.from >= domain.to) continue;
            return store_integer(type, domain.from + random_.below(domain.to - domain.from), to);
        }
        const std::int64_t end = is_floating(type) ? 0 : positions();
        if (end > 0) return store_integer(type, random_.below(end), to);
        store_random(type, spread, random_, to);
    }

    void draw_values(std::size_t input) {
        const Shape& shape = sample_.inputs[input];
        Box reach = Box::whole(shape);
        for (const BoundAccess& access : sample_.operation.bound->reads) {
            if (access.argument != static_cast<int>(input)) continue;
            reach = bounding(reach, touched_box(access, sample_.operation.bound->index_space(), shape));
        }
        Field field(reach, types_.inputs[input]);
        // Sums of what is infinite depend on the order; bodies whose cost depends on the data may never end on it.
        const bool orderless = !kernel_.is_fold() || types_.exact;
        const bool wild = orderless && !kernel_.signature.irregular && number_ % 2 == 1;
        const std::size_t step = size_of(field.dtype);
        for (std::size_t at = 0; at < field.bytes.size(); at += step)
            draw_element(input, wild ? Spread::wild : Spread::tame, field.bytes.data() + at);
        if (!sample_.operation.boundary.empty()) apply_boundary(field, shape);
        sample_.values.push_back(std::move(field));
    }

    void apply_boundary(Field& field, const Shape& shape) {
        const Boundary rule = sample_.operation.boundary[0];
        if (rule == Boundary::none || field.box.empty()) return;
        const Block block = field.block();
        Extents at = field.box.lo;
        for (std::int64_t i = 0; i < field.box.volume(); ++i) {
            Extents source = at;
            if (source_of(source, shape, rule)) {
                std::memmove(block.at(at), block.at(source), block.element_bytes);
            } else if (rule == Boundary::zero && !Box::whole(shape).contains(Box(at, next(at)))) {
                std::memset(block.at(at), 0, block.element_bytes);
            }
            advance(at, field.box);
        }
    }

    static Extents next(Extents at) {
        for (int axis = 0; axis < at.rank(); ++axis) ++at[axis];
        return at;
    }

    static void advance(Extents& at, const Box& box) {
        for (int axis = box.rank() - 1; axis >= 0; --axis) {
            if (++at[axis] < box.hi[axis]) return;
            at[axis] = box.lo[axis];
        }
    }

    const Kernel& kernel_;
    const KernelTypes& types_;
    int number_;
    bool special_ = true;  ///< what the number asks for has not been refused
    Random& random_;
    BindRequest request_;
    Sample sample_;
};

}  // namespace

std::string Sample::text() const {
    std::string result;
    const auto add = [&](const std::vector<std::string>& names, const std::vector<Shape>& shapes) {
        for (std::size_t i = 0; i < names.size(); ++i)
            result += (i == 0 ? "" : ", ") + names[i] + " " + to_string(shapes[i]);
    };
    add(operation.kernel->signature.input_names(), inputs);
    result += result.empty() ? "-> " : " -> ";
    add(operation.kernel->signature.output_names(), outputs);
    return result + parameters;
}

Sample make_sample(const Kernel& kernel, std::size_t types, int number, Random& random) {
    return SampleMaker(kernel, types, number, random).make();
}

Sample without_subnormals(Sample sample) {
    for (Field& field : sample.values) {
        const std::size_t size = size_of(field.dtype);
        for (std::size_t at = 0; at < field.bytes.size(); at += size) {
            if (is_subnormal(field.dtype, field.bytes.data() + at)) std::memset(field.bytes.data() + at, 0, size);
        }
    }
    return sample;
}

}  // namespace maniple
