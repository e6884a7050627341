// Convolutions by BLAS: the elements under each place of the filters as columns of a matrix, a block of places at a time,
// which the filters multiply (implicit im2col, Chellapilla, Puri, Simard 2006).
#include <algorithm>
#include <memory>

#include "blas.hpp"
#include "kernel/abi.hpp"

namespace {

using maniple_blas::Matrix;

/// A block of columns: as many terms and places as fit a core's second-level cache beside the filters.
constexpr std::int64_t most_terms = 512, most_places = 256, most_filters = 256;

/// Points [lo, hi) along one index.
struct Range {
    std::int64_t lo, hi;
    std::int64_t size() const { return hi - lo; }
};

/// One call: z[n, o, i, j] from x[n, c, stride*i + p - pad, stride*j + q - pad] and w[o, c, p, q], over c, p, q.
template <class T>
class Convolution {
public:
    explicit Convolution(const maniple_call* call)
        : call_(*call), z_(call->tensors[0]), x_(call->tensors[1]), w_(call->tensors[2]),
          stride_(call->parameters[0].integer), pad_(call->parameters[1].integer) {}

    void run(bool add) const {
        const Range i = range(2), j = range(3);
        if (j.size() <= 0) return;
        const std::int64_t columns = std::min(most_places, j.size()),
                           rows = std::max<std::int64_t>(most_places / columns, 1);
        for (std::int64_t n = call_.lo[0]; n < call_.hi[0]; ++n) {
            for (std::int64_t row = i.lo; row < i.hi; row += rows) {
                for (std::int64_t column = j.lo; column < j.hi; column += columns)
                    run_block(n, {row, std::min(row + rows, i.hi)}, {column, std::min(column + columns, j.hi)}, add);
            }
        }
    }

private:
    Range range(int index) const { return {call_.lo[index], call_.hi[index]}; }

    /// All filters over the places i × j of image n.
    void run_block(std::int64_t n, Range i, Range j, bool add) const {
        struct Parts {
            T columns[most_terms * most_places], weights[most_filters * most_terms],
                results[most_filters * most_places];
        };
        // On the heap: what is thread_local itself is zeroed for each thread of the process, whatever that does.
        static thread_local const std::unique_ptr<Parts> parts = std::make_unique_for_overwrite<Parts>();
        T *const columns = parts->columns, *const weights = parts->weights, *const results = parts->results;
        const Range c = range(4), p = range(5), q = range(6);
        const std::int64_t terms = c.size() * p.size() * q.size(), places = i.size() * j.size();
        for (std::int64_t o = call_.lo[1]; o < call_.hi[1]; o += most_filters) {
            const Range filters{o, std::min(o + most_filters, call_.hi[1])};
            for (std::int64_t term = 0; term < terms; term += most_terms) {
                const Range part{term, std::min(term + most_terms, terms)};
                copy_columns(n, i, j, part, columns);
                maniple_blas::multiply(filters.size(), places, part.size(), weights_of(filters, part, weights),
                                       Matrix<const T>{columns, places, 1}, Matrix<T>{results, places, 1}, term > 0);
            }
            if (terms <= 0) std::fill(results, results + filters.size() * places, T{0});
            store(n, filters, i, j, results, add);
        }
    }

    struct Term {
        std::int64_t c, p, q;
    };
    Term term_at(std::int64_t number) const {
        const Range p = range(5), q = range(6);
        return {call_.lo[4] + number / (p.size() * q.size()), p.lo + number / q.size() % p.size(),
                q.lo + number % q.size()};
    }

    void copy_columns(std::int64_t n, Range i, Range j, Range terms, T* to) const {
        const T* const x = static_cast<const T*>(x_.data) + x_.offset + n * x_.stride[0];
        for (std::int64_t number = terms.lo; number < terms.hi; ++number) {
            const Term term = term_at(number);
            for (std::int64_t row = i.lo; row < i.hi; ++row) {
                const T* const from = x + term.c * x_.stride[1] + (stride_ * row + term.p - pad_) * x_.stride[2] +
                                      (stride_ * j.lo + term.q - pad_) * x_.stride[3];
                to = copy_row(from, stride_ * x_.stride[3], j.size(), to);
            }
        }
    }

    static T* copy_row(const T* from, std::int64_t step, std::int64_t count, T* to) {
        if (step == 1) return std::copy_n(from, count, to);
        for (std::int64_t at = 0; at < count; ++at) *to++ = from[at * step];
        return to;
    }

    /// The filters as a matrix: where their terms lie one after the other, as they are.
    Matrix<const T> weights_of(Range filters, Range terms, T* copy) const {
        const Range c = range(4), p = range(5), q = range(6);
        const T* const w = static_cast<const T*>(w_.data) + w_.offset;
        const auto at = [&](const Term& term) {
            return term.c * w_.stride[1] + term.p * w_.stride[2] + term.q * w_.stride[3];
        };
        const bool dense = (w_.stride[3] == 1 || q.size() == 1) && (w_.stride[2] == q.size() || p.size() == 1) &&
                           (w_.stride[1] == p.size() * q.size() || c.size() == 1);
        if (dense) return {w + filters.lo * w_.stride[0] + at(term_at(terms.lo)), w_.stride[0], 1};
        for (std::int64_t number = terms.lo; number < terms.hi; ++number) {
            const T* const from = w + at(term_at(number));
            T* const to = copy + (number - terms.lo);
            for (std::int64_t o = 0; o < filters.size(); ++o)
                to[o * terms.size()] = from[(filters.lo + o) * w_.stride[0]];
        }
        return {copy, terms.size(), 1};
    }

    void store(std::int64_t n, Range filters, Range i, Range j, const T* from, bool add) const {
        T* const z = static_cast<T*>(z_.data) + z_.offset + n * z_.stride[0];
        for (std::int64_t o = filters.lo; o < filters.hi; ++o) {
            for (std::int64_t row = i.lo; row < i.hi; ++row) {
                T* const to = z + o * z_.stride[1] + row * z_.stride[2] + j.lo * z_.stride[3];
                for (std::int64_t at = 0; at < j.size(); ++at) {
                    T& element = to[at * z_.stride[3]];
                    element = *from++ + (add ? element : T{0});
                }
            }
        }
    }

    const maniple_call& call_;
    const maniple_tensor &z_, &x_, &w_;
    std::int64_t stride_, pad_;
};

template <class T>
void compute(const maniple_call* call) {
    Convolution<T>(call).run(false);
}

template <class T>
void accumulate(const maniple_call* call) {
    Convolution<T>(call).run(true);
}

const maniple_fast_variant variants[] = {
    {"f32,f32->f32", compute<float>, accumulate<float>},
    {"f64,f64->f64", compute<double>, accumulate<double>},
};

}  // namespace

extern "C" const maniple_fast_code maniple_fast_cross_correlation2d = {
    MANIPLE_ABI_VERSION, "OpenBLAS", maniple_blas::open, maniple_blas::describe, 2, variants};
