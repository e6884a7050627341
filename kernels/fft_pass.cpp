// The passes of a Fourier transform by tiles; the generated code finds factors and turns at each point.
#include "fft_passes.hpp"

namespace {

template <class T>
void pass(const maniple_call* call) {
    maniple_fft::compute<T>(*call, static_cast<int>(call->parameters[0].integer), call->parameters[1].integer != 0,
                            false);
}

const maniple_fast_variant variants[] = {
    {"f32->f32", pass<float>, nullptr},
    {"f64->f64", pass<double>, nullptr},
};

}  // namespace

extern "C" const maniple_fast_code maniple_fast_fft_pass = {MANIPLE_ABI_VERSION,   "", maniple_fft::open,
                                                            maniple_fft::describe, 2,  variants};
