// kernels/products.hpp: calls of kernels that are matrix products, a[..., i, k] b[..., k, j] -> c[..., i, j]
// or with b[..., j, k], by BLAS.
#pragma once

#include <utility>

#include "blas.hpp"
#include "kernel/abi.hpp"

namespace maniple_blas {

/// A matrix of a tensor whose last axes are `row` and `row` + 1, from global coordinates (first, second) on.
template <class T>
Matrix<T> matrix_at(const maniple_tensor& tensor, std::int64_t element, int row, std::int64_t first,
                    std::int64_t second) {
    const std::int64_t rows = tensor.stride[row], columns = tensor.stride[row + 1];
    return {static_cast<T*>(tensor.data) + element + first * rows + second * columns, rows, columns};
}

/// Whether the innermost leading index goes on where the rows of `tensor` end, so that it is rows, too.
inline bool continues(const maniple_tensor& tensor, int leading, std::int64_t rows) {
    return tensor.stride[leading - 1] == rows * tensor.stride[leading];
}

/// All products of a call, whose indices are leading ones, i, j, k; `tensors` are c (or states of one T), a, b. With
/// `Turned` the axes of b are j, k.
template <class T, bool Turned>
void multiply_all(const maniple_call* call, bool add) {
    const int leading = call->rank - 3;
    const maniple_tensor& c = call->tensors[0];
    const maniple_tensor& a = call->tensors[1];
    const maniple_tensor& b = call->tensors[2];
    const std::int64_t* const lo = call->lo;
    const std::int64_t* const hi = call->hi;
    std::int64_t rows = hi[leading] - lo[leading];
    std::int64_t at[MANIPLE_MAX_RANK];
    for (int index = 0; index < leading; ++index) {
        at[index] = lo[index];
        if (hi[index] <= lo[index]) return;
    }
    // Products with one b are one product.
    int outer = leading;
    if (outer > 0 && b.stride[outer - 1] == 0 && continues(a, leading, rows) && continues(c, leading, rows)) {
        rows *= hi[outer - 1] - lo[outer - 1];
        --outer;
    }
    const std::int64_t first_of_b = lo[leading + (Turned ? 1 : 2)], second_of_b = lo[leading + (Turned ? 2 : 1)];
    for (;;) {
        std::int64_t of_c = c.offset, of_a = a.offset, of_b = b.offset;
        for (int index = 0; index < leading; ++index) {
            of_c += at[index] * c.stride[index];
            of_a += at[index] * a.stride[index];
            of_b += at[index] * b.stride[index];
        }
        Matrix<const T> matrix_b = matrix_at<const T>(b, of_b, leading, first_of_b, second_of_b);
        if (Turned) std::swap(matrix_b.row_stride, matrix_b.column_stride);
        multiply(rows, hi[leading + 1] - lo[leading + 1], hi[leading + 2] - lo[leading + 2],
                 matrix_at<const T>(a, of_a, leading, lo[leading], lo[leading + 2]), matrix_b,
                 matrix_at<T>(c, of_c, leading, lo[leading], lo[leading + 1]), add);
        int index = outer - 1;
        while (index >= 0 && ++at[index] == hi[index]) {
            at[index] = lo[index];
            --index;
        }
        if (index < 0) return;
    }
}

template <class T, bool Turned = false>
void compute_products(const maniple_call* call) {
    multiply_all<T, Turned>(call, false);
}

template <class T, bool Turned = false>
void add_products(const maniple_call* call) {
    multiply_all<T, Turned>(call, true);
}

}  // namespace maniple_blas
