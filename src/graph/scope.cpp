#include "graph/scope.hpp"

#include "base/text.hpp"

namespace maniple {

Scope::Scope(const Job& job) {
    for (const auto& [name, number] : job.constants) values_[name] = number;
}

const ExpressionValue* Scope::find(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
}

std::vector<std::string> Scope::names() const {
    std::vector<std::string> result;
    for (const auto& [name, value] : values_) result.push_back(name);
    for (const auto& [name, value] : failed_) result.push_back(name);
    return result;
}

namespace {

Number integer_number(std::uint64_t bits) {
    const auto value = static_cast<std::int64_t>(bits);
    return {true, value, static_cast<double>(value)};
}

Number real_number(double value) { return {false, 0, value}; }

}  // namespace

std::optional<Number> fold_numbers(const std::string& operation, const std::vector<Number>& arguments) {
    if (operation == "neg" && arguments.size() == 1) {
        const Number& a = arguments[0];
        return a.is_integer ? integer_number(0 - static_cast<std::uint64_t>(a.integer)) : real_number(-a.real);
    }
    if (arguments.size() != 2) return std::nullopt;
    const Number& a = arguments[0];
    const Number& b = arguments[1];
    const bool integers = a.is_integer && b.is_integer;
    const auto ua = static_cast<std::uint64_t>(a.integer);
    const auto ub = static_cast<std::uint64_t>(b.integer);
    if (operation == "add") return integers ? integer_number(ua + ub) : real_number(a.real + b.real);
    if (operation == "sub") return integers ? integer_number(ua - ub) : real_number(a.real - b.real);
    if (operation == "mul") return integers ? integer_number(ua * ub) : real_number(a.real * b.real);
    if (operation == "div") return real_number(a.real / b.real);
    return std::nullopt;
}

Number constant_value(const Expression& expression, const Scope& scope) {
    switch (expression.kind) {
        case Expression::Kind::integer: return {true, expression.integer, static_cast<double>(expression.integer)};
        case Expression::Kind::real: return real_number(expression.real);
        case Expression::Kind::name: {
            const ExpressionValue* value = scope.find(expression.name);
            if (value != nullptr && std::holds_alternative<Number>(*value)) return std::get<Number>(*value);
            if (value != nullptr) {
                throw JobError(expression.place,
                               "'" + expression.name + "' is a tensor; a parameter takes numbers and constants only");
            }
            throw JobError(expression.place, "unknown constant '" + expression.name + "'",
                           nearest_word(expression.name, scope.names()));
        }
        case Expression::Kind::call: break;
    }
    std::vector<Number> arguments;
    for (const Expression& argument : expression.arguments) arguments.push_back(constant_value(argument, scope));
    const std::optional<Number> value = fold_numbers(expression.name, arguments);
    if (!value)
        throw JobError(expression.place, "a parameter takes numbers, constants and + - * / only, not a call of '" +
                                             expression.name + "'");
    return *value;
}

}  // namespace maniple
