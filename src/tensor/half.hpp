// tensor/half.hpp: elements of type f16 outside of kernels.
#pragma once

#include <cstdint>

namespace maniple {

/// The IEEE half nearest to `value`, ties to even, and back.
std::uint16_t half_of(double value);
float float_of_half(std::uint16_t half);

}  // namespace maniple
