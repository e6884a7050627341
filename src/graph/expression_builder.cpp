#include "graph/expression_builder.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "graph/composite_call.hpp"
#include "job/values.hpp"

namespace maniple {

namespace {

std::optional<Number> fold_call(const Expression& expression, const std::vector<ExpressionValue>& arguments) {
    std::vector<Number> numbers;
    for (const ExpressionValue& argument : arguments) {
        if (!std::holds_alternative<Number>(argument)) return std::nullopt;
        numbers.push_back(std::get<Number>(argument));
    }
    return fold_numbers(expression.name, numbers);
}

void check_count(const Expression& expression, const Kernel& kernel) {
    const std::vector<std::string> inputs = kernel.signature.input_names();
    if (inputs.size() == expression.arguments.size()) return;
    const bool too_many = expression.arguments.size() > inputs.size();
    const Expression& concerned = too_many ? expression.arguments[inputs.size()] : expression;
    std::string hint;
    if (too_many && !kernel.parameters.empty())
        hint = "; a parameter is written with its name, as " + kernel.parameters[0].name + "=…";
    throw JobError(concerned.place, kernel.name + " takes " + std::to_string(inputs.size()) +
                                        (inputs.size() == 1 ? " argument (" : " arguments (") + join(inputs, ", ") +
                                        "), found " + std::to_string(expression.arguments.size()) + hint);
}

/// Throws the error that is being handled again; its message begins with the kernel that the job calls, not with one of
/// those that this is made of.
[[noreturn]] void rethrow_from(const std::string& composite) {
    try {
        throw;
    } catch (const JobError& error) {
        std::vector<Diagnostic> diagnostics = error.diagnostics();
        for (Diagnostic& each : diagnostics) each.message = "in " + composite + ": " + each.message;
        throw JobError(std::move(diagnostics));
    }
}

}  // namespace

TensorId ExpressionBuilder::add_tensor(Tensor tensor) {
    if (checked_bytes(tensor.shape, static_cast<std::int64_t>(size_of(tensor.dtype))) < 0) {
        throw JobError(tensor.place, "'" + tensor.name.substr(0, tensor.name.find('/')) + "' " +
                                         to_string(tensor.shape) + " has more bytes than 2^63 - 1");
    }
    graph_.tensors.push_back(std::move(tensor));
    return TensorId(graph_.tensors.size() - 1);
}

std::vector<ExpressionValue> ExpressionBuilder::evaluate(const Expression& expression, const std::string& name) {
    switch (expression.kind) {
        case Expression::Kind::integer:
            return {Number{true, expression.integer, static_cast<double>(expression.integer)}};
        case Expression::Kind::real: return {Number{false, 0, expression.real}};
        case Expression::Kind::name: break;
        case Expression::Kind::call: return call(expression, name);
    }
    const ExpressionValue value = lookup(expression);
    const TensorId* id = std::get_if<TensorId>(&value);
    if (!in_condition_ || id == nullptr) return {value};
    const Shape& shape = graph_[*id].shape;
    if (shape.rank() > 0) {
        throw JobError(expression.place, "'" + expression.name + "' " + to_string(shape) +
                                             " has axes; until takes single numbers, as sum(…) or max(…) give them");
    }
    return {converted(*id, DType::f64, name, expression.place)};
}

TensorId ExpressionBuilder::condition(const Expression& expression, const std::string& name) {
    in_condition_ = true;
    const Values values = evaluate(expression, name);
    in_condition_ = false;
    if (values.size() != 1) throw JobError(expression.place, "until takes one value, found several");
    const TensorId tensor = as_tensor(values[0], DType::f64, expression.place);
    if (graph_[tensor].shape.rank() > 0) throw JobError(expression.place, "until takes a single value");
    return converted(tensor, DType::boolean, name, expression.place);
}

ExpressionValue ExpressionBuilder::lookup(const Expression& expression) const {
    if (const ExpressionValue* value = scope_->find(expression.name)) return *value;
    const bool kernel = registry_.has(expression.name);
    throw JobError(
        expression.place,
        kernel ? "'" + expression.name + "' is a kernel; it is called with arguments: " + expression.name + "(…)"
               : "unknown name '" + expression.name + "'",
        kernel ? "" : nearest_word(expression.name, scope_->names()));
}

std::vector<ExpressionValue> ExpressionBuilder::call(const Expression& expression, const std::string& name) {
    Values arguments;
    for (const Expression& argument : expression.arguments) {
        const Values values = evaluate(argument, name);
        if (values.size() != 1) {
            throw JobError(argument.place, "'" + argument.name + "' gives " + std::to_string(values.size()) +
                                               " tensors; name them in an entry of their own");
        }
        arguments.push_back(values[0]);
    }
    if (expression.parameters.empty()) {
        if (const std::optional<Number> folded = fold_call(expression, arguments)) return {*folded};
    }
    if (const CompositeText* text = registry_.find_composite(expression.name))
        return expand(expression, *text, std::move(arguments), name);
    const Kernel& kernel = find_kernel(expression);
    if (kernel.signature.rearrangement == Rearrangement::joined) return join_all(expression, kernel, arguments, name);
    check_count(expression, kernel);
    return add_operation(expression, kernel, arguments, name);
}

std::vector<ExpressionValue> ExpressionBuilder::expand(const Expression& expression, const CompositeText& text,
                                                       Values arguments, const std::string& name) {
    constexpr int deepest = 16;
    MANIPLE_CHECK(composite_depth_ < deepest, "composite kernels call each other without end: " + text.name);
    const Composite& composite = parsed(text);
    bool halves = false, wider = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const TensorId* id = std::get_if<TensorId>(&arguments[i]);
        if (id == nullptr || !is_floating(graph_[*id].dtype)) continue;
        const bool half = graph_[*id].dtype == DType::f16;
        (half ? halves : wider) = true;
        if (half && composite.widens) arguments[i] = converted(*id, DType::f32, name, expression.arguments[i].place);
    }
    Values results = evaluate_lines(CompositeCall(composite, expression, arguments, graph_, *scope_), name);
    for (ExpressionValue& result : results) {
        const TensorId* id = std::get_if<TensorId>(&result);
        const bool widened = id != nullptr && composite.widens && halves && !wider && is_floating(graph_[*id].dtype);
        if (widened) result = converted(*id, DType::f16, name, expression.place);
    }
    return results;
}

