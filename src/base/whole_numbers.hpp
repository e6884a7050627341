// base/whole_numbers.hpp: bytes, coordinates and points of tensors larger than any memory, without overflow.
#pragma once

#include <cstdint>
#include <limits>

namespace maniple {

/// `a` + `b`, or 2^63 − 1 where that is less. Requires: neither is negative.
inline std::int64_t capped_sum(std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

/// The same of `a` × `b`.
inline std::int64_t capped_product(std::int64_t a, std::int64_t b) {
    std::int64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::int64_t>::max() : product;
}

/// ⌊`whole` × `part` / `count`⌋: where part number `part` of `count` even ones begins. Requires: 0 <= part <= count < 2^31.
inline std::int64_t begin_of_part(std::int64_t whole, std::int64_t part, std::int64_t count) {
    return whole / count * part + whole % count * part / count;
}

}  // namespace maniple
