// lanes/elements.hpp: single elements of tensors: how two are compared and printed.
#pragma once

#include <cstddef>
#include <string>

#include "tensor/dtype.hpp"

namespace maniple {

/// Equal bits; any NaN equals any other.
bool same_bits(DType type, const std::byte* a, const std::byte* b);
/// Equal bits but for the sign of a zero: max and min of zeros of both signs give the one or the other.
bool same_value(DType type, const std::byte* a, const std::byte* b);
/// `tolerance` eps of the type apart, relative to the largest of |a|, |b| and `scale`; an integer must be equal.
bool nearly_same(DType type, const std::byte* a, const std::byte* b, double scale, double tolerance);

double value_of(DType type, const std::byte* at);
std::string element_text(DType type, const std::byte* at);

/// Whether it is a real below the smallest normal one, zero included.
bool is_subnormal(DType type, const std::byte* at);
/// The smallest positive real of the type, and the distance from 1 to the next: their quotient is the smallest normal.
double smallest(DType type);
double epsilon(DType type);

}  // namespace maniple
