#include "blas.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace maniple_blas {

namespace {

// cblas.h, as far as it is needed. OpenBLAS's integers have 32 bits.
constexpr int row_major = 101, plain = 111, transposed = 112;
template <class T>
using Gemm = void (*)(int order, int transpose_a, int transpose_b, int m, int n, int k, T alpha, const T* a, int lda,
                      const T* b, int ldb, T beta, T* c, int ldc);

struct Library {
    Gemm<float> sgemm = nullptr;
    Gemm<double> dgemm = nullptr;
    std::string description;
    std::string failure;  ///< empty: it is open
};

/// The kernels of OpenBLAS for this processor. It knows processors by their model alone and takes slow ones for those
/// that are newer than itself (0.3.21 on an EPYC of 2024: 221 GFLOP/s, with SkylakeX 399).
const char* core_type() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
    if (avx512) return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
    if (__builtin_cpu_supports("avx")) return "Sandybridge";
    if (__builtin_cpu_supports("sse4.2")) return "Nehalem";
#endif
    return nullptr;
}

template <class Function>
bool find(void* handle, const char* name, Function& function) {
    // An object pointer as a function pointer: what dlsym is for.
    void* const address = dlsym(handle, name);
    std::memcpy(&function, &address, sizeof function);
    return address != nullptr;
}

/// Takes the functions of an opened library. The variant without threads has one work space that calls from several
/// threads overwrite: wrong products, without a word. That of OpenMP brings a second run-time library of it.
std::string take(void* handle, Library& library) {
    int (*parallel)() = nullptr;
    int (*threads)() = nullptr;
    void (*set_threads)(int) = nullptr;
    char* (*config)() = nullptr;
    char* (*core)() = nullptr;
    const bool complete = find(handle, "openblas_get_parallel", parallel) &&
                          find(handle, "openblas_get_num_threads", threads) &&
                          find(handle, "openblas_set_num_threads", set_threads) &&
                          find(handle, "openblas_get_config", config) && find(handle, "openblas_get_corename", core) &&
                          find(handle, "cblas_sgemm", library.sgemm) && find(handle, "cblas_dgemm", library.dgemm);
    if (!complete) return "is not OpenBLAS with its C interface";
    if (parallel() == 0) return "is the serial variant, which gives wrong results when several threads call it";
    if (parallel() != 1) return "is the variant for OpenMP; the one for pthreads is needed";
    const std::string words = config();
    if (words.find("USE64BITINT") != std::string::npos) return "has 64-bit integers";
    if (threads() != 1) set_threads(1);
    // "OpenBLAS 0.3.21 DYNAMIC_ARCH …"
    library.description = words.substr(0, words.find(' ', words.find(' ') + 1)) + " (" + core() + ")";
    return {};
}

/// One variable of the environment, set while this lives.
class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) {
        if (const char* const before = std::getenv(name)) before_ = before;
        was_set_ = std::getenv(name) != nullptr;
        if (value != nullptr) setenv(name, value, 1);
    }
    ~Variable() {
        if (was_set_) {
            setenv(name_, before_.c_str(), 1);
        } else {
            unsetenv(name_);
        }
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    const char* name_;
    std::string before_;
    bool was_set_ = false;
};

/// Its own symbols before those of the program: OpenBLAS has thousands, and to look for each in all libraries of a program
/// with MPI first takes twice as long as all else. Not beside a sanitizer, which has to be found first.
constexpr int own_symbols_first() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(RTLD_DEEPBIND)
    return 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
    return 0;
#else
    return RTLD_DEEPBIND;
#endif
#else
    return RTLD_DEEPBIND;
#endif
}

void load(const char* file, Library& library) {
    void* const handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | own_symbols_first());
    if (handle == nullptr) {
        library.failure = dlerror();
        return;
    }
    const std::string why = take(handle, library);
    library.failure = why.empty() ? "" : std::string(file) + " " + why;
    if (!why.empty()) dlclose(handle);
}

Library load_library() {
    Library library;
    const char* const wanted = std::getenv("MANIPLE_BLAS");
    if (wanted != nullptr && std::strcmp(wanted, "none") == 0) {
        library.failure = "MANIPLE_BLAS=none";
        return library;
    }
    // A constructor of the library reads these: later is too late.
    const char* const core = std::getenv("MANIPLE_BLAS_CORE");
    const Variable threads("OPENBLAS_NUM_THREADS", "1");
    const Variable type("OPENBLAS_CORETYPE", core != nullptr && *core != '\0' ? core : core_type());
    if (wanted != nullptr && *wanted != '\0') {
        load(wanted, library);
        return library;
    }
    // Where Debian keeps the variant for pthreads, Fedora's name for it, and whatever the system's choice is.
    std::string failures;
    for (const char* const file : {MANIPLE_OPENBLAS_FILES}) {
        load(file, library);
        if (library.failure.empty()) return library;
        failures += (failures.empty() ? "" : "; ") + library.failure;
    }
    library.failure = failures;
    return library;
}

const Library& the_library() {
    static const Library library = load_library();
    return library;
}

Gemm<float> gemm(float) { return the_library().sgemm; }
Gemm<double> gemm(double) { return the_library().dgemm; }

