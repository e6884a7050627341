// kernels/fourier.hpp: discrete Fourier transforms of any length, for the hand-written code beside.
#pragma once

#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

namespace maniple_fourier {

/// X[k] = sum over j of x[j] exp(-2 pi i j k / n), not scaled; what depends on the length alone is computed once.
/// Mixed radices (Cooley and Tukey 1965) with n log n operations where the prime factors are small; lengths with a
/// large one by Bluestein's convolution (1970). Threads: one at a time, since it owns its work space.
template <class T>
class Transform {
public:
    using Complex = std::complex<T>;

    explicit Transform(std::int64_t n) : n_(n), roots_(static_cast<std::size_t>(n)) {
        for (std::int64_t k = 0; k < n; ++k) roots_[static_cast<std::size_t>(k)] = root(k, n);
        std::int64_t rest = n;
        for (std::int64_t factor = 4; rest > 1; factor = next(factor, rest)) {
            while (rest % factor == 0) {
                factors_.push_back(factor);
                rest /= factor;
            }
        }
        const std::int64_t largest = largest_factor();
        if (largest > most_radix) {
            prepare_convolution();
        } else {
            scratch_.resize(static_cast<std::size_t>(largest));
        }
    }

    std::int64_t size() const { return n_; }

    /// `x` [n], the elements `step` apart, into `to` [n], dense. They do not overlap.
    void run(const Complex* x, std::int64_t step, Complex* to) {
        if (!chirp_.empty()) {
            convolve(x, step, to);
        } else if (n_ == 1) {
            to[0] = x[0];
        } else if (n_ > 1) {
            pass(x, step, to, 0, n_, 1);
        }
    }

private:
    /// A prime factor p costs p operations for each element.
    static constexpr std::int64_t most_radix = 64;

    /// exp(-2 pi i k / n), computed in f64 from an angle below one eighth of a turn, so that it is right to the last place.
    static Complex root(std::int64_t k, std::int64_t n) {
        const auto turn = [n](std::int64_t part) {
            return 2 * 3.14159265358979323846 * static_cast<double>(part) / static_cast<double>(n);
        };
        double c = 0, s = 0;
        const std::int64_t eighth = 8 * k / n;
        switch (eighth) {
            case 0: c = std::cos(turn(k)), s = std::sin(turn(k)); break;
            case 1:
            case 2: c = -std::sin(turn(4 * k - n) / 4), s = std::cos(turn(4 * k - n) / 4); break;
            case 3:
            case 4: c = -std::cos(turn(2 * k - n) / 2), s = -std::sin(turn(2 * k - n) / 2); break;
            case 5:
            case 6: c = std::sin(turn(4 * k - 3 * n) / 4), s = -std::cos(turn(4 * k - 3 * n) / 4); break;
            default: c = std::cos(turn(k - n)), s = std::sin(turn(k - n)); break;
        }
        return {static_cast<T>(c), static_cast<T>(-s)};
    }

    static std::int64_t next(std::int64_t factor, std::int64_t rest) {
        if (factor == 4) return 2;
        if (factor == 2) return 3;
        return (factor + 2) * (factor + 2) > rest ? rest : factor + 2;
    }

    std::int64_t largest_factor() const {
        std::int64_t largest = 1;
        for (const std::int64_t factor : factors_) largest = factor > largest ? factor : largest;
        return largest;
    }

    static Complex times(const Complex& a, const Complex& b) {
        return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
    }
    const Complex& twiddle(std::int64_t k) const { return roots_[static_cast<std::size_t>(k)]; }

    /// The transform of length `n` of every `stride`-th element: factors_[level] shorter ones, joined.
    void pass(const Complex* x, std::int64_t step, Complex* to, std::size_t level, std::int64_t n,
              std::int64_t stride) {
        const std::int64_t radix = factors_[level], part = n / radix;
        for (std::int64_t r = 0; r < radix; ++r) {
            if (part == 1) {
                to[r] = x[r * step * stride];
            } else {
                pass(x + r * step * stride, step, to + r * part, level + 1, part, stride * radix);
            }
        }
        if (radix == 2) return join_2(to, part, stride);
        if (radix == 4) return join_4(to, part, stride);
        join_any(to, radix, part, stride);
    }

