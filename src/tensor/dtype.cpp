#include "tensor/dtype.hpp"

#include <array>

namespace maniple {

namespace {
constexpr std::array<std::string_view, dtype_count> names = {"f32", "f64", "f16", "i32", "i64", "u8", "u32", "bool"};
}

std::string_view name_of(DType type) { return names[static_cast<std::size_t>(type)]; }

std::optional<DType> parse_dtype(std::string_view name) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) return static_cast<DType>(i);
    }
    return std::nullopt;
}

}  // namespace maniple
