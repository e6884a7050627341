#include "graph/composite_call.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "job/values.hpp"

namespace maniple {

namespace {

using Value = Expression::Value;

std::optional<bool> compared(const std::string& operation, double a, double b) {
    if (operation == "equal") return a == b;
    if (operation == "not_equal") return a != b;
    if (operation == "less") return a < b;
    if (operation == "less_equal") return a <= b;
    if (operation == "greater") return a > b;
    if (operation == "greater_equal") return a >= b;
    if (operation == "logical_and") return a != 0 && b != 0;
    if (operation == "logical_or") return a != 0 || b != 0;
    return std::nullopt;
}

Number integer_number(std::int64_t value) { return {true, value, static_cast<double>(value)}; }

}  // namespace

CompositeCall::CompositeCall(const Composite& composite, const Expression& call,
                             const std::vector<ExpressionValue>& arguments, const Graph& graph, const Scope& scope)
    : composite_(composite), call_(call), arguments_(arguments), graph_(graph), caller_(scope) {
    check_arguments();
    read_parameters();
    check_requirements();
    choose_case();
}

void CompositeCall::check_arguments() const {
    const std::size_t most = composite_.arguments.size();
    const auto least =
        static_cast<std::size_t>(std::count_if(composite_.arguments.begin(), composite_.arguments.end(),
                                               [](const Composite::Argument& argument) { return !argument.optional; }));
    if (arguments_.size() < least || arguments_.size() > most) {
        const bool too_many = arguments_.size() > most;
        throw JobError(too_many ? call_.arguments[most].place : call_.place,
                       composite_.usage() + " takes " + std::to_string(least) +
                           (most > least ? " to " + std::to_string(most) : "") +
                           (most == 1 ? " argument, found " : " arguments, found ") +
                           std::to_string(arguments_.size()) +
                           (too_many && !composite_.parameters.empty()
                                ? "; a parameter is written with its name, as " + composite_.parameters[0].name + "=…"
                                : ""));
    }
    for (std::size_t i = 0; i < arguments_.size(); ++i) {
        const TensorId* id = std::get_if<TensorId>(&arguments_[i]);
        if (id == nullptr || composite_.arguments[i].any_type || is_floating(graph_[*id].dtype)) continue;
        throw JobError(call_.arguments[i].place, composite_.name + " does not take " +
                                                     std::string(maniple::name_of(graph_[*id].dtype)) +
                                                     ", it takes f32, f64, f16; read the input with `dtype: f32`");
    }
}

void CompositeCall::read_parameters() {
    for (const Expression::Parameter& given : call_.parameters) {
        if (composite_.parameter(given.name) == nullptr) {
            std::vector<std::string> known;
            for (const Composite::Parameter& each : composite_.parameters) known.push_back(each.name);
            throw JobError(given.place,
                           composite_.name + (known.empty() ? " takes no parameters, found '" + given.name + "'"
                                                            : " has no parameter '" + given.name +
                                                                  "', expected one of " + join(known, ", ")),
                           nearest_word(given.name, known));
        }
        if (!parameters_.emplace(given.name, resolved(given.value)).second)
            throw JobError(given.place, "parameter '" + given.name + "' is given twice");
    }
    for (const Composite::Parameter& each : composite_.parameters) {
        if (parameters_.contains(each.name)) continue;
        if (each.required) {
            throw JobError(call_.place,
                           composite_.name + " needs its parameter '" + each.name + "': " + each.name + "=…");
        }
        if (each.default_value) parameters_.emplace(each.name, resolved(*each.default_value));
    }
}

void CompositeCall::check_requirements() const {
    for (const auto& [text, condition] : composite_.requirements) {
        if (number(condition).real != 0) continue;
        Place place = call_.place;
        std::vector<std::string> values;
        for (const Expression& side : condition.arguments) {
            const auto given = parameters_.find(side.name);
            if (side.kind != Expression::Kind::name || given == parameters_.end()) continue;
            if (values.empty() && given->second.place) place = given->second.place;
            values.push_back(side.name + "=" + text_of(number(side)));
        }
        throw JobError(place, composite_.name + " needs " + text + ", found " + join(values, ", "));
    }
}

/// Constants of the job as numbers; words that name none stay words.
Value CompositeCall::resolved(const Value& value) const {
    Value result = value;
    if (value.kind == Value::Kind::list) {
        for (Value& item : result.list) item = resolved(item);
    } else if (value.kind == Value::Kind::expression) {
        Expression number = literal(constant_value(value.expression.at(0), caller_));
        if (number.kind == Expression::Kind::real && !std::isfinite(number.real)) {
            throw JobError(value.place, "expected a finite number, found " +
                                            std::string(std::isnan(number.real) ? "NaN" : "infinity"));
        }
        number.place = value.place;
        result.expression = {number};
    } else if (const ExpressionValue* named = caller_.find(value.word)) {
        if (const Number* number = std::get_if<Number>(named)) {
            result.kind = Value::Kind::expression;
            result.expression = {literal(*number)};
            result.expression[0].place = value.place;
        }
    }
    return result;
}

void CompositeCall::choose_case() {
    for (const Composite::Case& candidate : composite_.cases) {
        if (candidate.when && number(*candidate.when).real == 0) continue;
        case_ = &candidate;
        return;
    }
    std::vector<std::string> shapes;
    for (const ExpressionValue& argument : arguments_) {
        const TensorId* id = std::get_if<TensorId>(&argument);
        shapes.push_back(id == nullptr ? "a number" : "'" + graph_[*id].name + "' " + to_string(graph_[*id].shape));
    }
    throw JobError(call_.arguments.empty() ? call_.place : call_.arguments[0].place,
                   composite_.usage() + " does not take arguments of these ranks and types: " + join(shapes, ", "));
}

Scope CompositeCall::scope() const {
    Scope scope;
    for (std::size_t i = 0; i < arguments_.size(); ++i)
        scope.define(name_of(composite_.arguments[i].name), arguments_[i]);
    return scope;
}

std::string CompositeCall::name_of(const std::string& name) const {
    const std::size_t number = argument_number(name);
    // An argument keeps the name that the user knows it by.
    if (number < arguments_.size() && call_.arguments[number].kind == Expression::Kind::name)
        return call_.arguments[number].name;
    return composite_.name + "." + name;
}

std::size_t CompositeCall::argument_number(const std::string& name) const {
    const auto found = std::find_if(composite_.arguments.begin(), composite_.arguments.end(),
                                    [&](const Composite::Argument& argument) { return argument.name == name; });
    return static_cast<std::size_t>(found - composite_.arguments.begin());
}

Expression CompositeCall::filled_in(const Expression& expression) const {
    Expression result = expression;
    result.place = call_.place;
    if (expression.kind == Expression::Kind::name) {
        const auto parameter = parameters_.find(expression.name);
        if (parameter != parameters_.end()) {
            result = literal(number(expression));
            result.place = parameter->second.place ? parameter->second.place : call_.place;
            return result;
        }
        const std::size_t argument = argument_number(expression.name);
        if (argument < arguments_.size()) result.place = call_.arguments[argument].place;
        result.name = name_of(expression.name);
        return result;
    }
    if (expression.kind != Expression::Kind::call) return result;
    if (is_shape_function(expression.name)) {
        result = literal(shape_number(expression));
        result.place = call_.place;
        return result;
    }
    for (Expression& argument : result.arguments) argument = filled_in(argument);
    result.parameters.clear();
    for (const Expression::Parameter& parameter : expression.parameters) {
        if (std::optional<Value> value = filled_in(parameter.value))
            result.parameters.push_back({parameter.name, std::move(*value), call_.place});
    }
    return result;
}

std::optional<Value> CompositeCall::filled_in(const Value& value) const {
    Value result = value;
    result.place = call_.place;
    if (value.kind == Value::Kind::word) {
        const auto given = parameters_.find(value.word);
        if (given != parameters_.end()) {
            result = given->second;
            if (!result.place) result.place = call_.place;
        } else if (composite_.parameter(value.word) != nullptr) {
            return std::nullopt;
        }
    } else if (value.kind == Value::Kind::list) {
        for (Value& item : result.list) item = filled_in(item).value_or(item);
    } else {
        result.expression = {literal(number(value.expression.at(0)))};
        result.expression[0].place = call_.place;
    }
    return result;
}

const Shape& CompositeCall::shape_of(const Expression& named) const {
    static const Shape scalar;
    const std::size_t argument = argument_number(named.name);
    MANIPLE_CHECK(argument < composite_.arguments.size(),
                  "composite " + composite_.name + ": no argument " + named.name);
    const TensorId* id = argument < arguments_.size() ? std::get_if<TensorId>(&arguments_[argument]) : nullptr;
    return id == nullptr ? scalar : graph_[*id].shape;
}

bool CompositeCall::is_integer(const Expression& named) const {
    const std::size_t argument = argument_number(named.name);
    if (argument >= arguments_.size()) return false;
    if (const TensorId* id = std::get_if<TensorId>(&arguments_[argument])) return !is_floating(graph_[*id].dtype);
    return std::get<Number>(arguments_[argument]).is_integer;
}

/// rank(x), extent(x, k), given(b), is_integer(x), root(number).
Number CompositeCall::shape_number(const Expression& call) const {
    const Expression& first = call.arguments.at(0);
    if (call.name == "root") return {false, 0, std::sqrt(number(first).real)};
    if (call.name == "given") return integer_number(argument_number(first.name) < arguments_.size() ? 1 : 0);
    if (call.name == "is_integer") return integer_number(is_integer(first) ? 1 : 0);
    const Shape& shape = shape_of(first);
    if (call.name == "rank") return integer_number(shape.rank());
    const std::int64_t written = number(call.arguments.at(1)).integer;
    const std::int64_t axis = written < 0 ? written + shape.rank() : written;
    if (axis < 0 || axis >= shape.rank()) {
        throw JobError(
            call_.arguments[argument_number(first.name)].place,
            composite_.name + " expects more axes for its argument " + first.name + ", found " + to_string(shape));
    }
    return integer_number(shape[static_cast<int>(axis)]);
}

/// An expression of numbers, parameters and shapes alone.
Number CompositeCall::number(const Expression& expression) const {
    switch (expression.kind) {
        case Expression::Kind::integer: return integer_number(expression.integer);
        case Expression::Kind::real: return {false, 0, expression.real};
        case Expression::Kind::name: {
            const auto given = parameters_.find(expression.name);
            const bool word = given != parameters_.end() && given->second.kind == Value::Kind::word;
            if (word && (given->second.word == "true" || given->second.word == "false"))
                return integer_number(given->second.word == "true" ? 1 : 0);
            if (given == parameters_.end() || given->second.kind != Value::Kind::expression) {
                throw JobError(given == parameters_.end() ? call_.place : given->second.place,
                               "the parameter '" + expression.name + "' of " + composite_.name + " must be a number");
            }
            return constant_value(given->second.expression.at(0), caller_);
        }
        case Expression::Kind::call: break;
    }
    if (is_shape_function(expression.name)) return shape_number(expression);
    std::vector<Number> numbers;
    for (const Expression& argument : expression.arguments) numbers.push_back(number(argument));
    if (expression.name == "logical_not" && numbers.size() == 1) return integer_number(numbers[0].real == 0 ? 1 : 0);
    if (numbers.size() == 2) {
        if (const std::optional<bool> truth = compared(expression.name, numbers[0].real, numbers[1].real))
            return integer_number(*truth ? 1 : 0);
    }
    const bool integers = numbers.size() == 2 && numbers[0].is_integer && numbers[1].is_integer;
    if (integers && expression.name == "div" && numbers[1].integer > 0 && numbers[0].integer >= 0)
        return integer_number(numbers[0].integer / numbers[1].integer);  // as extents are counted
    const std::optional<Number> folded = fold_numbers(expression.name, numbers);
    MANIPLE_CHECK(folded.has_value(), "composite " + composite_.name + ": " + expression.name + " of numbers");
    return *folded;
}

Expression CompositeCall::literal(const Number& number) const {
    Expression result;
    result.kind = number.is_integer ? Expression::Kind::integer : Expression::Kind::real;
    result.integer = number.integer;
    result.real = number.real;
    return result;
}

}  // namespace maniple