std::vector<ExpressionValue> ExpressionBuilder::evaluate_lines(const CompositeCall& call, const std::string& name) {
    Scope scope = call.scope();
    const Scope* const outside = std::exchange(scope_, &scope);
    const bool in_condition = std::exchange(in_condition_, false);
    ++composite_depth_;
    try {
        for (const Composite::Line& line : call.lines()) {
            const Values values = evaluate(call.filled_in(line.expression), name);
            MANIPLE_CHECK(values.size() == line.names.size(),
                          "a line of a composite kernel has another number of names");
            for (std::size_t i = 0; i < values.size(); ++i) scope.define(call.name_of(line.names[i]), values[i]);
        }
    } catch (...) {
        --composite_depth_;
        in_condition_ = in_condition;
        scope_ = outside;
        if (composite_depth_ == 0) rethrow_from(call.name());
        throw;
    }
    --composite_depth_;
    in_condition_ = in_condition;
    scope_ = outside;
    Values results;
    for (const std::string& result : call.results()) results.push_back(*scope.find(call.name_of(result)));
    return results;
}

const Composite& ExpressionBuilder::parsed(const CompositeText& text) {
    const auto known = composites_.find(text.name);
    if (known != composites_.end()) return known->second;
    return composites_.emplace(text.name, parse_composite(text.text, text.name + ".composite.yaml")).first->second;
}

const Kernel& ExpressionBuilder::find_kernel(const Expression& expression) const {
    if (const Kernel* kernel = registry_.find(expression.name)) return *kernel;
    throw JobError(expression.place, "unknown kernel '" + expression.name + "'",
                   nearest_word(expression.name, registry_.names()));
}

