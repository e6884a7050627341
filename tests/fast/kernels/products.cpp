// Products of matrices by BLAS; parts of a fold by generated code.
#include "products.hpp"

namespace {

const maniple_fast_variant variants[] = {{"f32,f32->f32", maniple_blas::compute_products<float>, nullptr}};

}  // namespace

extern "C" const maniple_fast_code maniple_fast_products = {MANIPLE_ABI_VERSION,    "OpenBLAS", maniple_blas::open,
                                                            maniple_blas::describe, 1,          variants};
