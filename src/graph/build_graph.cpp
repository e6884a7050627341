#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "graph/bind.hpp"
#include "graph/call.hpp"
#include "graph/graph.hpp"
#include "graph/order.hpp"
#include "graph/prune.hpp"
#include "graph/scope.hpp"
#include "graph/supported.hpp"

namespace maniple {

namespace {

/// Builds a graph entry by entry; an entry with an error is dropped, and so, silently, is what uses it.
class GraphBuilder {
public:
    GraphBuilder(const Job& job, const Catalogue& catalogue, const KernelRegistry& registry)
        : job_(job), catalogue_(catalogue), registry_(registry), scope_(job) {}

    Graph build() {
        graph_.name = job_.name;
        graph_.loop = job_.loop.has_value();
        graph_.steps = job_.loop ? job_.loop->steps : 1;
        for (const InputSpec& input : job_.inputs) add_input(input);
        for (const std::size_t entry : order_entries(job_))
            guarded([&] { return add_entry(job_.graph[entry]); }, job_.graph[entry].names);
        if (job_.loop) {
            for (const CarrySpec& carry : job_.loop->carry) guarded([&] { return add_carry(carry); }, {});
        }
        for (std::size_t i = 0; i < job_.outputs.size(); ++i) guarded([&] { return add_output(i); }, {});
        if (!errors_.empty()) throw JobError(std::move(errors_));
        return prune(std::move(graph_));
    }

private:
    /// Runs `add`; an error of the job file is kept and `names` count as failed.
    template <class Add>
    void guarded(Add&& add, const std::vector<std::string>& names) {
        try {
            if (add()) return;
        } catch (const JobError& error) {
            errors_.insert(errors_.end(), error.diagnostics().begin(), error.diagnostics().end());
            if (errors_.size() >= 20) throw JobError(std::move(errors_));
        }
        for (const std::string& name : names) scope_.define_failed(name);
    }

    TensorId add_tensor(Tensor tensor) {
        if (checked_bytes(tensor.shape, static_cast<std::int64_t>(size_of(tensor.dtype))) < 0) {
            throw JobError(tensor.place,
                           "'" + tensor.name + "' " + to_string(tensor.shape) + " has more bytes than 2^63 - 1");
        }
        graph_.tensors.push_back(std::move(tensor));
        return TensorId(graph_.tensors.size() - 1);
    }

    void add_input(const InputSpec& spec) {
        Tensor tensor;
        tensor.name = spec.name;
        tensor.place = spec.place;
        if (spec.from) {
            const InputFacts* facts = catalogue_.find(spec.name);
            MANIPLE_CHECK(facts != nullptr, "input " + spec.name + " is not in the catalogue");
            tensor.kind = Tensor::Kind::input;
            tensor.input = static_cast<int>(facts - catalogue_.inputs.data());
            tensor.shape = facts->shape;
            tensor.dtype = spec.dtype.value_or(facts->dtype);
            tensor.attributes_from = tensor.input;
            for (int axis = 0; axis < tensor.shape.rank(); ++axis) tensor.axes.push_back({tensor.input, axis});
        } else {
            tensor.kind = Tensor::Kind::fill;
            tensor.fill = *spec.fill;
            tensor.dtype = spec.dtype.value_or(spec.fill->kind == Fill::Kind::iota ? DType::i64 : DType::f32);
            for (const std::int64_t extent : *spec.shape) tensor.shape.push_back(extent);
            tensor.axes.resize(static_cast<std::size_t>(tensor.shape.rank()));
        }
        guarded(
            [&] {
                scope_.define(spec.name, add_tensor(std::move(tensor)));
                return true;
            },
            {spec.name});
    }

