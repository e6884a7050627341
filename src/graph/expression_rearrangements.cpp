// Operations that an expression needs beside the one that it names: conversions, reshapings by steps, joins of many.
#include "base/text.hpp"
#include "graph/expression_builder.hpp"

namespace maniple {

TensorId ExpressionBuilder::apply(const Kernel& kernel, const std::vector<TensorId>& inputs,
                                  const std::optional<DType>& dtype, const std::vector<Positions>& positions,
                                  const std::string& name, const std::vector<Place>& places) {
    Operation operation;
    operation.name = name;
    operation.kernel = &kernel;
    operation.place = places[0];
    std::vector<ArgumentType> types;
    for (std::size_t i = 0; i < inputs.size(); ++i) types.push_back({graph_[inputs[i]].dtype, {}, places[i], {}});
    operation.types = choose_types(kernel, types, dtype, places[0]);
    BindRequest request;
    request.kernel = &kernel;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const DType wanted = kernel.types[operation.types].inputs[i];
        operation.inputs.push_back(converted(inputs[i], wanted, name, places[i]));
        const Tensor& tensor = graph_[operation.inputs[i]];
        request.inputs.push_back(tensor.shape);
        request.input_places.push_back(places[i]);
        request.input_texts.push_back(tensor.name);
        request.input_origins.push_back(tensor.place);
    }
    request.positions = positions;
    request.kernel_place = places[0];
    Binding binding = bind_signature(request);
    operation.bound = shared(kernel, std::move(binding.signature));
    operation.boundary = boundary_rule({}, operation);
    return std::get<TensorId>(finish_operation(std::move(operation), binding.outputs)[0]);
}

TensorId ExpressionBuilder::cast(TensorId tensor, DType dtype, const std::string& name, const Place& place) {
    const Kernel* kernel = registry_.find("cast");
    MANIPLE_CHECK(kernel != nullptr, "no kernel converts element types");
    return apply(*kernel, {tensor}, dtype, {}, name, {place});
}

/// All but the last step of a reshaping that takes several.
void ExpressionBuilder::reshape_first(const Expression& expression, const CallParameters& parameters,
                                      Operation& operation) {
    const std::vector<Shape> steps = reshape_steps(bind_request(expression, parameters, operation));
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
        Positions shape{"shape", {}, {}, expression.place};
        for (int axis = 0; axis < steps[i].rank(); ++axis) shape.values.push_back(steps[i][axis]);
        shape.places.resize(shape.values.size(), expression.place);
        operation.inputs[0] =
            apply(*operation.kernel, {operation.inputs[0]}, std::nullopt, {shape}, operation.name, {expression.place});
    }
}

std::vector<ExpressionValue> ExpressionBuilder::join_all(const Expression& expression, const Kernel& kernel,
                                                         const Values& arguments, const std::string& name) {
    if (arguments.empty()) throw JobError(expression.place, kernel.name + " takes one argument at least, found none");
    const CallParameters parameters = read_parameters(expression, kernel, *scope_);
    std::vector<TensorId> parts;
    std::vector<Place> places;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const TensorId* id = std::get_if<TensorId>(&arguments[i]);
        places.push_back(expression.arguments[i].place);
        if (id == nullptr) throw JobError(places.back(), kernel.name + " joins tensors, this is a number");
        parts.push_back(*id);
    }
    if (parts.size() == 1) return {copied(parts[0], name, places[0])};
    // Neighbours first, so that no element is moved more often than the logarithm of their number.
    while (parts.size() > 1) {
        std::vector<TensorId> joined;
        std::vector<Place> joined_places;
        for (std::size_t i = 0; i < parts.size(); i += 2) {
            const bool pair = i + 1 < parts.size();
            joined.push_back(
                pair ? join(kernel, parts[i], parts[i + 1], parameters.positions, name, {places[i], places[i + 1]})
                     : parts[i]);
            joined_places.push_back(places[i]);
        }
        parts = std::move(joined);
        places = std::move(joined_places);
    }
    return {parts[0]};
}

TensorId ExpressionBuilder::join(const Kernel& kernel, TensorId a, TensorId b, const std::vector<Positions>& positions,
                                 const std::string& name, const std::vector<Place>& places) {
    std::int64_t counts[2] = {0, 0};
    const std::int64_t written = positions.at(0).values.at(0);
    for (int i = 0; i < 2; ++i) {
        const Shape& shape = graph_[i == 0 ? a : b].shape;
        const std::int64_t axis = written < 0 ? written + shape.rank() : written;
        if (axis >= 0 && axis < shape.rank()) counts[i] = shape[static_cast<int>(axis)];  // else binding refuses it
    }
    Tensor positions_along;
    positions_along.name = name + "/positions";
    positions_along.kind = Tensor::Kind::fill;
    positions_along.fill.kind = Fill::Kind::iota;
    positions_along.dtype = DType::i64;
    positions_along.shape = Shape(1, counts[0] + counts[1]);
    positions_along.axes.resize(1);
    positions_along.place = places[0];
    const TensorId along = add_tensor(std::move(positions_along));
    const TensorId border = as_tensor(Number{true, counts[0], static_cast<double>(counts[0])}, DType::i64, places[0]);
    const TensorId first =
        apply(*registry_.find("less"), {along, border}, std::nullopt, {}, name, {places[0], places[0]});
    return apply(kernel, {a, b, first}, std::nullopt, positions, name, {places[0], places[1], places[0]});
}

}  // namespace maniple
