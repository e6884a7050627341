// compiler/types.hpp: the types of values in a kernel body.
#pragma once

#include <optional>
#include <string>

#include "compiler/ast.hpp"
#include "tensor/dtype.hpp"

namespace maniple::compiler {

constexpr bool is_weak(ValueType type) { return type == ValueType::weak_integer || type == ValueType::weak_real; }
constexpr bool is_float(ValueType type) { return type == ValueType::f32 || type == ValueType::f64; }
constexpr bool is_integer(ValueType type) {
    return type == ValueType::i32 || type == ValueType::i64 || type == ValueType::u8 || type == ValueType::u32;
}

/// The type of a loaded element: of an f16 it is f32.
ValueType value_type(DType type);

/// "f32" … "bool"; the weak ones are "an integer number", "a real number".
std::string name_of(ValueType type);

/// Bytes of a value in a fold's state.
int size_of(ValueType type);

/// Whether every value of `from` is one of `to`: such a conversion needs no word.
bool widens(ValueType from, ValueType to);

/// The type in which two values meet in `+ - *`, a comparison, min or max; nothing if they do not mix.
std::optional<ValueType> meet(ValueType a, ValueType b);

}  // namespace maniple::compiler
