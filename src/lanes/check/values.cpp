#include "lanes/check/values.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/half.hpp"

namespace maniple {

namespace {

template <class T>
void store(std::byte* to, T value) {
    std::memcpy(to, &value, sizeof value);
}

void store_real(DType type, double value, std::byte* to) {
    if (type == DType::f64) return store(to, value);
    if (type == DType::f32) return store(to, static_cast<float>(value));
    store(to, half_of(value));
}

double largest(DType type) {
    if (type == DType::f64) return std::numeric_limits<double>::max();
    return type == DType::f32 ? std::numeric_limits<float>::max() : 65504.0;
}

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
