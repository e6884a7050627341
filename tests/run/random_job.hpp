// tests/run/random_job.hpp: random jobs of the standard kernels, with the shapes of their inputs.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "job/catalogue.hpp"

namespace maniple {

struct RandomJob {
    std::string text;
    Catalogue catalogue;
    bool sums_last = false;  ///< floating-point sums feed nothing but outputs, so all else must be bit-equal
};

/// The same job for the same seed, everywhere. Odd seeds: floating point with stencils, sums only as outputs. Even
/// seeds: 64-bit integers, whose sums are exact in any order, feeding anything. `entries` of the graph; 0: a few.
/// `ends`: some loops have an `until`, which is true early, late or never.
RandomJob random_job(std::uint32_t seed, int entries = 0, bool ends = false);

}  // namespace maniple
