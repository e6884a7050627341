#include "compiler/types.hpp"

#include "base/error.hpp"

namespace maniple::compiler {

ValueType value_type(DType type) {
    switch (type) {
        case DType::f32:
        case DType::f16: return ValueType::f32;
        case DType::f64: return ValueType::f64;
        case DType::i32: return ValueType::i32;
        case DType::i64: return ValueType::i64;
        case DType::u8: return ValueType::u8;
        case DType::u32: return ValueType::u32;
        case DType::boolean: return ValueType::boolean;
    }
    broken_invariant(__FILE__, __LINE__, "an unknown element type");
}

std::string name_of(ValueType type) {
    switch (type) {
        case ValueType::f32: return "f32";
        case ValueType::f64: return "f64";
        case ValueType::i32: return "i32";
        case ValueType::i64: return "i64";
        case ValueType::u8: return "u8";
        case ValueType::u32: return "u32";
        case ValueType::boolean: return "bool";
        case ValueType::weak_integer: return "an integer number";
        case ValueType::weak_real: return "a real number";
    }
    return "?";
}

int size_of(ValueType type) {
    switch (type) {
        case ValueType::f64:
        case ValueType::i64: return 8;
        case ValueType::f32:
        case ValueType::i32:
        case ValueType::u32: return 4;
        default: return 1;
    }
}

bool widens(ValueType from, ValueType to) {
    if (from == to) return true;
    if (from == ValueType::f32) return to == ValueType::f64;
    if (from == ValueType::boolean) return is_integer(to);
    if (from == ValueType::u8) return to == ValueType::i32 || to == ValueType::i64 || to == ValueType::u32;
    if (from == ValueType::i32 || from == ValueType::u32) return to == ValueType::i64;
    return false;
}

std::optional<ValueType> meet(ValueType a, ValueType b) {
    if (a == b) return a;
    if (is_weak(a) && is_weak(b)) return ValueType::weak_real;
    if (is_weak(a)) std::swap(a, b);
    if (b == ValueType::weak_real) return is_float(a) ? std::optional(a) : std::nullopt;
    if (b == ValueType::weak_integer) return a == ValueType::boolean ? std::nullopt : std::optional(a);
    if (widens(a, b)) return b;
    if (widens(b, a)) return a;
    if (is_integer(a) && is_integer(b)) return ValueType::i64;
    return std::nullopt;
}

}  // namespace maniple::compiler
