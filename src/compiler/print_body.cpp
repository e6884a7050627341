#include "compiler/print_body.hpp"

#include <cmath>
#include <cstdio>

#include "base/error.hpp"

namespace maniple::compiler {

std::string cpp_type(ValueType type) {
    switch (type) {
        case ValueType::f32: return "float";
        case ValueType::f64: return "double";
        case ValueType::i32: return "int32_t";
        case ValueType::i64: return "int64_t";
        case ValueType::u8: return "uint8_t";
        case ValueType::u32: return "uint32_t";
        case ValueType::boolean: return "bool";
        default: break;
    }
    broken_invariant(__FILE__, __LINE__, "a number without a type");
}

std::string cpp_element_type(DType type) {
    if (type == DType::boolean) return "uint8_t";
    return type == DType::f16 ? "uint16_t" : cpp_type(value_type(type));
}

std::string cpp_name(const std::string& name) { return name + "_"; }

void Lines::add(const std::string& text) {
    if (!text.empty() && text.front() == '}' && depth_ > 0) --depth_;
    if (!text.empty()) text_ += std::string(static_cast<std::size_t>(4 * depth_), ' ') + text;
    text_ += '\n';
    if (!text.empty() && text.back() == '{' && !text.starts_with("namespace")) ++depth_;
}

void BodyPrinter::print(const Body& body, Lines& lines) const {
    for (const Statement& statement : body) print_one(statement, lines);
}

void BodyPrinter::print_one(const Statement& statement, Lines& lines) const {
    switch (statement.kind) {
        case Statement::Kind::declare:
            lines.add(cpp_type(statement.type) + " " + cpp_name(statement.name) + " = " + value(statement.value) + ";");
            break;
        case Statement::Kind::assign: {
            const bool to_element = statement.target.kind == Expression::Kind::element;
            const std::string target = to_element ? element(statement.target) : variable(statement.target);
            const bool byte = to_element && statement.type == ValueType::boolean;
            const bool half = is_half(statement.target, function_.function);
            const std::string stored = half ? half_value(statement.value) : value(statement.value);
            lines.add(target + " = " + (byte ? "(uint8_t)" : "") + stored + ";");
            break;
        }
        case Statement::Kind::branch: print_branch(statement, lines); break;
        case Statement::Kind::range: {
            const std::string name = cpp_name(statement.name);
            lines.add("for (i64 " + name + " = " + value(statement.from) + ", end_" + name + " = " +
                      value(statement.to) + "; " + name + " < end_" + name + "; ++" + name + ") {");
            print(statement.body, lines);
            lines.add("}");
            break;
        }
        case Statement::Kind::whole: {
            const std::string name = cpp_name(statement.name);
            const std::string number = cpp_place(file_, static_cast<std::size_t>(statement.number));
            lines.add("for (i64 " + name + " = call->lo[" + number + "]; " + name + " < call->hi[" + number + "]; ++" +
                      name + ") {");
            print(statement.body, lines);
            lines.add("}");
            break;
        }
        case Statement::Kind::loop:
            lines.add("while (" + value(statement.value) + ") {");
            print(statement.body, lines);
            lines.add("}");
            break;
    }
}

void BodyPrinter::print_branch(const Statement& statement, Lines& lines) const {
    lines.add("if (" + value(statement.value) + ") {");
    print(statement.body, lines);
    if (!statement.otherwise.empty()) {
        lines.add("} else {");
        print(statement.otherwise, lines);
    }
    lines.add("}");
}

std::string BodyPrinter::value(const Expression& expression) const {
    switch (expression.kind) {
        case Expression::Kind::integer:
        case Expression::Kind::real: return literal(expression);
        case Expression::Kind::boolean: return expression.integer ? "true" : "false";
        case Expression::Kind::variable: return variable(expression);
        case Expression::Kind::element:
            if (is_half(expression, function_.function)) return "from_half(" + element(expression) + ")";
            return expression.type == ValueType::boolean ? "(" + element(expression) + " != 0)" : element(expression);
        case Expression::Kind::unary: {
            const std::string operand = value(expression.operands[0]);
            if (expression.name == "!") return "(!" + operand + ")";
            return is_float(expression.type) ? "(-" + operand + ")" : "negate(" + operand + ")";
        }
        case Expression::Kind::binary: return binary(expression);
        case Expression::Kind::conditional:
            return "(" + value(expression.operands[0]) + " ? " + value(expression.operands[1]) + " : " +
                   value(expression.operands[2]) + ")";
        case Expression::Kind::call: return call(expression);
        case Expression::Kind::convert:
            if (expression.half) return "from_half(" + half_value(expression) + ")";
            return "to<" + cpp_type(expression.type) + ">(" + value(expression.operands[0]) + ")";
    }
    return "";
}

/// The bits of `expression` as f16. A conversion to f16 takes its operand as it is, to round once.
std::string BodyPrinter::half_value(const Expression& expression) const {
    const bool converts = expression.kind == Expression::Kind::convert && expression.half;
    return "to_half(" + value(converts ? expression.operands[0] : expression) + ")";
}

std::string BodyPrinter::literal(const Expression& expression) const {
    char number[64];
    if (is_float(expression.type)) {
        const double real =
            expression.kind == Expression::Kind::real ? expression.real : static_cast<double>(expression.integer);
        std::snprintf(number, sizeof number, "%.17g", real);
        std::string text = number;
        if (text.find_first_of(".e") == std::string::npos) text += ".0";
        // Through f64, as the numbers of a job file: the same constant rounds the same way in both.
        return expression.type == ValueType::f32 ? "(float)" + text : text;
    }
    std::snprintf(number, sizeof number, "%lld", static_cast<long long>(expression.integer));
    return "(" + cpp_type(expression.type) + ")" + number;
}

std::string BodyPrinter::variable(const Expression& expression) const {
    switch (expression.role) {
        case Role::state:
        case Role::other: return member(expression);
        case Role::position: return "position_of(call, at)";
        default: return cpp_name(expression.name);
    }
}

std::string BodyPrinter::binary(const Expression& expression) const {
    const std::string a = value(expression.operands[0]);
    const std::string b = value(expression.operands[1]);
    const std::string& name = expression.name;
    // Both sides are values without effects, so that & and | save the branches of && and ||.
    if (name == "&&" || (name == "*" && expression.type == ValueType::boolean)) return "(" + a + " & " + b + ")";
    if (name == "||" || (name == "+" && expression.type == ValueType::boolean)) return "(" + a + " | " + b + ")";
    if (is_integer(expression.type)) {
        if (name == "+") return "add(" + a + ", " + b + ")";
        if (name == "-") return "subtract(" + a + ", " + b + ")";
        if (name == "*") return "multiply(" + a + ", " + b + ")";
    }
    return "(" + a + " " + name + " " + b + ")";
}

std::string BodyPrinter::call(const Expression& expression) const {
    const std::string& name = expression.name;
    if (name == "extent" && expression.role == Role::tensor) {
        const std::string tensor = "call->tensors[" + std::to_string(expression.number) + "]";
        const std::string axis = "[" + cpp_place(file_, static_cast<std::size_t>(expression.operands[1].integer)) + "]";
        return "(" + tensor + ".hi" + axis + " - " + tensor + ".lo" + axis + ")";
    }
    if (name == "extent") {
        return "call->extent[" + cpp_place(file_, static_cast<std::size_t>(expression.number)) + "]";
    }
    if (name == "lowest" || name == "highest") return "Limits<" + cpp_type(expression.type) + ">::" + name;
    std::string arguments;
    for (const Expression& operand : expression.operands) {
        if (!arguments.empty()) arguments += ", ";
        arguments += value(operand);
    }
    std::string function = "real::" + name;
    if (name == "abs") function = "absolute";
    if (name == "min") function = "minimum";
    if (name == "max") function = "maximum";
    if (name == "isnan") function = "is_nan";
    if (name == "isinf") function = "is_infinite";
    return function + "(" + arguments + ")";
}

std::string BodyPrinter::remainder(const Expression& element) const {
    std::string text;
    for (std::size_t axis = 0; axis < element.axes.size(); ++axis) {
        const Remainder rest = remainder_of(element.axes[axis], file_);
        if (rest.empty()) continue;
        const std::string stride =
            "call->tensors[" + std::to_string(element.number) + "].stride[" + cpp_place(file_, axis) + "]";
        const std::string factor =
            rest.whole_expression ? value(element.operands[axis]) : "(" + cpp_affine(rest.affine) + ")";
        text += " + " + stride + " * " + factor;
    }
    return text;
}

std::string cpp_affine(const Affine& affine) {
    std::string text;
    for (const auto& [term, coefficient] : affine.terms) {
        std::string product;
        for (const std::string& name : factors_of(term)) product += (product.empty() ? "" : " * ") + cpp_name(name);
        if (!text.empty()) text += " + ";
        text += coefficient == 1 ? product : std::to_string(coefficient) + " * " + product;
    }
    if (affine.constant == 0 && !text.empty()) return text;
    if (!text.empty()) text += " + ";
    return text + std::to_string(affine.constant);
}

std::string cpp_place(const KernelFile& file, std::size_t number) {
    if (!file.signature.has_ellipsis()) return std::to_string(number);
    const std::size_t names = file.signature.index_names().size();
    if (number == names) return "call->rank";
    return number < names ? "call->rank - " + std::to_string(names - number)
                          : "call->rank + " + std::to_string(number - names);
}

void print_parameters(const KernelFile& file, const Variant& variant, Lines& lines) {
    for (std::size_t i = 0; i < file.parameters.size(); ++i) {
        const ParameterDeclaration& parameter = file.parameters[i];
        const std::string source = "call->parameters[" + std::to_string(i) + "]";
        const std::string name = cpp_name(parameter.name);
        switch (parameter.type) {
            case ParameterDeclaration::Type::real:
                lines.add("const " + cpp_type(variant.real) + " " + name + " = (" + cpp_type(variant.real) + ")" +
                          source + ".real;");
                break;
            case ParameterDeclaration::Type::integer:
                lines.add("const i64 " + name + " = " + source + ".integer;");
                break;
            case ParameterDeclaration::Type::boolean:
                lines.add("const bool " + name + " = " + source + ".integer != 0;");
                break;
        }
    }
}

}  // namespace maniple::compiler
