// tensor/half.hpp: f16 on the host, one number at a time. Kernels convert with code of their own.
#pragma once

#include <cstdint>

namespace maniple {

/// The bits of the IEEE half nearest to `value`, ties to even; too large: inf; NaN stays NaN, quiet.
std::uint16_t half_of(double value);

/// The value of a half; every one is an f32.
float float_of_half(std::uint16_t half);

}  // namespace maniple
