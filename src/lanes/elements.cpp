#include "lanes/elements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/half.hpp"

namespace maniple {

namespace {

template <class T>
T load(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

bool is_nan(DType type, const std::byte* at) { return is_floating(type) && std::isnan(value_of(type, at)); }

}  // namespace

double smallest(DType type) {
    if (type == DType::f64) return std::numeric_limits<double>::denorm_min();
    return type == DType::f32 ? std::numeric_limits<float>::denorm_min() : 0x1p-24;
}

double epsilon(DType type) { return type == DType::f64 ? 0x1p-52 : type == DType::f32 ? 0x1p-23 : 0x1p-10; }

bool is_subnormal(DType type, const std::byte* at) {
    return is_floating(type) && std::abs(value_of(type, at)) < smallest(type) / epsilon(type);
}

bool same_bits(DType type, const std::byte* a, const std::byte* b) {
    return std::memcmp(a, b, size_of(type)) == 0 || (is_nan(type, a) && is_nan(type, b));
}

bool same_value(DType type, const std::byte* a, const std::byte* b) {
    return same_bits(type, a, b) || (is_floating(type) && value_of(type, a) == value_of(type, b));
}

bool nearly_same(DType type, const std::byte* a, const std::byte* b, double scale, double tolerance) {
    if (same_value(type, a, b)) return true;
    const double x = value_of(type, a);
    const double y = value_of(type, b);
    if (!is_floating(type) || !std::isfinite(x) || !std::isfinite(y)) return false;
    const double size = std::max({std::abs(x), std::abs(y), scale});
    return std::abs(x - y) <= tolerance * std::max(epsilon(type) * size, smallest(type));
}

double value_of(DType type, const std::byte* at) {
    switch (type) {
        case DType::f32: return static_cast<double>(load<float>(at));
        case DType::f64: return load<double>(at);
        case DType::f16: return static_cast<double>(float_of_half(load<std::uint16_t>(at)));
        case DType::i32: return load<std::int32_t>(at);
        case DType::i64: return static_cast<double>(load<std::int64_t>(at));
        case DType::u32: return load<std::uint32_t>(at);
        default: return load<std::uint8_t>(at);
    }
}

std::string element_text(DType type, const std::byte* at) {
    if (is_nan(type, at)) return "NaN";
    if (type == DType::i64) return fmt::format("{}", load<std::int64_t>(at));
    if (type == DType::f32) return fmt::format("{}", load<float>(at));
    return fmt::format("{}", value_of(type, at));
}

}  // namespace maniple
