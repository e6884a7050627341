// Types of values: numbers adapt to what stands beside them, widening is silent, narrowing needs a word.
#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.hpp"
#include "compiler/checker.hpp"

namespace maniple::compiler {

void Checker::check_value(Expression& expression) {
    switch (expression.kind) {
        case Expression::Kind::integer: expression.type = ValueType::weak_integer; break;
        case Expression::Kind::real: expression.type = ValueType::weak_real; break;
        case Expression::Kind::boolean: expression.type = ValueType::boolean; break;
        case Expression::Kind::variable: check_variable(expression); break;
        case Expression::Kind::element: check_element(expression, false); break;
        case Expression::Kind::unary: check_unary(expression); break;
        case Expression::Kind::binary: check_binary(expression); break;
        case Expression::Kind::conditional: check_conditional(expression); break;
        case Expression::Kind::call: check_call(expression); break;
        case Expression::Kind::convert: break;  // made here, checked already
    }
}

void Checker::check_value_as(Expression& expression, ValueType type) {
    check_value(expression);
    coerce(expression, type);
}

void Checker::check_variable(Expression& variable) {
    const bool other = variable.role == Role::other;
    if (other && function_.kind != FunctionKind::merge) fail(variable.spot, "'other' is known in merge only");
    if (!find_variable(variable)) {
        const bool whole = !other && is_whole(variable.name) && sees_indices();
        if (whole) {
            fail(variable.spot,
                 "index '" + variable.name + "' is whole: loop over it with for (index " + variable.name + ") { … }");
        }
        if (file_.dtype && variable.name == file_.dtype->name) {
            fail(variable.spot, "'" + variable.name + "' chooses the types; a body converts with output(…)");
        }
        fail(variable.spot, "unknown name '" + variable.name + "'", nearest_word(variable.name, visible_names()));
    }
    if (variable.role == Role::tensor) check_element(variable, false);
}

/// Sets role, number and type of a name; false if nothing has it.
bool Checker::find_variable(Expression& variable) const {
    const auto set = [&](Role role, std::size_t number, ValueType type) {
        variable.role = role;
        variable.number = static_cast<int>(number);
        variable.type = type;
        return true;
    };
    if (sees_state()) {
        const Role role = variable.role == Role::other ? Role::other : Role::state;
        for (std::size_t i = 0; i < variant_.members.size(); ++i) {
            if (variant_.members[i].name == variable.name) return set(role, i, variant_.members[i].type);
        }
        if (role == Role::other) return false;
    }
    if (const Local* const found = local(variable.name)) return set(Role::local, 0, found->type);
    for (std::size_t i = 0; i < file_.parameters.size(); ++i) {
        const ParameterDeclaration& parameter = file_.parameters[i];
        if (parameter.name != variable.name) continue;
        if (parameter.type == ParameterDeclaration::Type::real) return set(Role::parameter, i, variant_.real);
        const bool boolean = parameter.type == ParameterDeclaration::Type::boolean;
        return set(Role::parameter, i, boolean ? ValueType::boolean : ValueType::i64);
    }
    if (sees_indices() && index_number(variable.name) >= 0 && !is_whole(variable.name)) {
        return set(Role::index, static_cast<std::size_t>(index_number(variable.name)), ValueType::i64);
    }
    if (variable.name == "position" && function_.kind == FunctionKind::accumulate) {
        return set(Role::position, 0, ValueType::i64);
    }
    if (tensor_number(variable.name) < 0) return false;
    return set(Role::tensor, static_cast<std::size_t>(tensor_number(variable.name)), ValueType::f32);
}

void Checker::check_unary(Expression& unary) {
    Expression& operand = unary.operands[0];
    check_value(operand);
    unary.type = operand.type;
    const bool boolean = operand.type == ValueType::boolean;
    if (unary.name == "!" && !boolean) fail(unary.spot, "'!' takes a bool, this is " + name_of(operand.type));
    if (unary.name == "-" && boolean) fail(unary.spot, "'-' takes a number, this is bool");
}

/// Brings the operands from `first` on to the type in which they meet.
void Checker::meet_operands(Expression& expression, std::size_t first) {
    ValueType type = expression.operands[first].type;
    for (std::size_t i = first + 1; i < expression.operands.size(); ++i) {
        const std::optional<ValueType> met = meet(type, expression.operands[i].type);
        if (!met) {
            fail(expression.spot, name_of(type) + " and " + name_of(expression.operands[i].type) +
                                      " do not mix: convert one, as in real(n) or int(x)");
        }
        type = *met;
    }
    expression.type = type;
    if (is_weak(type)) return;
    for (std::size_t i = first; i < expression.operands.size(); ++i) coerce(expression.operands[i], type);
}

void Checker::check_binary(Expression& binary) {
    for (Expression& operand : binary.operands) check_value(operand);
    const std::string& name = binary.name;
    if (name == "&&" || name == "||") {
        for (const Expression& operand : binary.operands) {
            if (operand.type == ValueType::boolean) continue;
            fail(binary.spot, "'" + name + "' takes bools, this is " + name_of(operand.type));
        }
        binary.type = ValueType::boolean;
        return;
    }
    if (name == "/") {
        check_division(binary);
        return;
    }
    meet_operands(binary, 0);
    if (name == "+" || name == "-" || name == "*") {
        // As NumPy: on bools + is "or" and * is "and".
        if (name == "-" && binary.type == ValueType::boolean) fail(binary.spot, "'-' takes numbers, these are bools");
        return;
    }
    for (Expression& operand : binary.operands) settle(operand);
    binary.type = ValueType::boolean;
}

/// `/` on integers and bools gives f64, as in job files.
void Checker::check_division(Expression& binary) {
    Expression& a = binary.operands[0];
    Expression& b = binary.operands[1];
    const bool weak = is_weak(a.type) && is_weak(b.type);
    const bool real = is_float(a.type) || is_float(b.type);
    if (weak) {
        binary.type = ValueType::weak_real;
        return;
    }
    if (real) {
        meet_operands(binary, 0);
        return;
    }
    for (Expression* const operand : {&a, &b}) {
        if (is_weak(operand->type)) {
            adapt(*operand, ValueType::f64);
            continue;
        }
        Expression converted;
        converted.kind = Expression::Kind::convert;
        converted.spot = operand->spot;
        converted.type = ValueType::f64;
        converted.operands.push_back(std::move(*operand));
        *operand = std::move(converted);
    }
    binary.type = ValueType::f64;
}

void Checker::check_conditional(Expression& conditional) {
    check_condition(conditional.operands[0]);
    check_value(conditional.operands[1]);
    check_value(conditional.operands[2]);
    meet_operands(conditional, 1);
}

void Checker::coerce(Expression& expression, ValueType type) const {
    if (expression.type == type) return;
    if (is_weak(expression.type)) {
        adapt(expression, type);
        return;
    }
    if (!widens(expression.type, type)) {
        fail(start_of(expression), name_of(expression.type) + " does not become " + name_of(type) +
                                       " by itself: convert it, as in " + name_of(type) + "(…)");
    }
    Expression converted;
    converted.kind = Expression::Kind::convert;
    converted.spot = expression.spot;
    converted.type = type;
    converted.operands.push_back(std::move(expression));
    expression = std::move(converted);
}

/// Gives a weak value the type that it has alone.
void Checker::settle(Expression& expression) const {
    if (expression.type == ValueType::weak_integer) adapt(expression, ValueType::i32);
    if (expression.type == ValueType::weak_real) adapt(expression, variant_.real);
}

namespace {

bool fits(std::int64_t value, ValueType type) {
    switch (type) {
        case ValueType::i32:
            return value >= std::numeric_limits<std::int32_t>::min() &&
                   value <= std::numeric_limits<std::int32_t>::max();
        case ValueType::u8: return value >= 0 && value <= 255;
        case ValueType::u32: return value >= 0 && value <= std::numeric_limits<std::uint32_t>::max();
        default: return true;
    }
}

}  // namespace

/// Makes a tree of numbers have type `type`.
void Checker::adapt(Expression& expression, ValueType type) const {
    if (!is_weak(expression.type)) {
        coerce(expression, type);
        return;
    }
    if (type == ValueType::boolean || (expression.type == ValueType::weak_real && !is_float(type))) {
        fail(start_of(expression), name_of(expression.type) + " does not become " + name_of(type));
    }
    if (expression.kind == Expression::Kind::integer && !fits(expression.integer, type)) {
        fail(expression.spot, "the number " + std::to_string(expression.integer) + " is no " + name_of(type));
    }
    expression.type = type;
    const std::size_t first = expression.kind == Expression::Kind::conditional ? 1 : 0;
    for (std::size_t i = first; i < expression.operands.size(); ++i) adapt(expression.operands[i], type);
}

}  // namespace maniple::compiler
