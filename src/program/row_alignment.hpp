// program/row_alignment.hpp: rows of tensors with a halo begin where cache lines do.
#pragma once

#include <cstdint>

#include "tensor/box.hpp"

namespace maniple {

/// `box`, wider along its last axis, so that in a buffer that begins on a cache line each row of `owned` does: a
/// kernel's wide store is then a whole line, which a core need not fetch before. Where rows have no halo (their
/// elements stand without gaps), or where it would take more than a sixteenth of the memory besides, `box` as it is.
/// Requires: box contains owned.
Box with_aligned_rows(const Box& box, const Box& owned, std::int64_t element_bytes);

}  // namespace maniple