/// How BLAS may see a matrix: as it is or transposed, with the distance between its rows; 0: not at all.
struct View {
    int transpose = plain;
    std::int64_t leading = 0;
};

template <class T>
View view_of(std::int64_t rows, std::int64_t columns, const Matrix<T>& matrix) {
    constexpr std::int64_t most = 0x7fffffff;
    const auto leading = [&](std::int64_t stride, std::int64_t lines, std::int64_t length) {
        return lines == 1 ? length : stride >= length && stride <= most ? stride : 0;
    };
    if (matrix.column_stride == 1 || columns == 1) {
        if (const std::int64_t stride = leading(matrix.row_stride, rows, columns)) return {plain, stride};
    }
    if (matrix.row_stride == 1 || rows == 1) {
        if (const std::int64_t stride = leading(matrix.column_stride, columns, rows)) return {transposed, stride};
    }
    return {};
}

template <class T>
void call(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, View of_a, const T* b, View of_b, T* c,
          std::int64_t ldc, bool add) {
    gemm(T{})(row_major, of_a.transpose, of_b.transpose, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k),
              T{1}, a, static_cast<int>(of_a.leading), b, static_cast<int>(of_b.leading), add ? T{1} : T{0}, c,
              static_cast<int>(ldc));
}

template <class From, class To>
void copy_dense(std::int64_t rows, std::int64_t columns, const Matrix<From>& from, To* to) {
    for (std::int64_t i = 0; i < rows; ++i) {
        const From* const row = from.data + i * from.row_stride;
        for (std::int64_t j = 0; j < columns; ++j) to[i * columns + j] = row[j * from.column_stride];
    }
}

/// For strides that BLAS has no words for: dense copies of parts that fit a core's second-level cache.
template <class T>
void multiply_packed(std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a, Matrix<const T> b, Matrix<T> c,
                     bool add) {
    constexpr std::int64_t most = 128;
    struct Parts {
        T a[most * most], b[most * most], c[most * most];
    };
    // On the heap: what is thread_local itself is zeroed for each thread of the process, whatever that does.
    static thread_local const std::unique_ptr<Parts> parts = std::make_unique_for_overwrite<Parts>();
    T *const dense_a = parts->a, *const dense_b = parts->b, *const dense_c = parts->c;
    for (std::int64_t j = 0; j < n; j += most) {
        const std::int64_t columns = std::min(most, n - j);
        for (std::int64_t i = 0; i < m; i += most) {
            const std::int64_t rows = std::min(most, m - i);
            if (k == 0) std::fill(dense_c, dense_c + rows * columns, T{0});
            for (std::int64_t p = 0; p < k; p += most) {
                const std::int64_t depth = std::min(most, k - p);
                const auto part = [](auto whole, std::int64_t row, std::int64_t column) {
                    whole.data += row * whole.row_stride + column * whole.column_stride;
                    return whole;
                };
                copy_dense(rows, depth, part(a, i, p), dense_a);
                copy_dense(depth, columns, part(b, p, j), dense_b);
                call(rows, columns, depth, dense_a, {plain, depth}, dense_b, {plain, columns}, dense_c, columns, p > 0);
            }
            for (std::int64_t row = 0; row < rows; ++row) {
                T* const to = c.data + (i + row) * c.row_stride + j * c.column_stride;
                for (std::int64_t column = 0; column < columns; ++column) {
                    T& element = to[column * c.column_stride];
                    element = dense_c[row * columns + column] + (add ? element : T{0});
                }
            }
        }
    }
}

template <class T>
void multiply_any(std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a, Matrix<const T> b, Matrix<T> c,
                  bool add) {
    constexpr std::int64_t most = 0x7fffffff;
    if (m <= 0 || n <= 0) return;
    if (c.column_stride != 1 && n != 1 && (c.row_stride == 1 || m == 1)) {
        // cᵀ = bᵀ · aᵀ
        multiply_any<T>(n, m, k, {b.data, b.column_stride, b.row_stride}, {a.data, a.column_stride, a.row_stride},
                        {c.data, c.column_stride, c.row_stride}, add);
        return;
    }
    const View of_a = view_of(m, k, a), of_b = view_of(k, n, b), of_c = view_of(m, n, c);
    const bool seen = of_a.leading > 0 && of_b.leading > 0 && of_c.leading > 0 && of_c.transpose == plain;
    if (!seen || m > most || n > most || k > most || k == 0) return multiply_packed<T>(m, n, k, a, b, c, add);
    call(m, n, k, a.data, of_a, b.data, of_b, c.data, of_c.leading, add);
}

}  // namespace

const char* open() {
    const Library& library = the_library();
    return library.failure.empty() ? nullptr : library.failure.c_str();
}

const char* describe() { return the_library().description.c_str(); }

void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const float> a, Matrix<const float> b,
              Matrix<float> c, bool add) {
    multiply_any<float>(m, n, k, a, b, c, add);
}

void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const double> a, Matrix<const double> b,
              Matrix<double> c, bool add) {
    multiply_any<double>(m, n, k, a, b, c, add);
}

}  // namespace maniple_blas
