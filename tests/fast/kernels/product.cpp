// A matrix product by BLAS.
#include "products.hpp"

namespace {

const maniple_fast_variant variants[] = {
    {"f64,f64->f64", maniple_blas::compute_products<double>, maniple_blas::add_products<double>},
    {"f32,f32->f32", maniple_blas::compute_products<float>, maniple_blas::add_products<float>},
};

}  // namespace

extern "C" const maniple_fast_code maniple_fast_product = {MANIPLE_ABI_VERSION,    "OpenBLAS", maniple_blas::open,
                                                           maniple_blas::describe, 2,          variants};
