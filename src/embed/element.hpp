// embed/element.hpp: the types of C++ that elements of tensors may be.
#pragma once

#include <concepts>
#include <cstdint>

#include "tensor/dtype.hpp"

namespace maniple {

template <class T>
concept Element = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int32_t> ||
    std::same_as<T, std::int64_t> || std::same_as<T, std::uint8_t> || std::same_as<T, std::uint32_t> ||
    std::same_as<T, bool>;

template <Element T>
inline constexpr DType dtype_of = std::same_as<T, float>          ? DType::f32
                                  : std::same_as<T, double>       ? DType::f64
                                  : std::same_as<T, std::int32_t> ? DType::i32
                                  : std::same_as<T, std::int64_t> ? DType::i64
                                  : std::same_as<T, std::uint8_t> ? DType::u8
                                  : std::same_as<T, bool>         ? DType::boolean
                                                                  : DType::u32;
static_assert(sizeof(bool) == size_of(DType::boolean));

}  // namespace maniple
