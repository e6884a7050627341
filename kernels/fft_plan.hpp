// kernels/fft_plan.hpp: what all calls of one pass of fft have in common, found once a process.
#pragma once

#include <cstdint>
#include <vector>

#include "fftw.hpp"

namespace maniple_fft {

using maniple_fftw::Complex;

/// The numbers of one pass (fft_pass.kernel.yaml): sums of `radix` terms, joining transforms of length s. As a
/// matrix, x is [radix, columns], and column c = q + s h is what the points (h, t, q) of all t are sums of.
struct Pass {
    std::int64_t s = 1;
    std::int64_t radix = 1;
    std::int64_t span = 1;     ///< n' = n / s
    std::int64_t columns = 1;  ///< n / radix
};

Pass pass_of(std::int64_t length, int number);

/// exp(∓2πi e/span) for e in [0, span): a table, or where that would be large, products of two from small ones.
class Turns {
public:
    Turns(std::int64_t span, bool inverse);
    Complex operator[](std::int64_t e) const {
        if (bits_ == 0) return coarse_[static_cast<std::size_t>(e)];
        const Complex a = coarse_[static_cast<std::size_t>(e >> bits_)];
        const Complex b = fine_[static_cast<std::size_t>(e & ((std::int64_t{1} << bits_) - 1))];
        return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
    }

private:
    int bits_ = 0;
    std::vector<Complex> coarse_, fine_;
};

/// Immutable, and kept for ever: threads hold pointers to it.
struct PassPlan {
    PassPlan(const Pass& pass, bool inverse);

    Pass pass;
    Turns roots;         ///< of span radix
    Turns turns;         ///< of span pass.span
    std::int64_t width;  ///< columns of a tile
    /// How a tile's sums stand in scratch: (t, c) at c*radix + t, the order of y where s = 1, or at t*width + c.
    bool by_columns;
    /// FFTW for one whole tile; null: own sums. One plan alone, and tiles that begin at multiples of the width: another
    /// place of a column would be other instructions, and its bits would depend on how a line is cut.
    const maniple_fftw::Transforms* transforms = nullptr;
};

/// Threads: any. Takes a lock and time unless this thread asked for it among its last few.
const PassPlan& plan_of(std::int64_t length, int number, bool inverse);

/// Opens FFTW where there is one, before the first call; null: there is other code without it.
const char* open();

/// "by hand, with FFTW 3.3.10", or why without.
const char* describe();

}  // namespace maniple_fft
