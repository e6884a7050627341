// kernels/fftw.hpp: FFTW in double precision for the hand-written code beside, opened at run time.
#pragma once

#include <cstdint>

namespace maniple_fftw {

/// Opens the library; null, or why there is none, in words that stay. Threads: any; only the first call takes time, and
/// it reads the environment: MANIPLE_FFTW names the library's file, or says `none`.
const char* open();

/// "FFTW 3.3.10", once it is open.
const char* describe();

struct Complex {
    double re, im;
};

/// Memory of scratch arrays: transforms may use any vector instructions on it.
struct alignas(64) Aligned {
    Complex elements[4];
};

/// Where element k of transform j stands: k*element + j*transform.
struct Strides {
    int element, transform;
};

/// `count` transforms of `length` elements from one array to another. Stays as long as the process.
struct Transforms;

/// exp(-2πi jk/length), or with + where `inverse`, not scaled. Null: FFTW cannot. Threads: any; they take turns.
/// Requires: open() gave null.
const Transforms* plan(int length, int count, Strides from, Strides to, bool inverse);

/// Overwrites both arrays, which begin as an Aligned does. Threads: any, without a lock.
void execute(const Transforms* transforms, Complex* from, Complex* to);

}  // namespace maniple_fftw
