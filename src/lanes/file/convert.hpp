// lanes/file/convert.hpp: elements from one type to another, refusing values that do not fit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.hpp"

namespace maniple {

/// Converts `count` elements as NumPy's astype does, but checked: a float becomes an integer by truncation, a float
/// another float by rounding once (too large: inf), anything a bool by `!= 0`.
/// Returns the index of the first element whose value `to` cannot hold (NaN or out of range for an integer), or -1;
/// elements from there on are not converted. Requires: the ranges do not overlap.
std::int64_t convert_elements(DType from, const std::byte* source, DType to, std::byte* target, std::int64_t count);

/// Makes NaN each of `count` elements of `target` (of type `to`) whose element of `source` (of type `from`) equals one of
/// the `fill_count` elements of `fills`, also of type `from`; a NaN equals a NaN. Requires: `to` is a floating type.
void mask_elements(DType from, const std::byte* source, const std::byte* fills, std::size_t fill_count, DType to,
                   std::byte* target, std::int64_t count);

}  // namespace maniple