    void join_2(Complex* to, std::int64_t part, std::int64_t stride) const {
        for (std::int64_t k = 0; k < part; ++k) {
            const Complex b = times(to[part + k], twiddle(k * stride));
            to[part + k] = to[k] - b;
            to[k] += b;
        }
    }

    void join_4(Complex* to, std::int64_t part, std::int64_t stride) const {
        for (std::int64_t k = 0; k < part; ++k) {
            const Complex a = to[k], b = times(to[part + k], twiddle(k * stride)),
                          c = times(to[2 * part + k], twiddle(2 * k * stride)),
                          d = times(to[3 * part + k], twiddle(3 * k * stride));
            const Complex sum = a + c, difference = a - c, odd = b + d,
                          turned(b.imag() - d.imag(), d.real() - b.real());
            to[k] = sum + odd;
            to[part + k] = difference + turned;
            to[2 * part + k] = sum - odd;
            to[3 * part + k] = difference - turned;
        }
    }

    void join_any(Complex* to, std::int64_t radix, std::int64_t part, std::int64_t stride) {
        for (std::int64_t k = 0; k < part; ++k) {
            for (std::int64_t r = 0; r < radix; ++r)
                scratch_[static_cast<std::size_t>(r)] = times(to[r * part + k], twiddle(r * k * stride));
            for (std::int64_t q = 0; q < radix; ++q) {
                Complex sum = scratch_[0];
                for (std::int64_t r = 1; r < radix; ++r)
                    sum += times(scratch_[static_cast<std::size_t>(r)], twiddle(q * r % radix * part * stride));
                to[q * part + k] = sum;
            }
        }
    }

    /// j k = (j² + k² − (k − j)²) / 2 makes the transform a convolution, of any length from 2n − 1 on.
    void prepare_convolution() {
        std::int64_t length = 1;
        while (length < 2 * n_ - 1) length *= 2;
        inner_ = std::vector<Transform>(1, Transform(length));
        chirp_.resize(static_cast<std::size_t>(n_));
        for (std::int64_t k = 0, square = 0; k < n_; ++k) {
            chirp_[static_cast<std::size_t>(k)] = root(square, 2 * n_);
            square = (square + 2 * k + 1) % (2 * n_);  // k² modulo 2n
        }
        padded_.assign(static_cast<std::size_t>(length), {});
        spectrum_.resize(padded_.size());
        product_.resize(padded_.size());
        for (std::size_t k = 0; k < chirp_.size(); ++k) {
            padded_[k] = std::conj(chirp_[k]);
            if (k > 0) padded_[padded_.size() - k] = std::conj(chirp_[k]);
        }
        inner_[0].run(padded_.data(), 1, spectrum_.data());
        for (Complex& value : spectrum_) value /= static_cast<T>(length);
    }

    void convolve(const Complex* x, std::int64_t step, Complex* to) {
        padded_.assign(padded_.size(), {});
        for (std::size_t k = 0; k < chirp_.size(); ++k)
            padded_[k] = times(x[static_cast<std::int64_t>(k) * step], chirp_[k]);
        inner_[0].run(padded_.data(), 1, product_.data());
        // The inverse by conjugates.
        for (std::size_t k = 0; k < padded_.size(); ++k) padded_[k] = std::conj(times(product_[k], spectrum_[k]));
        inner_[0].run(padded_.data(), 1, product_.data());
        for (std::size_t k = 0; k < chirp_.size(); ++k) to[k] = times(std::conj(product_[k]), chirp_[k]);
    }

    std::int64_t n_;
    std::vector<Complex> roots_;
    std::vector<std::int64_t> factors_;
    std::vector<Complex> scratch_;
    std::vector<Transform> inner_;  ///< of a convolution: one, of a power of two; else none
    std::vector<Complex> chirp_, padded_, spectrum_, product_;
};

}  // namespace maniple_fourier