    /// False if it uses a name whose definition failed.
    bool add_entry(const GraphEntry& entry) {
        if (uses_failed(entry.expression)) return false;
        const std::vector<ExpressionValue> values = evaluate(entry.expression, entry.names[0]);
        if (values.size() != entry.names.size()) {
            throw JobError(entry.name_places[0], "'" + entry.expression.name + "' gives " +
                                                     std::to_string(values.size()) +
                                                     (values.size() == 1 ? " tensor" : " tensors") + ", found " +
                                                     std::to_string(entry.names.size()) + " names");
        }
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (const TensorId* id = std::get_if<TensorId>(&values[i]);
                id != nullptr && graph_[*id].kind == Tensor::Kind::computed) {
                if (entry.expression.kind == Expression::Kind::call) graph_.tensors[id->index()].name = entry.names[i];
            }
            scope_.define(entry.names[i], values[i]);
        }
        return true;
    }

    bool uses_failed(const Expression& expression) const {
        if (expression.kind == Expression::Kind::name && scope_.failed(expression.name)) return true;
        return std::any_of(expression.arguments.begin(), expression.arguments.end(),
                           [&](const Expression& argument) { return uses_failed(argument); });
    }

    std::vector<ExpressionValue> evaluate(const Expression& expression, const std::string& name) {
        switch (expression.kind) {
            case Expression::Kind::integer:
                return {Number{true, expression.integer, static_cast<double>(expression.integer)}};
            case Expression::Kind::real: return {Number{false, 0, expression.real}};
            case Expression::Kind::name: return {lookup(expression)};
            case Expression::Kind::call: return call(expression, name);
        }
        return {};
    }

    ExpressionValue lookup(const Expression& expression) const {
        if (const ExpressionValue* value = scope_.find(expression.name)) return *value;
        const bool kernel = registry_.find(expression.name) != nullptr;
        throw JobError(
            expression.place,
            kernel ? "'" + expression.name + "' is a kernel; it is called with arguments: " + expression.name + "(…)"
                   : "unknown name '" + expression.name + "'",
            kernel ? "" : nearest_word(expression.name, scope_.names()));
    }

    std::vector<ExpressionValue> call(const Expression& expression, const std::string& name) {
        std::vector<ExpressionValue> arguments;
        for (const Expression& argument : expression.arguments) {
            std::vector<ExpressionValue> values = evaluate(argument, name);
            if (values.size() != 1) {
                throw JobError(argument.place, "'" + argument.name + "' gives " + std::to_string(values.size()) +
                                                   " tensors; name them in an entry of their own");
            }
            arguments.push_back(values[0]);
        }
        if (const std::optional<Number> folded = fold_call(expression, arguments)) return {*folded};
        const Kernel& kernel = find_kernel(expression);
        check_count(expression, kernel);
        return add_operation(expression, kernel, arguments, name);
    }

    static std::optional<Number> fold_call(const Expression& expression,
                                           const std::vector<ExpressionValue>& arguments) {
        std::vector<Number> numbers;
        for (const ExpressionValue& argument : arguments) {
            if (!std::holds_alternative<Number>(argument)) return std::nullopt;
            numbers.push_back(std::get<Number>(argument));
        }
        return fold_numbers(expression.name, numbers);
    }

    const Kernel& find_kernel(const Expression& expression) const {
        if (const Kernel* kernel = registry_.find(expression.name)) return *kernel;
        if (is_known_kernel(expression.name)) {
            throw UnavailableError(expression.place, "kernel '" + expression.name + "' is not built in yet");
        }
        throw JobError(expression.place, "unknown kernel '" + expression.name + "'",
                       nearest_word(expression.name, registry_.names()));
    }

    static void check_count(const Expression& expression, const Kernel& kernel) {
        const std::vector<std::string> inputs = kernel.signature.input_names();
        if (inputs.size() == expression.arguments.size()) return;
        throw JobError(expression.place, kernel.name + " takes " + std::to_string(inputs.size()) +
                                             (inputs.size() == 1 ? " argument (" : " arguments (") +
                                             join(inputs, ", ") + "), found " +
                                             std::to_string(expression.arguments.size()));
    }

