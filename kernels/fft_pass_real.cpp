// The first pass of a real Fourier transform, as in fft_pass.cpp.
#include "fft_passes.hpp"

namespace {

template <class T>
void pass(const maniple_call* call) {
    maniple_fft::compute<T>(*call, 0, false, true);
}

const maniple_fast_variant variants[] = {
    {"f32->f32", pass<float>, nullptr},
    {"f64->f64", pass<double>, nullptr},
};

}  // namespace

extern "C" const maniple_fast_code maniple_fast_fft_pass_real = {MANIPLE_ABI_VERSION,   "", maniple_fft::open,
                                                                 maniple_fft::describe, 2,  variants};
