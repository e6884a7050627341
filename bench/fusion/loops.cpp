#include "fusion/loops.hpp"

namespace maniple::bench {
namespace {

float larger(float a, float b) { return a > b ? a : b; }
float smaller(float a, float b) { return a < b ? a : b; }

// A region of its own for each call within the one of the caller: `omp for` shares the elements out and waits.
template <class Operation>
void pass(const float* from, float* to, std::size_t count, Operation operation) {
#pragma omp for simd schedule(static)
    for (std::size_t i = 0; i < count; ++i) to[i] = operation(from[i]);
}

}  // namespace

void hand_fused(const float* x, float* y, std::size_t count, int threads) {
#pragma omp parallel for simd schedule(static) num_threads(threads)
    for (std::size_t i = 0; i < count; ++i) {
        const float scaled = x[i] * 1.5f;
        const float moved = scaled + 0.25f;
        const float squared = moved * moved;
        const float positive = larger(squared - 1.0f, 0.0f);
        const float distance = __builtin_fabsf(positive - 0.5f);
        y[i] = smaller(distance, 4.0f);
    }
}

void separate_passes(const float* x, float* y, std::size_t count, int threads) {
#pragma omp parallel num_threads(threads)
    {
        pass(x, y, count, [](float v) { return v * 1.5f; });
        pass(y, y, count, [](float v) { return v + 0.25f; });
        pass(y, y, count, [](float v) { return v * v; });
        pass(y, y, count, [](float v) { return v - 1.0f; });
        pass(y, y, count, [](float v) { return larger(v, 0.0f); });
        pass(y, y, count, [](float v) { return v - 0.5f; });
        pass(y, y, count, [](float v) { return __builtin_fabsf(v); });
        pass(y, y, count, [](float v) { return smaller(v, 4.0f); });
    }
}

}  // namespace maniple::bench