std::vector<ExpressionValue> ExpressionBuilder::add_operation(const Expression& expression, const Kernel& kernel,
                                                              const Values& arguments, const std::string& name) {
    check_ranks(rank_request(expression, kernel, arguments));
    const CallParameters parameters = read_parameters(expression, kernel, *scope_);
    Operation operation;
    operation.name = name;
    operation.kernel = &kernel;
    operation.place = expression.place;
    operation.parameters = parameters.values;
    operation.types = choose_types(kernel, argument_types(expression, arguments), parameters.dtype, expression.place);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const DType dtype = kernel.types[operation.types].inputs[i];
        const Place& place = expression.arguments[i].place;
        operation.inputs.push_back(converted(as_tensor(arguments[i], dtype, place), dtype, name, place));
    }
    if (kernel.signature.rearrangement == Rearrangement::reshaped) reshape_first(expression, parameters, operation);
    Binding binding = bind_signature(bind_request(expression, parameters, operation));
    operation.bound = shared(kernel, std::move(binding.signature));
    operation.domains = binding.domains;
    operation.boundary = boundary_rule(parameters, operation);
    return finish_operation(std::move(operation), binding.outputs);
}

std::vector<ArgumentType> ExpressionBuilder::argument_types(const Expression& expression,
                                                            const Values& arguments) const {
    std::vector<ArgumentType> types;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        ArgumentType type;
        type.place = expression.arguments[i].place;
        type.text = expression.arguments[i].name;
        if (const TensorId* id = std::get_if<TensorId>(&arguments[i])) {
            type.dtype = graph_[*id].dtype;
        } else {
            type.number = std::get<Number>(arguments[i]);
            // until counts in f64, whatever the numbers are
            if (in_condition_ && type.number.is_integer) type.number = {false, 0, type.number.real};
        }
        types.push_back(type);
    }
    return types;
}

TensorId ExpressionBuilder::as_tensor(const ExpressionValue& value, DType dtype, const Place& place) {
    if (const TensorId* id = std::get_if<TensorId>(&value)) return *id;
    Tensor tensor;
    tensor.kind = Tensor::Kind::constant;
    tensor.value = std::get<Number>(value);
    tensor.dtype = dtype;
    tensor.name = text_of(tensor.value);
    tensor.place = place;
    return add_tensor(std::move(tensor));
}

TensorId ExpressionBuilder::converted(TensorId tensor, DType dtype, const std::string& name, const Place& place) {
    if (graph_[tensor].dtype == dtype) return tensor;
    const auto [known, is_new] = conversions_.emplace(std::make_pair(tensor, dtype), TensorId{});
    if (is_new) known->second = cast(tensor, dtype, name, place);
    return known->second;
}

TensorId ExpressionBuilder::copied(TensorId tensor, const std::string& name, const Place& place) {
    return cast(tensor, graph_[tensor].dtype, name, place);
}

/// The arguments as they stand, before any is converted.
BindRequest ExpressionBuilder::rank_request(const Expression& expression, const Kernel& kernel,
                                            const Values& arguments) const {
    BindRequest request;
    request.kernel = &kernel;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const TensorId* id = std::get_if<TensorId>(&arguments[i]);
        const Expression& written = expression.arguments[i];
        request.inputs.push_back(id == nullptr ? Shape{} : graph_[*id].shape);
        request.input_places.push_back(written.place);
        request.input_texts.push_back(written.kind == Expression::Kind::name ? written.name
                                      : id == nullptr                        ? text_of(std::get<Number>(arguments[i]))
                                                                             : graph_[*id].name);
    }
    return request;
}

BindRequest ExpressionBuilder::bind_request(const Expression& expression, const CallParameters& parameters,
                                            const Operation& operation) const {
    BindRequest request;
    request.kernel = operation.kernel;
    for (std::size_t i = 0; i < operation.inputs.size(); ++i) {
        const Tensor& tensor = graph_[operation.inputs[i]];
        const Expression& written = expression.arguments[i];
        request.inputs.push_back(tensor.shape);
        request.input_places.push_back(written.place);
        request.input_texts.push_back(written.kind == Expression::Kind::name ? written.name : tensor.name);
        request.input_origins.push_back(tensor.place);
    }
    request.axes = parameters.axes;
    request.all_axes = parameters.all_axes;
    request.keepdims = parameters.keepdims;
    request.integers = parameters.integers;
    request.reals = parameters.reals;
    request.positions = parameters.positions;
    request.parameter_places = parameters.places;
    request.kernel_place = expression.place;
    request.axes_places = parameters.axes_places;
    return request;
}

