// The example's grid, and the plain loop that both programs are held to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace heat {

constexpr std::int64_t ny = 240, nx = 160;
constexpr float alpha = 0.2f;

inline float start(std::int64_t y, std::int64_t x) { return static_cast<float>((y * 31 + x * 17) % 101); }

/// One row of the next step; `north` and `south` are the rows beside it. The edges repeat their elements.
inline void step_row(const float* north, const float* row, const float* south, float* next) {
    for (std::int64_t x = 0; x < nx; ++x) {
        const float west = row[std::max<std::int64_t>(x - 1, 0)], east = row[std::min(x + 1, nx - 1)];
        next[x] = row[x] + alpha * ((((north[x] + south[x]) + west) + east) - 4 * row[x]);
    }
}

/// The whole grid after `steps` steps, on one thread.
inline std::vector<float> plain(int steps) {
    std::vector<float> u(static_cast<std::size_t>(ny * nx)), v(u.size());
    for (std::int64_t i = 0; i < ny * nx; ++i) u[static_cast<std::size_t>(i)] = start(i / nx, i % nx);
    for (int step = 0; step < steps; ++step) {
        for (std::int64_t y = 0; y < ny; ++y) {
            const auto row = [&](std::int64_t at) { return u.data() + std::clamp<std::int64_t>(at, 0, ny - 1) * nx; };
            step_row(row(y - 1), row(y), row(y + 1), v.data() + y * nx);
        }
        std::swap(u, v);
    }
    return u;
}

}  // namespace heat
