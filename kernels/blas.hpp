// kernels/blas.hpp: OpenBLAS for the hand-written code beside, opened at run time, one thread a call.
#pragma once

#include <cstdint>

namespace maniple_blas {

/// Opens the library; null, or why matrix products cannot run on it, in words that stay. Threads: any; the first call
/// takes some milliseconds and sets the environment variables that OpenBLAS reads while it is loaded, so that it
/// should come before other threads use the environment. MANIPLE_BLAS names the library's file, or says `none`;
/// MANIPLE_BLAS_CORE names the processor whose kernels are to be taken, as OPENBLAS_CORETYPE would (which is not asked).
const char* open();

/// "OpenBLAS 0.3.21 (SkylakeX)", once it is open.
const char* describe();

/// A matrix of any strides, in elements.
template <class T>
struct Matrix {
    T* data;
    std::int64_t row_stride;
    std::int64_t column_stride;
};

/// c [m, n] = a [m, k] · b [k, n], or c += where `add`. Requires: open() gave null, c overlaps neither a nor b.
/// Threads: any, each call runs on its own; nothing is allocated here.
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const float> a, Matrix<const float> b,
              Matrix<float> c, bool add);
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const double> a, Matrix<const double> b,
              Matrix<double> c, bool add);

}  // namespace maniple_blas
