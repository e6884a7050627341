// kernels/fft_passes.hpp: fft_pass and fft_pass_real by tiles of columns: sums, of FFTW or here, then turns.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "fft_plan.hpp"
#include "kernel/abi.hpp"

namespace maniple_fft {

/// The points of one line. `imaginary` is the distance from a real part to its imaginary one; 0: there are none.
template <class T>
struct Line {
    const T* x;
    std::int64_t x_step;
    std::int64_t imaginary;
    T* y;
    std::int64_t y_step;
    std::int64_t y_imaginary;
    std::int64_t lo, hi;  ///< the points wanted
};

/// Memory for one tile, a thread's own; grows where a radix needs it.
struct Scratch {
    Complex* terms(std::int64_t elements) { return grown(terms_, elements); }
    Complex* sums(std::int64_t elements) { return grown(sums_, elements); }

private:
    static Complex* grown(std::vector<maniple_fftw::Aligned>& memory, std::int64_t elements) {
        const auto needed = static_cast<std::size_t>(elements / 4 + 1);
        if (memory.size() < needed) memory.resize(needed);
        return memory[0].elements;
    }
    std::vector<maniple_fftw::Aligned> terms_, sums_;
};

/// Columns [c, c + count) of x in scratch, of which [c_lo, c_hi) are wanted; of their sums those for t in [t_lo, t_hi).
struct Tile {
    std::int64_t c, count, c_lo, c_hi, t_lo, t_hi;
};

template <class T>
void load(const T* from, std::int64_t step, std::int64_t imaginary, std::int64_t count, Complex* to) {
    if (step == 2 && imaginary == 1) {
        for (std::int64_t i = 0; i < count; ++i)
            to[i] = {static_cast<double>(from[2 * i]), static_cast<double>(from[2 * i + 1])};
    } else if (imaginary == 0) {
        for (std::int64_t i = 0; i < count; ++i) to[i] = {static_cast<double>(from[i * step]), 0};
    } else {
        for (std::int64_t i = 0; i < count; ++i)
            to[i] = {static_cast<double>(from[i * step]), static_cast<double>(from[i * step + imaginary])};
    }
}

/// Points [o, o + count) of y; element i is from[i] * factor(i). Those outside of [lo, hi) are not wanted.
template <class T, class Factor>
void store(const Line<T>& line, std::int64_t o, std::int64_t count, const Complex* from, const Factor& factor) {
    const std::int64_t begin = std::max<std::int64_t>(0, line.lo - o), end = std::min(count, line.hi - o);
    const auto store_by = [&](T* to, std::int64_t step, std::int64_t imaginary) {
        for (std::int64_t i = begin; i < end; ++i) {
            const Complex a = from[i], w = factor(i);
            to[i * step] = static_cast<T>(a.re * w.re - a.im * w.im);
            to[i * step + imaginary] = static_cast<T>(a.re * w.im + a.im * w.re);
        }
    };
    T* const to = line.y + o * line.y_step;
    if (line.y_step == 2 && line.y_imaginary == 1) {
        store_by(to, 2, 1);
    } else {
        store_by(to, line.y_step, line.y_imaginary);
    }
}

/// What FFTW does for whole tiles: sums[t, c] = sum over r of terms[r, c] exp(∓2πi rt/radix), for the tile's t.
inline void add_up(const PassPlan& plan, const Tile& tile, const Complex* terms, Complex* sums) {
    constexpr int together = 4;  // sums in registers
    const std::int64_t radix = plan.pass.radix;
    for (std::int64_t t = tile.t_lo; t < tile.t_hi; ++t) {
        for (std::int64_t c = 0; c < tile.count; c += together) {
            const int count = static_cast<int>(std::min<std::int64_t>(together, tile.count - c));
            Complex sum[together] = {};
            std::int64_t e = 0;
            const Complex* from = terms + c;
            for (std::int64_t r = 0; r < radix; ++r, from += plan.width) {
                const Complex w = plan.roots[e];
                const auto add = [&](int i) {
                    sum[i].re += from[i].re * w.re - from[i].im * w.im;
                    sum[i].im += from[i].re * w.im + from[i].im * w.re;
                };
                if (count == together) {
                    for (int i = 0; i < together; ++i) add(i);
                } else {
                    for (int i = 0; i < count; ++i) add(i);
                }
                e += t;
                if (e >= radix) e -= radix;
            }
            for (int i = 0; i < count; ++i) {
                sums[plan.by_columns ? (c + i) * radix + t : t * plan.width + c + i] = sum[i];
            }
        }
    }
}

/// The points of one column as the description says it: what becomes of infinities depends on which factors are 0.
template <class T>
void compute_directly(const Line<T>& line, const PassPlan& plan, double scale, const Tile& tile, std::int64_t c,
                      const Complex* terms) {
    const Pass& pass = plan.pass;
    const std::int64_t h = c / pass.s, q = c - h * pass.s;
    const std::int64_t steps = pass.span / pass.radix;
    for (std::int64_t t = tile.t_lo; t < tile.t_hi; ++t) {
        const std::int64_t o = (h * pass.radix + t) * pass.s + q;
        if (o < line.lo || o >= line.hi) continue;
        Complex sum = {};
        for (std::int64_t r = 0, e = t * h; r < pass.radix; ++r) {
            const Complex a = terms[r * plan.width + c - tile.c], w = plan.turns[e];
            sum.re += a.re * w.re - a.im * w.im;
            sum.im += a.re * w.im + a.im * w.re;
            e += t * steps;
            if (e >= pass.span) e -= pass.span;
        }
        T* const to = line.y + o * line.y_step;
        to[0] = static_cast<T>(sum.re * scale);
        to[line.y_imaginary] = static_cast<T>(sum.im * scale);
    }
}

template <class T>
void compute_tile(const Line<T>& line, const PassPlan& plan, double scale, const Tile& tile, Scratch& scratch) {
    const Pass& pass = plan.pass;
    Complex* const terms = scratch.terms(pass.radix * plan.width);
    Complex* const sums = scratch.sums(pass.radix * plan.width);
    const auto load_all = [&] {
        for (std::int64_t r = 0; r < pass.radix; ++r) {
            load(line.x + (r * pass.columns + tile.c) * line.x_step, line.x_step, line.imaginary, tile.count,
                 terms + r * plan.width);
        }
    };
    load_all();
    if (plan.transforms != nullptr) {
        maniple_fftw::execute(plan.transforms, terms, sums);
    } else {
        add_up(plan, tile, terms, sums);
    }
    const std::int64_t first = tile.c_lo - tile.c, last = tile.c_hi - tile.c;
    if (plan.by_columns) {
        for (std::int64_t i = first; i < last; ++i) {
            const std::int64_t h = tile.c + i;
            store(line, h * pass.radix + tile.t_lo, tile.t_hi - tile.t_lo, sums + i * pass.radix + tile.t_lo,
                  [&](std::int64_t t) { return plan.turns[(tile.t_lo + t) * h]; });
        }
    }
    for (std::int64_t t = tile.t_lo; t < tile.t_hi && !plan.by_columns; ++t) {
        for (std::int64_t i = first; i < last;) {
            const std::int64_t h = (tile.c + i) / pass.s, q = tile.c + i - h * pass.s;
            const std::int64_t run = std::min(pass.s - q, last - i);
            Complex turn = plan.turns[t * h];
            turn = {turn.re * scale, turn.im * scale};
            store(line, (h * pass.radix + t) * pass.s + q, run, sums + t * plan.width + i,
                  [&](std::int64_t) { return turn; });
            i += run;
        }
    }
    // A term that is not finite is seen in the sum for any t.
    bool loaded = plan.transforms == nullptr;
    for (std::int64_t i = first; i < last; ++i) {
        const Complex sum = sums[plan.by_columns ? i * pass.radix + tile.t_lo : tile.t_lo * plan.width + i];
        if (std::isfinite(sum.re) && std::isfinite(sum.im)) continue;
        if (!loaded) load_all();  // FFTW has overwritten them
        loaded = true;
        compute_directly(line, plan, scale, tile, tile.c + i, terms);
    }
}

/// Columns [c_lo, c_hi), for t in [t_lo, t_hi); points outside of the line's [lo, hi) are left alone.
template <class T>
void compute_columns(const Line<T>& line, const PassPlan& plan, double scale, std::int64_t c_lo, std::int64_t c_hi,
                     std::int64_t t_lo, std::int64_t t_hi, Scratch& scratch) {
    for (std::int64_t c = c_lo; c < c_hi;) {
        std::int64_t begin = c, end = std::min(c + plan.width, c_hi);
        if (plan.transforms != nullptr) {
            begin = c / plan.width * plan.width;
            end = std::min(begin + plan.width, plan.pass.columns);
        }
        compute_tile(line, plan, scale, {begin, end - begin, c, std::min(end, c_hi), t_lo, t_hi}, scratch);
        c = end;
    }
}

/// Points [lo, hi) of the block of all t and q of one h.
template <class T>
void compute_block(const Line<T>& line, const PassPlan& plan, double scale, std::int64_t h, std::int64_t lo,
                   std::int64_t hi, Scratch& scratch) {
    const std::int64_t s = plan.pass.s, begin = h * s * plan.pass.radix;
    const std::int64_t t_lo = (lo - begin) / s, t_hi = (hi - begin - 1) / s + 1;
    const std::int64_t q_lo = lo - begin - t_lo * s, q_hi = hi - begin - (t_hi - 1) * s;
    if (t_hi - t_lo == 1) return compute_columns(line, plan, scale, h * s + q_lo, h * s + q_hi, t_lo, t_hi, scratch);
    if (hi - lo >= s) return compute_columns(line, plan, scale, h * s, (h + 1) * s, t_lo, t_hi, scratch);
    compute_columns(line, plan, scale, h * s + q_lo, (h + 1) * s, t_lo, t_lo + 1, scratch);
    compute_columns(line, plan, scale, h * s, h * s + q_hi, t_hi - 1, t_hi, scratch);
}

template <class T>
void copy_line(const Line<T>& line, double scale) {
    for (std::int64_t o = line.lo; o < line.hi; ++o) {
        const T* const from = line.x + o * line.x_step;
        T* const to = line.y + o * line.y_step;
        const double re = static_cast<double>(from[0]);
        const double im = line.imaginary == 0 ? 0 : static_cast<double>(from[line.imaginary]);
        to[0] = static_cast<T>((re - im * 0) * scale);  // times 1 + 0i, which infinities do not survive
        to[line.y_imaginary] = static_cast<T>((re * 0 + im) * scale);
    }
}

template <class T>
void compute_line(const Line<T>& line, const PassPlan& plan, double scale, Scratch& scratch) {
    if (plan.pass.radix == 1) return copy_line(line, scale);
    const std::int64_t block = plan.pass.s * plan.pass.radix;
    const std::int64_t first = (line.lo + block - 1) / block, last = line.hi / block;  // those that are wanted whole
    if (first > last) return compute_block(line, plan, scale, last, line.lo, line.hi, scratch);
    if (line.lo < first * block) compute_block(line, plan, scale, first - 1, line.lo, first * block, scratch);
    compute_columns(line, plan, scale, first * plan.pass.s, last * plan.pass.s, 0, plan.pass.radix, scratch);
    if (last * block < line.hi) compute_block(line, plan, scale, last, last * block, line.hi, scratch);
}

/// All lines of a call whose tensors are y and x, by the axes of the ellipsis; x has an axis of parts unless `real`.
template <class T>
void compute(const maniple_call& call, int number, bool inverse, bool real) {
    const int leading = call.rank - 2;
    for (int axis = 0; axis < call.rank; ++axis) {
        if (call.hi[axis] <= call.lo[axis]) return;
    }
    const std::int64_t length = call.extent[leading];
    const PassPlan& plan = plan_of(length, number, inverse);
    thread_local Scratch scratch;
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
        const Line<T> line = {static_cast<const T*>(x.data) + from,
                              x.stride[leading],
                              real ? 0 : x.stride[leading + 1],
                              static_cast<T*>(y.data) + to,
                              y.stride[leading],
                              y.stride[leading + 1],
                              call.lo[leading],
                              call.hi[leading]};
        compute_line(line, plan, scale, scratch);
        int axis = leading - 1;
        while (axis >= 0 && ++at[axis] == call.hi[axis]) {
            at[axis] = call.lo[axis];
            --axis;
        }
        if (axis < 0) return;
    }
}

}  // namespace maniple_fft
