// Products of a matrix and a transposed one by BLAS, one call a tile and matrix.
#include "products.hpp"

namespace {

const maniple_fast_variant variants[] = {
    {"f32,f32->f32", maniple_blas::compute_products<float, true>, maniple_blas::add_products<float, true>},
    {"f64,f64->f64", maniple_blas::compute_products<double, true>, maniple_blas::add_products<double, true>},
};

}  // namespace

extern "C" const maniple_fast_code maniple_fast_matmul_transposed = {
    MANIPLE_ABI_VERSION, "OpenBLAS", maniple_blas::open, maniple_blas::describe, 2, variants};