BoundaryRule ExpressionBuilder::boundary_rule(const CallParameters& parameters, const Operation& operation) const {
    if (!operation.kernel->signature.may_leave()) return {};
    int rank = graph_[operation.inputs[0]].shape.rank();
    for (const BoundAccess& read : operation.bound->reads) {
        const bool leaves =
            std::any_of(read.axes.begin(), read.axes.end(), [](const AxisMap& map) { return map.leaves; });
        if (leaves) rank = std::max(rank, static_cast<int>(read.axes.size()));
    }
    if (const std::optional<Boundary> fixed = operation.kernel->rules.boundary)
        return BoundaryRule(static_cast<std::size_t>(rank), *fixed);
    if (!parameters.boundary_by_axis) return BoundaryRule(static_cast<std::size_t>(rank), parameters.boundary[0]);
    if (static_cast<int>(parameters.boundary.size()) != rank) {
        throw JobError(parameters.boundary_place, "boundary has " + std::to_string(parameters.boundary.size()) +
                                                      " rules, expected one, or one for each of the " +
                                                      std::to_string(rank) + " axes");
    }
    return {parameters.boundary.begin(), parameters.boundary.end()};
}

/// Calls of a kernel most often have the shapes of the one before.
Shared<BoundSignature> ExpressionBuilder::shared(const Kernel& kernel, BoundSignature bound) {
    Shared<BoundSignature>& newest = newest_[&kernel];
    if (*newest != bound) newest = std::move(bound);
    return newest;
}

std::vector<ExpressionValue> ExpressionBuilder::finish_operation(Operation operation,
                                                                 const std::vector<Shape>& shapes) {
    const OperationId id(graph_.operations.size());
    Values results;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        Tensor tensor;
        tensor.name = operation.name + "/" + operation.kernel->name + std::to_string(id.value);
        tensor.shape = shapes[i];
        tensor.dtype = operation.kernel->types[operation.types].outputs[i];
        tensor.producer = id;
        tensor.place = operation.place;
        trace_axes(operation, operation.bound->writes[i], tensor);
        operation.outputs.push_back(add_tensor(std::move(tensor)));
        results.emplace_back(operation.outputs.back());
    }
    graph_.operations.push_back(std::move(operation));
    return results;
}

/// An output axis stands for the input axis whose coordinate its index is.
void ExpressionBuilder::trace_axes(const Operation& operation, const BoundAccess& write, Tensor& tensor) const {
    for (const AxisMap& map : write.axes) {
        tensor.axes.push_back(map.terms.size() != 1 ? AxisOrigin{} : origin_of(operation, map.terms[0].index));
    }
    for (const TensorId input : operation.inputs) {
        const Tensor& from = graph_[input];
        if (tensor.attributes_from < 0 && from.attributes_from >= 0 && from.axes == tensor.axes) {
            tensor.attributes_from = from.attributes_from;
        }
    }
}

AxisOrigin ExpressionBuilder::origin_of(const Operation& operation, int index) const {
    for (const BoundAccess& read : operation.bound->reads) {
        const Tensor& input = graph_[operation.inputs[static_cast<std::size_t>(read.argument)]];
        for (std::size_t axis = 0; axis < read.axes.size(); ++axis) {
            const AxisMap& map = read.axes[axis];
            const bool same =
                map.terms.size() == 1 && map.terms[0].index == index && map.terms[0].coefficient == 1 &&
                map.lo == -map.hi &&
                operation.bound->indices[static_cast<std::size_t>(index)].extent == input.shape[static_cast<int>(axis)];
            if (same && input.axes[axis].input >= 0) return input.axes[axis];
        }
    }
    return {};
}

}  // namespace maniple
