// kernels/fft_passes.hpp: fft_pass and fft_pass_real with what all points of a call share found once a call.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernel/abi.hpp"

namespace maniple_fft {

/// The numbers of one pass (fft_pass.kernel.yaml): sums of `radix` terms, joining transforms of length s.
struct Pass {
    std::int64_t s = 1;
    std::int64_t radix = 1;
    std::int64_t span = 1;   ///< n' = n / s
    std::int64_t steps = 1;  ///< n' / radix
};

inline Pass pass_of(std::int64_t length, int number) {
    std::int64_t radices[4] = {1, 1, 1, 1};
    std::int64_t rest = length;
    for (std::int64_t d = 2; rest > 1;) {
        if (rest % d != 0) {
            d = d * d > rest ? rest : d + (d == 2 ? 1 : 2);
            continue;
        }
        int smallest = 0;
        for (int i = 1; i < 4; ++i) smallest = radices[i] < radices[smallest] ? i : smallest;
        radices[smallest] *= d;
        rest /= d;
    }
    Pass pass;
    for (int i = 0; i < number; ++i) pass.s *= radices[i];
    pass.radix = radices[number];
    pass.span = length / pass.s;
    pass.steps = pass.span / pass.radix;
    return pass;
}

struct Turn {
    double re, im;
};

/// exp(∓2πi e/span) for e in [0, span), each from an angle of at most an eighth of a turn. A thread keeps the last ones:
/// the calls of one pass ask for the same.
class Turns {
public:
    const Turn* of(std::int64_t span, bool inverse) {
        if (span != span_ || inverse != inverse_) fill(span, inverse);
        return turns_.data();
    }

private:
    void fill(std::int64_t span, bool inverse) {
        constexpr double quarter = 1.57079632679489661923;
        turns_.resize(static_cast<std::size_t>(span));
        for (std::int64_t e = 0; e < span; ++e) {
            const std::int64_t quarters = (4 * e + span / 2) / span;
            const double angle = quarter * static_cast<double>(4 * e - quarters * span) / static_cast<double>(span);
            const double sine = std::sin(angle), cosine = std::cos(angle);
            const double re[4] = {cosine, -sine, -cosine, sine};
            const double im[4] = {sine, cosine, -sine, -cosine};
            const double turned = im[quarters % 4];
            turns_[static_cast<std::size_t>(e)] = {re[quarters % 4], inverse ? turned : -turned};
        }
        span_ = span;
        inverse_ = inverse;
    }

    std::int64_t span_ = 0;
    bool inverse_ = false;
    std::vector<Turn> turns_;
};

/// The points of one line. `imaginary` is the distance from a real part to its imaginary one; 0: there are none.
template <class T>
struct Line {
    const T* x;
    std::int64_t x_step;
    std::int64_t imaginary;
    T* y;
    std::int64_t y_step;
    std::int64_t y_imaginary;
};

template <class T>
void transform_line(const Line<T>& line, const Pass& pass, const Turn* turns, double scale, std::int64_t lo,
                    std::int64_t hi) {
    for (std::int64_t o = lo; o < hi; ++o) {
        const std::int64_t u = o / pass.s;
        const std::int64_t h = u / pass.radix;
        const std::int64_t t = u - h * pass.radix;
        const std::int64_t turn = t * pass.steps % pass.span;
        std::int64_t e = t * h % pass.span;
        const T* from = line.x + (o - u * pass.s + pass.s * h) * line.x_step;
        double re = 0, im = 0;
        for (std::int64_t r = 0; r < pass.radix; ++r, from += pass.s * pass.steps * line.x_step) {
            const Turn& w = turns[e];
            const auto a_re = static_cast<double>(*from);
            const double a_im = line.imaginary == 0 ? 0 : static_cast<double>(from[line.imaginary]);
            re += a_re * w.re - a_im * w.im;
            im += a_re * w.im + a_im * w.re;
            e += turn;
            if (e >= pass.span) e -= pass.span;
        }
        T* const to = line.y + o * line.y_step;
        to[0] = static_cast<T>(re * scale);
        to[line.y_imaginary] = static_cast<T>(im * scale);
    }
}

/// All lines of a call whose tensors are y and x, by the axes of the ellipsis; x has an axis of parts unless `real`.
template <class T>
void compute(const maniple_call& call, int number, bool inverse, bool real) {
    const int leading = call.rank - 2;
    const std::int64_t lo = call.lo[leading], hi = call.hi[leading];
    for (int axis = 0; axis < call.rank; ++axis) {
        if (call.hi[axis] <= call.lo[axis]) return;
    }
    const std::int64_t length = call.extent[leading];
    const Pass pass = pass_of(length, number);
    thread_local Turns known;
    const Turn* const turns = known.of(pass.span, inverse);
    const double scale = inverse && number == 3 ? 1.0 / static_cast<double>(length) : 1.0;
    const maniple_tensor& y = call.tensors[0];
    const maniple_tensor& x = call.tensors[1];
    std::int64_t at[MANIPLE_MAX_RANK];
    for (int axis = 0; axis < leading; ++axis) at[axis] = call.lo[axis];
    for (;;) {
        std::int64_t from = x.offset, to = y.offset;
        for (int axis = 0; axis < leading; ++axis) {
            from += at[axis] * x.stride[axis];
            to += at[axis] * y.stride[axis];
        }
        const Line<T> line = {static_cast<const T*>(x.data) + from, x.stride[leading], real ? 0 : x.stride[leading + 1],
                              static_cast<T*>(y.data) + to,         y.stride[leading], y.stride[leading + 1]};
        transform_line(line, pass, turns, scale, lo, hi);
        int axis = leading - 1;
        while (axis >= 0 && ++at[axis] == call.hi[axis]) {
            at[axis] = call.lo[axis];
            --axis;
        }
        if (axis < 0) return;
    }
}

}  // namespace maniple_fft
