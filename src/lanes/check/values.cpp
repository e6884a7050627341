#include "lanes/check/values.hpp"

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

template <class T>
void store(std::byte* to, T value) {
    std::memcpy(to, &value, sizeof value);
}

void store_real(DType type, double value, std::byte* to) {
    if (type == DType::f64) return store(to, value);
    if (type == DType::f32) return store(to, static_cast<float>(value));
    store(to, half_of(value));
}

double smallest(DType type) {
    if (type == DType::f64) return std::numeric_limits<double>::denorm_min();
    return type == DType::f32 ? std::numeric_limits<float>::denorm_min() : 0x1p-24;
}

double largest(DType type) {
    if (type == DType::f64) return std::numeric_limits<double>::max();
    return type == DType::f32 ? std::numeric_limits<float>::max() : 65504.0;
}

double epsilon(DType type) { return type == DType::f64 ? 0x1p-52 : type == DType::f32 ? 0x1p-23 : 0x1p-10; }

double wild_real(DType type, Random& random) {
    const double sign = random.chance(50) ? 1 : -1;
    switch (random.below(8)) {
        case 0: return sign * 0.0;
        case 1: return sign * std::numeric_limits<double>::infinity();
        case 2: return std::numeric_limits<double>::quiet_NaN();
        case 3: return sign * smallest(type) * static_cast<double>(1 + random.below(100));
        case 4: return sign * largest(type);
        case 5: return sign * static_cast<double>(random.below(4));
        default: return sign * std::ldexp(1 + random.unit(), static_cast<int>(random.below(300)) - 150);
    }
}

std::int64_t random_integer(Spread spread, Random& random) {
    if (spread == Spread::wild && random.chance(10)) return std::numeric_limits<std::int64_t>::min();
    if (spread == Spread::wild && random.chance(10)) return std::numeric_limits<std::int64_t>::max();
    if (random.chance(70)) return random.below(41) - 20;
    return static_cast<std::int64_t>(random.next());
}

bool is_nan(DType type, const std::byte* at) { return is_floating(type) && std::isnan(value_of(type, at)); }

}  // namespace

std::uint64_t Random::next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

std::int64_t Random::below(std::int64_t end) {
    return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(end));
}

double Random::unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

std::uint64_t mixed(std::uint64_t seed, std::string_view text) {
    for (const char letter : text) seed = Random(seed ^ static_cast<unsigned char>(letter)).next();
    return seed;
}

void store_integer(DType type, std::int64_t value, std::byte* to) {
    switch (type) {
        case DType::i32: return store(to, static_cast<std::int32_t>(value));
        case DType::u32: return store(to, static_cast<std::uint32_t>(value));
        case DType::u8: return store(to, static_cast<std::uint8_t>(value));
        case DType::boolean: return store(to, static_cast<std::uint8_t>(value & 1));
        case DType::i64: return store(to, value);
        default: return store_real(type, static_cast<double>(value), to);
    }
}

void store_random(DType type, Spread spread, Random& random, std::byte* to) {
    if (!is_floating(type)) return store_integer(type, random_integer(spread, random), to);
    const bool special = spread == Spread::wild && random.chance(15);
    store_real(type, special ? wild_real(type, random) : 16 * random.unit() - 8, to);
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

void perturb(DType type, int kind, Random& random, std::byte* at) {
    const bool chosen = random.chance(50);
    if (kind > 0 && kind % 2 == 0) {
        if (chosen) store_integer(type, 0, at);
    } else if (is_floating(type)) {
        const double magnitude = std::abs(value_of(type, at));
        store_real(type, kind > 0 && chosen ? -magnitude : magnitude, at);
    }
}

}  // namespace maniple
