#include "tensor/philox.hpp"

#include <cmath>
#include <numbers>

namespace maniple {

namespace {

constexpr std::uint32_t multiplier_0 = 0xD2511F53, multiplier_1 = 0xCD9E8D57;
constexpr std::uint32_t weyl_0 = 0x9E3779B9, weyl_1 = 0xBB67AE85;

double uniform_of(std::uint32_t a, std::uint32_t b) {
    return static_cast<double>(((std::uint64_t{a} << 32) | b) >> 11) * 0x1p-53;
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t counter) {
    auto key_0 = static_cast<std::uint32_t>(seed);
    auto key_1 = static_cast<std::uint32_t>(seed >> 32);
    std::array<std::uint32_t, 4> words = {static_cast<std::uint32_t>(counter),
                                          static_cast<std::uint32_t>(counter >> 32), 0, 0};
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product_0 = std::uint64_t{multiplier_0} * words[0];
        const std::uint64_t product_1 = std::uint64_t{multiplier_1} * words[2];
        words = {static_cast<std::uint32_t>(product_1 >> 32) ^ words[1] ^ key_0, static_cast<std::uint32_t>(product_1),
                 static_cast<std::uint32_t>(product_0 >> 32) ^ words[3] ^ key_1, static_cast<std::uint32_t>(product_0)};
        key_0 += weyl_0;
        key_1 += weyl_1;
    }
    return words;
}

double uniform_f64(std::uint64_t seed, std::uint64_t index) {
    const std::array<std::uint32_t, 4> words = philox(seed, index / 2);
    return index % 2 == 0 ? uniform_of(words[0], words[1]) : uniform_of(words[2], words[3]);
}

double uniform_f32(std::uint64_t seed, std::uint64_t index) {
    return static_cast<double>(philox(seed, index / 4)[index % 4] >> 8) * 0x1p-24;
}

std::array<double, 2> normal_pair(std::uint64_t seed, std::uint64_t k) {
    const std::array<std::uint32_t, 4> words = philox(seed, k);
    const double radius = std::sqrt(-2 * std::log(1 - uniform_of(words[0], words[1])));
    const double angle = 2 * std::numbers::pi * uniform_of(words[2], words[3]);
    return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace maniple
