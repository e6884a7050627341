// bench/fusion/loops.hpp: the chain of bench_fusion by hand. Compiled for this machine's processor.
#pragma once

#include <cstddef>

namespace maniple::bench {

/// y = min(|relu((1.5x + 0.25)² − 1) − 0.5|, 4) as eight operations, each of which rounds.
/// One loop over all elements, in a region of so many threads.
void hand_fused(const float* x, float* y, std::size_t count, int threads);

/// A loop, and its barrier, for each operation; the first from x to y, the others in y.
void separate_passes(const float* x, float* y, std::size_t count, int threads);

}  // namespace maniple::bench
