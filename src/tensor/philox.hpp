// tensor/philox.hpp: the counter-based random numbers of generated tensors.
#pragma once

#include <array>
#include <cstdint>

namespace maniple {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four words from a key and
/// a counter. The key is (low, high 32 bits of the seed), the counter (low, high 32 bits of `counter`, 0, 0).
std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t counter);

/// The uniform number in [0, 1) of element `index` in f64: (a·2³² + b) >> 11 of two words, times 2⁻⁵³.
double uniform_f64(std::uint64_t seed, std::uint64_t index);

/// The same for f32 and f16: one word >> 8, times 2⁻²⁴.
double uniform_f32(std::uint64_t seed, std::uint64_t index);

/// Elements 2k and 2k + 1 of a standard normal distribution (Box and Muller), from the f64 uniforms of these elements.
std::array<double, 2> normal_pair(std::uint64_t seed, std::uint64_t k);

}  // namespace maniple
