// tensor/dtype.hpp: the element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace maniple {

/// Numbers are fixed: the kernel ABI and messages between ranks carry them.
enum class DType : std::uint8_t { f32 = 0, f64 = 1, f16 = 2, i32 = 3, i64 = 4, u8 = 5, u32 = 6, boolean = 7 };

inline constexpr int dtype_count = 8;

/// Bytes of one element.
constexpr std::size_t size_of(DType type) {
    constexpr std::size_t sizes[dtype_count] = {4, 8, 2, 4, 8, 1, 4, 1};
    return sizes[static_cast<std::size_t>(type)];
}

/// The name in a job file: "f32" … "bool".
std::string_view name_of(DType type);

/// The type with that name, or nothing.
std::optional<DType> parse_dtype(std::string_view name);

constexpr bool is_floating(DType type) { return type == DType::f32 || type == DType::f64 || type == DType::f16; }

}  // namespace maniple
