#include "compiler/glsl_words.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <string_view>

#include "base/error.hpp"
#include "compiler/glsl_body.hpp"

namespace maniple::compiler {

std::string glsl_type(ValueType type) {
    switch (type) {
        case ValueType::f32: return "float";
        case ValueType::f64: return "double";
        case ValueType::i32: return "int";
        case ValueType::i64: return "int64_t";
        case ValueType::u8:
        case ValueType::u32: return "uint";
        case ValueType::boolean: return "bool";
        default: break;
    }
    broken_invariant(__FILE__, __LINE__, "a number without a type");
}

std::string glsl_member_type(ValueType type) {
    return type == ValueType::u8 || type == ValueType::boolean ? "uint8_t" : glsl_type(type);
}

std::string glsl_element_type(DType type) {
    return type == DType::f16 ? "uint16_t" : glsl_member_type(value_type(type));
}

namespace {

/// GLSL keeps names with two underscores in a row for itself.
std::string prefixed(char prefix, const std::string& name) {
    if (name.front() != '_') return std::string(1, prefix) + "_" + name;
    return std::string(1, static_cast<char>(prefix - 'a' + 'A')) + name;
}

}  // namespace

std::string value_name(const std::string& name) { return prefixed('v', name); }
std::string low_name(const std::string& name) { return prefixed('u', name); }
std::string member_name(const std::string& name) { return prefixed('m', name); }
std::string other_name(const std::string& name) { return prefixed('o', name); }

std::string glsl_word(const std::string& array, std::size_t number) {
    return array + "[" + std::to_string(number / 4) + "]." + "xyzw"[number % 4];
}

std::string glsl_convert(const std::string& text, ValueType from, ValueType to) {
    if (from == to) return text;
    if (to == ValueType::boolean) {
        const std::string zero = is_float(from) ? (from == ValueType::f64 ? "0.0lf" : "0.0") : glsl_type(from) + "(0)";
        return "(" + text + " != " + zero + ")";
    }
    if (is_float(from) && is_integer(to)) return name_of(to) + "_of_" + name_of(from) + "(" + text + ")";
    if (to != ValueType::u8) return glsl_type(to) + "(" + text + ")";
    return from == ValueType::boolean ? "uint(" + text + ")" : "(uint(" + text + ") & 255u)";
}

std::string glsl_literal(const Expression& expression) {
    char number[64];
    if (!is_float(expression.type)) {
        std::snprintf(number, sizeof number, "%lld", static_cast<long long>(expression.integer));
        const bool word = expression.type == ValueType::u8 || expression.type == ValueType::u32;
        return std::string(number) + (word ? "u" : expression.type == ValueType::i64 ? "L" : "");
    }
    double real = expression.kind == Expression::Kind::real ? expression.real : static_cast<double>(expression.integer);
    // Through f64, as the numbers of a job file: the same constant rounds the same way in both.
    const bool single = expression.type == ValueType::f32;
    if (single) real = static_cast<double>(static_cast<float>(real));
    if (std::isinf(real)) return glsl_limit(expression.type, real < 0);
    std::snprintf(number, sizeof number, single ? "%.9g" : "%.17g", real);
    std::string text = number;
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return single ? text : text + "lf";
}

std::string glsl_limit(ValueType type, bool lowest) {
    switch (type) {
        case ValueType::i32: return lowest ? "(-2147483647 - 1)" : "2147483647";
        case ValueType::i64: return lowest ? "(-9223372036854775807L - 1L)" : "9223372036854775807L";
        case ValueType::u8: return lowest ? "0u" : "255u";
        case ValueType::u32: return lowest ? "0u" : "4294967295u";
        case ValueType::boolean: return lowest ? "false" : "true";
        default: return "infinity_" + name_of(type) + (lowest ? "(true)" : "(false)");
    }
}

std::string glsl_stored(const std::string& value, ValueType type) {
    if (type == ValueType::boolean) return "uint8_t(uint(" + value + "))";
    return type == ValueType::u8 ? "uint8_t(" + value + ")" : value;
}

std::string glsl_loaded(const std::string& place, ValueType type) {
    if (type == ValueType::boolean) return "(uint(" + place + ") != 0u)";
    return type == ValueType::u8 ? "uint(" + place + ")" : place;
}

std::string glsl_index(const std::string& name, std::size_t number) {
    const std::string lo = glsl_word("call.lo", number);
    return "const int64_t " + value_name(name) + " = join_i64(" + lo + ", " + glsl_word("call.lo_high", number) +
           ") + int64_t(" + low_name(name) + " - " + lo + ");";
}

std::string glsl_function(const std::string& name, ValueType type) {
    constexpr std::string_view exact[] = {"sqrt", "floor", "ceil", "fma", "abs", "min", "max", "lowest", "highest"};
    if (std::find(std::begin(exact), std::end(exact), name) != std::end(exact)) return name;
    return type == ValueType::f32 ? name + "_f32" : "";
}

}  // namespace maniple::compiler
