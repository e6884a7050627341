// The passes of a Fourier transform with factors and turns found once a call; the generated code finds them at each point.
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

extern "C" const maniple_fast_code maniple_fast_fft_pass_real = {
    MANIPLE_ABI_VERSION, "", nullptr, nullptr, 2, variants};
