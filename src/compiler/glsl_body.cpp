#include "compiler/glsl_body.hpp"

#include "compiler/glsl_words.hpp"

namespace maniple::compiler {

namespace {

/// "f32" of add_f32, the suffix of the pieces for a type.
std::string suffix(ValueType type) { return "_" + name_of(type); }

/// `affine` modulo 2^32: "u_y + 2u * u_dy - 1u".
std::string low_affine(const Affine& affine) {
    std::string text;
    const auto append = [&](std::int64_t factor, const std::string& name) {
        const bool negative = factor < 0;
        const auto magnitude = static_cast<std::uint32_t>(negative ? 0 - static_cast<std::uint64_t>(factor)
                                                                   : static_cast<std::uint64_t>(factor));
        if (text.empty() && negative) text = "0u";
        if (!text.empty()) text += negative ? " - " : " + ";
        if (name.empty()) {
            text += std::to_string(magnitude) + "u";
        } else {
            text += magnitude == 1 ? name : std::to_string(magnitude) + "u * " + name;
        }
    };
    for (const auto& [term, coefficient] : affine.terms) {
        std::string product;
        for (const std::string& name : factors_of(term)) product += (product.empty() ? "" : " * ") + low_name(name);
        append(coefficient, product);
    }
    if (affine.constant != 0 || text.empty()) append(affine.constant, "");
    return text;
}

bool is_single(const Affine& affine) {
    return affine.constant == 0 && affine.terms.size() == 1 && affine.terms.begin()->second == 1;
}

}  // namespace

void GlslPrinter::print(const Body& body, Lines& lines) const {
    for (const Statement& statement : body) print_one(statement, lines);
}

void GlslPrinter::print_one(const Statement& statement, Lines& lines) const {
    switch (statement.kind) {
        case Statement::Kind::declare:
            lines.add(glsl_type(statement.type) + " " + value_name(statement.name) + " = " + value(statement.value) +
                      ";");
            break;
        case Statement::Kind::assign: print_assignment(statement, lines); break;
        case Statement::Kind::branch: print_branch(statement, lines); break;
        case Statement::Kind::range: print_range(statement, lines); break;
        case Statement::Kind::whole: print_whole(statement, lines); break;
        case Statement::Kind::loop:
            lines.add("while (" + value(statement.value) + ") {");
            print(statement.body, lines);
            lines.add("}");
            break;
    }
}

void GlslPrinter::print_assignment(const Statement& statement, Lines& lines) const {
    if (statement.target.kind != Expression::Kind::element) {
        lines.add(variable(statement.target) + " = " + value(statement.value) + ";");
        return;
    }
    std::string stored;
    if (is_half(statement.target, function_.function)) {
        stored = "uint16_t(" + half_value(statement.value) + ")";
    } else {
        stored = glsl_stored(value(statement.value), statement.type);
    }
    lines.add(place(statement.target) + " = " + stored + ";");
}

void GlslPrinter::print_range(const Statement& statement, Lines& lines) const {
    const std::string v = value_name(statement.name);
    const std::string u = low_name(statement.name);
    if (widths_.wide(statement.name)) {
        lines.add("for (int64_t " + v + " = " + value(statement.from) + ", end_" + v + " = " + value(statement.to) +
                  "; " + v + " < end_" + v + "; ++" + v + ") {");
        lines.add("const uint " + u + " = uint(" + v + ");");
    } else {
        lines.add("for (uint " + u + " = " + low(statement.from) + ", end_" + u + " = " + low(statement.to) +
                  "; int(end_" + u + " - " + u + ") > 0; ++" + u + ") {");
    }
    print(statement.body, lines);
    lines.add("}");
}

void GlslPrinter::print_whole(const Statement& statement, Lines& lines) const {
    const std::string& name = statement.name;
    const auto number = static_cast<std::size_t>(statement.number);
    const std::string lo = glsl_word("call.lo", number);
    const std::string u = low_name(name);
    const std::string end = "end_" + u;
    lines.add("for (uint " + u + " = " + lo + ", " + end + " = " + u + " + " + glsl_word("call.size", number) + "; " +
              u + " != " + end + "; ++" + u + ") {");
    if (widths_.wide(name)) lines.add(glsl_index(name, number));
    print(statement.body, lines);
    lines.add("}");
}

void GlslPrinter::print_branch(const Statement& statement, Lines& lines) const {
    lines.add("if (" + value(statement.value) + ") {");
    print(statement.body, lines);
    if (!statement.otherwise.empty()) {
        lines.add("} else {");
        print(statement.otherwise, lines);
    }
    lines.add("}");
}

std::string GlslPrinter::value(const Expression& expression) const {
    switch (expression.kind) {
        case Expression::Kind::integer:
        case Expression::Kind::real: return glsl_literal(expression);
        case Expression::Kind::boolean: return expression.integer ? "true" : "false";
        case Expression::Kind::variable: return variable(expression);
        case Expression::Kind::element: return load(expression);
        case Expression::Kind::unary: return unary(expression);
        case Expression::Kind::binary: return binary(expression);
        case Expression::Kind::conditional:
            return "(" + value(expression.operands[0]) + " ? " + value(expression.operands[1]) + " : " +
                   value(expression.operands[2]) + ")";
        case Expression::Kind::call: return call(expression);
        case Expression::Kind::convert:
            if (expression.half) return "from_half(" + half_value(expression) + ")";
            return glsl_convert(value(expression.operands[0]), expression.operands[0].type, expression.type);
    }
    return "";
}

/// The lower 32 bits of an integer, without 64-bit arithmetic where they follow from those of its parts.
std::string GlslPrinter::low(const Expression& expression) const {
    const std::vector<Expression>& operands = expression.operands;
    if (expression.kind == Expression::Kind::variable) {
        const bool loop = expression.role == Role::local && widths_.is_loop(expression.name);
        if (loop || expression.role == Role::index || expression.role == Role::parameter)
            return low_name(expression.name);
    }
    if (low_bits_follow(expression)) {
        switch (expression.kind) {
            case Expression::Kind::integer: return std::to_string(static_cast<std::uint32_t>(expression.integer)) + "u";
            case Expression::Kind::unary: return "(0u - " + low(operands[0]) + ")";
            case Expression::Kind::binary:
                return "(" + low(operands[0]) + " " + expression.name + " " + low(operands[1]) + ")";
            case Expression::Kind::convert: return low(operands[0]);
            default: return extent(expression, true);
        }
    }
    const bool is_word = expression.type == ValueType::u32 || expression.type == ValueType::u8;
    return is_word ? value(expression) : "uint(" + value(expression) + ")";
}

/// "t1[a1]", "t1[offset_1 + stride_1_0 * (u_y - 1u)]".
std::string GlslPrinter::place(const Expression& element) const {
    const std::string number = std::to_string(element.number);
    if (function_.streams.front().ellipsis) return "t" + number + "[a" + number + "]";
    std::string text = "t" + number + "[offset_" + number;
    for (std::size_t axis = 0; axis < element.axes.size(); ++axis) {
        const Expression::Axis& known = element.axes[axis];
        std::string factor = known.affine ? low_affine(known.value) : low(element.operands[axis]);
        if (known.affine && !is_single(known.value)) factor = "(" + factor + ")";
        text += " + stride_" + number + "_" + std::to_string(axis) + " * " + factor;
    }
    return text + "]";
}

std::string GlslPrinter::load(const Expression& element) const {
    if (is_half(element, function_.function)) return "from_half(uint(" + place(element) + "))";
    return glsl_loaded(place(element), element.type);
}

/// The bits of `expression` as f16. A conversion to f16 takes its operand as it is, to round once.
std::string GlslPrinter::half_value(const Expression& expression) const {
    const bool converts = expression.kind == Expression::Kind::convert && expression.half;
    const Expression& source = converts ? expression.operands[0] : expression;
    if (source.type == ValueType::f64) return "to_half_f64(" + value(source) + ")";
    return "to_half_f32(" + glsl_convert(value(source), source.type, ValueType::f32) + ")";
}

std::string GlslPrinter::variable(const Expression& expression) const {
    switch (expression.role) {
        case Role::state: return member_name(expression.name);
        case Role::other: return other_name(expression.name);
        case Role::position: return "position";
        default: return value_name(expression.name);
    }
}

std::string GlslPrinter::unary(const Expression& expression) const {
    const std::string operand = value(expression.operands[0]);
    if (expression.name == "!") return "(!" + operand + ")";
    if (is_float(expression.type) || expression.type == ValueType::u8) {
        return "negate" + suffix(expression.type) + "(" + operand + ")";
    }
    return "(-" + operand + ")";
}

std::string GlslPrinter::binary(const Expression& expression) const {
    const std::string a = value(expression.operands[0]);
    const std::string b = value(expression.operands[1]);
    const std::string& name = expression.name;
    const ValueType operand = expression.operands[0].type;
    if (operand == ValueType::boolean) {
        if (name == "*") return "(" + a + " && " + b + ")";
        if (name == "+") return "(" + a + " || " + b + ")";
        if (name == "<") return "(!" + a + " && " + b + ")";
        if (name == "<=") return "(!" + a + " || " + b + ")";
        if (name == ">") return "(" + a + " && !" + b + ")";
        if (name == ">=") return "(" + a + " || !" + b + ")";
    }
    const bool arithmetic = name == "+" || name == "-" || name == "*" || name == "/";
    if (arithmetic && (is_float(expression.type) || expression.type == ValueType::u8)) {
        const std::string word = name == "+" ? "add" : name == "-" ? "subtract" : name == "*" ? "multiply" : "divide";
        return word + suffix(expression.type) + "(" + a + ", " + b + ")";
    }
    return "(" + a + " " + name + " " + b + ")";
}

std::string GlslPrinter::extent(const Expression& expression, bool low) const {
    if (expression.role == Role::tensor) {
        const std::string tensor = "call.tensors[" + std::to_string(expression.number) + "].extent";
        const std::string word = glsl_word(tensor, static_cast<std::size_t>(expression.operands[1].integer));
        return low ? word : "int64_t(" + word + ")";
    }
    const auto number = static_cast<std::size_t>(expression.number);
    const std::string word = glsl_word("call.extent", number);
    return low ? word : "join_i64(" + word + ", " + glsl_word("call.extent_high", number) + ")";
}

std::string GlslPrinter::call(const Expression& expression) const {
    const std::string& name = expression.name;
    const ValueType type = expression.type;
    if (name == "extent") return extent(expression, false);
    if (name == "lowest" || name == "highest") return glsl_limit(type, name == "lowest");
    std::vector<std::string> values;
    std::string arguments;
    for (const Expression& operand : expression.operands) {
        values.push_back(value(operand));
        arguments += (arguments.empty() ? "" : ", ") + values.back();
    }
    arguments = "(" + arguments + ")";
    if (name == "abs") {
        const bool is_signed = is_float(type) || type == ValueType::i32 || type == ValueType::i64;
        return is_signed ? "absolute" + suffix(type) + arguments : values[0];
    }
    if (name == "min" || name == "max") {
        if (type == ValueType::boolean) return "(" + values[0] + (name == "min" ? " && " : " || ") + values[1] + ")";
        return is_float(type) ? name + "imum" + suffix(type) + arguments : name + arguments;
    }
    const ValueType operand = expression.operands[0].type;
    if (name == "isnan") return "is_nan" + suffix(operand) + arguments;
    if (name == "isinf") return "is_infinite" + suffix(operand) + arguments;
    return glsl_function(name, type) + arguments;
}

std::string no_glsl_reason(const Body& body) {
    std::string reason;
    Body copy = body;
    for_each_expression(copy, [&](const Expression& expression) {
        if (expression.kind != Expression::Kind::call || !is_float(expression.type)) return;
        if (reason.empty() && glsl_function(expression.name, expression.type).empty()) {
            reason = expression.name + " of " + name_of(expression.type);
        }
    });
    return reason;
}

}  // namespace maniple::compiler
