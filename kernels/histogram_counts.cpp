// Counts by looking each element's bin up, where the edges are in order; the generated code asks every bin.
#include <cstdint>

#include "kernel/abi.hpp"

namespace {

/// edges [3, bins] of one call, rounded to the type of comparisons, and the states [bins].
template <class E>
class Bins {
public:
    explicit Bins(const maniple_call& call)
        : leading_(call.rank - 1), lo_(call.lo[leading_]), hi_(call.hi[leading_]), states_(call.tensors[0]),
          edges_(call.tensors[2]) {
        in_order_ = true;
        for (std::int64_t b = lo_; b + 1 < hi_; ++b) {
            const E next = edge(0, b + 1);
            in_order_ = in_order_ && edge(0, b) <= next && edge(1, b) <= next && edge(2, b) < next;
        }
    }

    /// Counts `v` wherever it belongs; where edges are in order that is the last bin that begins at or below it.
    void add(E v) const {
        if (!in_order_) {
            for (std::int64_t b = lo_; b < hi_; ++b) add_if(b, v);
            return;
        }
        std::int64_t first = lo_, count = hi_ - lo_;
        while (count > 0) {
            const std::int64_t half = count / 2;
            const bool below = edge(0, first + half) <= v;
            first = below ? first + half + 1 : first;
            count = below ? count - half - 1 : half;
        }
        if (first > lo_) add_if(first - 1, v);
    }

private:
    E edge(int row, std::int64_t b) const {
        const auto* const data = static_cast<const double*>(edges_.data);
        return static_cast<E>(data[edges_.offset + row * edges_.stride[leading_] + b * edges_.stride[leading_ + 1]]);
    }
    void add_if(std::int64_t b, E v) const {
        if (!(v >= edge(0, b) && (v < edge(1, b) || v <= edge(2, b)))) return;
        ++static_cast<std::int64_t*>(states_.data)[states_.offset + b * states_.stride[leading_]];
    }

    int leading_;
    std::int64_t lo_, hi_;
    const maniple_tensor& states_;
    const maniple_tensor& edges_;
    bool in_order_ = false;
};

template <class T, class E>
void add_axis(const maniple_call& call, const Bins<E>& bins, const T* x, int axis) {
    const std::int64_t step = call.tensors[1].stride[axis];
    const bool last = axis == call.rank - 2;
    for (std::int64_t at = call.lo[axis]; at < call.hi[axis]; ++at) {
        if (last) {
            bins.add(static_cast<E>(x[at * step]));
        } else {
            add_axis(call, bins, x + at * step, axis + 1);
        }
    }
}

template <class T, class E>
void accumulate(const maniple_call* call) {
    if (call->hi[call->rank - 1] <= call->lo[call->rank - 1]) return;
    const Bins<E> bins(*call);
    const T* const x = static_cast<const T*>(call->tensors[1].data) + call->tensors[1].offset;
    if (call->rank == 1) {
        bins.add(static_cast<E>(*x));  // of a 0-d array
    } else {
        add_axis(*call, bins, x, 0);
    }
}

const maniple_fast_variant variants[] = {
    {"f32,f64->i64", nullptr, accumulate<float, float>},
    {"f64,f64->i64", nullptr, accumulate<double, double>},
    {"i32,f64->i64", nullptr, accumulate<std::int32_t, double>},
    {"i64,f64->i64", nullptr, accumulate<std::int64_t, double>},
    {"u8,f64->i64", nullptr, accumulate<std::uint8_t, double>},
    {"u32,f64->i64", nullptr, accumulate<std::uint32_t, double>},
};

}  // namespace

extern "C" const maniple_fast_code maniple_fast_histogram_counts = {
    MANIPLE_ABI_VERSION, "", nullptr, nullptr, 6, variants};
