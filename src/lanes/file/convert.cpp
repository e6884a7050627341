#include "lanes/file/convert.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "tensor/half.hpp"

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

template <class Value>
bool same_value(Value a, Value b) {
    if constexpr (std::is_floating_point_v<Value>) return a == b || (std::isnan(a) && std::isnan(b));
    return a == b;
}

template <class From, class To>
void mask_all(const std::byte* source, const std::byte* fills, std::size_t fill_count, std::byte* target,
              std::int64_t count) {
    To nan{};
    convert_value(std::numeric_limits<double>::quiet_NaN(), nan);
    for (std::int64_t i = 0; i < count; ++i) {
        const auto value = load<From>(source + i * static_cast<std::int64_t>(sizeof(From)));
        bool masked = false;
        for (std::size_t k = 0; k < fill_count; ++k) masked |= same_value(value, load<From>(fills + k * sizeof(From)));
        if (masked) std::memcpy(target + i * static_cast<std::int64_t>(sizeof(To)), &nan, sizeof nan);
    }
}

}  // namespace

void mask_elements(DType from, const std::byte* source, const std::byte* fills, std::size_t fill_count, DType to,
                   std::byte* target, std::int64_t count) {
    MANIPLE_CHECK(is_floating(to), "NaN for elements of type " + std::string(name_of(to)));
    with_type(from, [&](auto stored) {
        return with_type(to, [&](auto wanted) -> std::int64_t {
            mask_all<decltype(stored), decltype(wanted)>(source, fills, fill_count, target, count);
            return 0;
        });
    });
}

std::int64_t convert_elements(DType from, const std::byte* source, DType to, std::byte* target, std::int64_t count) {
    return with_type(from, [&](auto stored) {
        return with_type(
            to, [&](auto wanted) { return convert_all<decltype(stored), decltype(wanted)>(source, target, count); });
    });
}

}  // namespace maniple
