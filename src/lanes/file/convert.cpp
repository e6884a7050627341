#include "lanes/file/convert.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace maniple {
namespace {

struct Half {
    std::uint16_t bits;
};
struct Boolean {
    std::uint8_t byte;
};

template <class Stored>
auto load(const std::byte* from) {
    Stored value;
    std::memcpy(&value, from, sizeof value);
    if constexpr (std::is_same_v<Stored, Half>) {
        return float_of_half(value.bits);
    } else if constexpr (std::is_same_v<Stored, Boolean>) {
        return static_cast<std::int32_t>(value.byte != 0);
    } else {
        return value;
    }
}

/// `value` as To in `result`; false where To cannot hold it.
template <class To, class Value>
bool convert_value(Value value, To& result) {
    if constexpr (std::is_same_v<To, Half>) {
        result.bits = half_of(static_cast<double>(value));
    } else if constexpr (std::is_same_v<To, Boolean>) {
        result.byte = value != Value{} ? 1 : 0;
    } else if constexpr (std::is_floating_point_v<To>) {
        result = static_cast<To>(value);
    } else if constexpr (std::is_floating_point_v<Value>) {
        const double whole = std::trunc(static_cast<double>(value));
        constexpr double low = static_cast<double>(std::numeric_limits<To>::min());
        constexpr double end = 2 * static_cast<double>(std::numeric_limits<To>::max() / 2 + 1);  // max + 1, exactly
        if (!(whole >= low && whole < end)) return false;
        result = static_cast<To>(whole);
    } else {
        if (!std::in_range<To>(value)) return false;
        result = static_cast<To>(value);
    }
    return true;
}

template <class From, class To>
std::int64_t convert_all(const std::byte* source, std::byte* target, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        To result{};
        if (!convert_value(load<From>(source), result)) return i;
        std::memcpy(target, &result, sizeof result);
        source += sizeof(From);
        target += sizeof(To);
    }
    return -1;
}

/// Calls `visit` with a value of the C++ type that stores `type`.
template <class Visit>
std::int64_t with_type(DType type, Visit&& visit) {
    switch (type) {
        case DType::f32: return visit(float{});
        case DType::f64: return visit(double{});
        case DType::f16: return visit(Half{});
        case DType::i32: return visit(std::int32_t{});
        case DType::i64: return visit(std::int64_t{});
        case DType::u8: return visit(std::uint8_t{});
        case DType::u32: return visit(std::uint32_t{});
        case DType::boolean: return visit(Boolean{});
    }
    return 0;
}

}  // namespace

std::int64_t convert_elements(DType from, const std::byte* source, DType to, std::byte* target, std::int64_t count) {
    return with_type(from, [&](auto stored) {
        return with_type(
            to, [&](auto wanted) { return convert_all<decltype(stored), decltype(wanted)>(source, target, count); });
    });
}

std::uint16_t half_of(double value) {
    constexpr int mantissa_bits = 52, half_bits = 10, dropped = mantissa_bits - half_bits;
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 48) & 0x8000);
    const std::uint64_t mantissa = bits & ((std::uint64_t{1} << mantissa_bits) - 1);
    const int exponent = static_cast<int>((bits >> mantissa_bits) & 0x7ff) - 1023;
    const auto with_sign = [sign](std::uint64_t rest) { return static_cast<std::uint16_t>(sign | rest); };

    if (exponent == 1024) return with_sign(mantissa == 0 ? 0x7c00 : 0x7e00 | (mantissa >> dropped));
    if (exponent > 15) return with_sign(0x7c00);
    const int shift = exponent >= -14 ? dropped : dropped - 14 - exponent;  // below 2^-14 the half is subnormal
    if (shift > mantissa_bits + 1) return with_sign(0);

    const std::uint64_t full = mantissa | (std::uint64_t{1} << mantissa_bits);
    const std::uint64_t rest = full & ((std::uint64_t{1} << shift) - 1);
    const std::uint64_t tie = std::uint64_t{1} << (shift - 1);
    std::uint64_t kept = full >> shift;
    if (rest > tie || (rest == tie && (kept & 1) != 0)) ++kept;
    // For a normal half `kept` holds the implicit bit, so one less goes into the exponent; a carry out of the
    // mantissa raises the exponent, up to infinity.
    const std::uint64_t biased = exponent >= -14 ? static_cast<std::uint64_t>(exponent + 14) << half_bits : 0;
    return with_sign(biased + kept);
}

float float_of_half(std::uint16_t half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
    const std::uint32_t exponent = (half >> 10) & 0x1f;
    const std::uint32_t mantissa = half & 0x3ff;
    if (exponent == 0) {
        const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
        return sign != 0 ? -magnitude : magnitude;
    }
    const std::uint32_t widened = exponent == 0x1f ? 0xff : exponent + 112;
    return std::bit_cast<float>(sign | (widened << 23) | (mantissa << 13));
}

}  // namespace maniple
