#include "tensor/half.hpp"

#include <bit>

namespace maniple {

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