    std::vector<ExpressionValue> add_operation(const Expression& expression, const Kernel& kernel,
                                               const std::vector<ExpressionValue>& arguments, const std::string& name) {
        const CallParameters parameters = read_parameters(expression, kernel, scope_);
        Operation operation;
        operation.name = name;
        operation.kernel = &kernel;
        operation.place = expression.place;
        operation.parameters = parameters.values;
        operation.types = choose_types(kernel, argument_types(expression, arguments), expression.place);
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            operation.inputs.push_back(
                as_tensor(arguments[i], kernel.types[operation.types].inputs[i], expression.arguments[i].place));
        }
        const Binding binding = bind_signature(bind_request(expression, kernel, parameters, operation));
        operation.bound = binding.signature;
        operation.boundary = boundary_rule(parameters, operation);
        return finish_operation(std::move(operation), binding.outputs);
    }

    std::vector<ArgumentType> argument_types(const Expression& expression,
                                             const std::vector<ExpressionValue>& arguments) const {
        std::vector<ArgumentType> types;
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            const Expression& written = expression.arguments[i];
            ArgumentType type;
            type.place = written.place;
            type.text = written.name;
            if (const TensorId* id = std::get_if<TensorId>(&arguments[i])) {
                type.dtype = graph_[*id].dtype;
            } else {
                type.number = std::get<Number>(arguments[i]);
            }
            types.push_back(type);
        }
        return types;
    }

    TensorId as_tensor(const ExpressionValue& value, DType dtype, const Place& place) {
        if (const TensorId* id = std::get_if<TensorId>(&value)) return *id;
        Tensor tensor;
        tensor.kind = Tensor::Kind::constant;
        tensor.value = std::get<Number>(value);
        tensor.dtype = dtype;
        tensor.name = tensor.value.is_integer ? std::to_string(tensor.value.integer) : real_text(tensor.value.real);
        tensor.place = place;
        return add_tensor(std::move(tensor));
    }

    static std::string real_text(double value) {
        char text[32];
        std::snprintf(text, sizeof text, "%g", value);
        return text;
    }

    BindRequest bind_request(const Expression& expression, const Kernel& kernel, const CallParameters& parameters,
                             const Operation& operation) const {
        BindRequest request;
        request.kernel = &kernel;
        for (std::size_t i = 0; i < operation.inputs.size(); ++i) {
            request.inputs.push_back(graph_[operation.inputs[i]].shape);
            request.input_places.push_back(expression.arguments[i].place);
            request.input_texts.push_back(graph_[operation.inputs[i]].name);
        }
        request.axes = parameters.axes;
        request.all_axes = parameters.all_axes;
        request.keepdims = parameters.keepdims;
        request.integers = parameters.integers;
        request.kernel_place = expression.place;
        request.axes_place = parameters.axes_place;
        return request;
    }

    BoundaryRule boundary_rule(const CallParameters& parameters, const Operation& operation) const {
        if (!operation.kernel->signature.has_halo()) return {};
        const int rank = graph_[operation.inputs[0]].shape.rank();
        if (!parameters.boundary_by_axis) return BoundaryRule(static_cast<std::size_t>(rank), parameters.boundary[0]);
        if (static_cast<int>(parameters.boundary.size()) != rank) {
            throw JobError(parameters.boundary_place, "boundary has " + std::to_string(parameters.boundary.size()) +
                                                          " rules, expected one, or one for each of the " +
                                                          std::to_string(rank) + " axes");
        }
        return parameters.boundary;
    }

    std::vector<ExpressionValue> finish_operation(Operation operation, const std::vector<Shape>& shapes) {
        const OperationId id(graph_.operations.size());
        std::vector<ExpressionValue> results;
        for (std::size_t i = 0; i < shapes.size(); ++i) {
            Tensor tensor;
            tensor.name = operation.name + "/" + operation.kernel->name + std::to_string(id.value);
            tensor.shape = shapes[i];
            tensor.dtype = operation.kernel->types[operation.types].outputs[i];
            tensor.producer = id;
            tensor.place = operation.place;
            trace_axes(operation, operation.bound.writes[i], tensor);
            operation.outputs.push_back(add_tensor(std::move(tensor)));
            results.emplace_back(operation.outputs.back());
        }
        graph_.operations.push_back(std::move(operation));
        return results;
    }

    /// An output axis stands for the input axis whose coordinate its index is.
    void trace_axes(const Operation& operation, const BoundAccess& write, Tensor& tensor) const {
        for (const AxisMap& map : write.axes) {
            tensor.axes.push_back(map.terms.empty() ? AxisOrigin{} : origin_of(operation, map.terms[0].index));
        }
        for (const TensorId input : operation.inputs) {
            const Tensor& from = graph_[input];
            if (tensor.attributes_from < 0 && from.attributes_from >= 0 && from.axes == tensor.axes) {
                tensor.attributes_from = from.attributes_from;
            }
        }
    }

    AxisOrigin origin_of(const Operation& operation, int index) const {
        for (const BoundAccess& read : operation.bound.reads) {
            const Tensor& input = graph_[operation.inputs[static_cast<std::size_t>(read.argument)]];
            for (std::size_t axis = 0; axis < read.axes.size(); ++axis) {
                const AxisMap& map = read.axes[axis];
                const bool same = map.terms.size() == 1 && map.terms[0].index == index &&
                                  map.terms[0].coefficient == 1 && map.lo == -map.hi;
                if (same && input.axes[axis].input >= 0) return input.axes[axis];
            }
        }
        return {};
    }

    bool add_carry(const CarrySpec& spec) {
        if (scope_.failed(spec.input) || scope_.failed(spec.value)) return false;
        const TensorId input = tensor_named(spec.input, spec.input_place);
        const TensorId value = tensor_named(spec.value, spec.value_place);
        const Tensor& from = graph_[value];
        const Tensor& to = graph_[input];
        if (from.shape != to.shape || from.dtype != to.dtype) {
            throw JobError(spec.value_place, "'" + spec.value + "' " + to_string(from.shape) + " " +
                                                 std::string(name_of(from.dtype)) + " cannot be carried into '" +
                                                 spec.input + "' " + to_string(to.shape) + " " +
                                                 std::string(name_of(to.dtype)) + ": shape and type must be equal");
        }
        graph_.carries.push_back({input, value});
        return true;
    }

    TensorId tensor_named(const std::string& name, const Place& place) {
        const ExpressionValue* value = scope_.find(name);
        if (value == nullptr) throw JobError(place, "unknown name '" + name + "'", nearest_word(name, scope_.names()));
        if (const TensorId* id = std::get_if<TensorId>(value)) return *id;
        const Number& number = std::get<Number>(*value);
        return as_tensor(number, number.is_integer ? DType::i64 : DType::f64, place);
    }

    bool add_output(std::size_t number) {
        const OutputSpec& spec = job_.outputs[number];
        if (scope_.failed(spec.name)) return false;
        TensorId tensor = tensor_named(spec.name, spec.place);
        // A carried input is written as it is after the carry, and that is its source in the same step.
        if (const Carry* carry = graph_.carry_of(tensor)) tensor = carry->value;
        graph_.outputs.push_back({tensor, number, spec.every.value_or(0)});
        return true;
    }

    const Job& job_;
    const Catalogue& catalogue_;
    const KernelRegistry& registry_;
    Scope scope_;
    Graph graph_;
    std::vector<Diagnostic> errors_;
};

}  // namespace

Graph build_graph(const Job& job, const Catalogue& catalogue, const KernelRegistry& registry) {
    refuse_unsupported(job);
    return GraphBuilder(job, catalogue, registry).build();
}

const Carry* Graph::carry_of(TensorId input) const {
    const auto found =
        std::find_if(carries.begin(), carries.end(), [&](const Carry& carry) { return carry.input == input; });
    return found == carries.end() ? nullptr : &*found;
}

double Operation::flops() const { return kernel->flops_per_point * static_cast<double>(bound.index_space().volume()); }

}  // namespace maniple
