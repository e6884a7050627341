// The passes of fft as the cpu lane calls them: cut anywhere, by any strides, from many threads at once. Each case runs with
// FFTW and with MANIPLE_FFTW=none.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "fftw.hpp"
#include "kernel/kernel.hpp"

namespace maniple {
namespace {

/// Transforms [batch, n, 2], or [batch, n] as the first pass reads it where it is real, with room between elements.
struct Case {
    std::int64_t n = 1, batch = 1;
    bool real = false, inverse = false;
    std::int64_t step = 2, imaginary = 1;  ///< between elements, and between their parts
};

template <class T>
struct Memory {
    explicit Memory(const Case& its_case)
        : of(its_case), line(of.n * of.step + of.imaginary), elements(static_cast<std::size_t>(of.batch * line), T{7}) {
    }
    T& at(std::int64_t batch, std::int64_t m, int part) {
        return elements[static_cast<std::size_t>(batch * line + m * of.step + part * of.imaginary)];
    }
    maniple_tensor tensor(int rank) {
        maniple_tensor result = {};
        result.data = elements.data();
        result.rank = rank;
        result.stride[0] = line;
        result.stride[1] = of.step;
        result.stride[2] = of.imaginary;
        return result;
    }

    Case of;
    std::int64_t line;
    std::vector<T> elements;
};

const Kernel& kernel_of(bool real) {
    static const KernelRegistry registry(standard_kernels());
    return *registry.find(real ? "fft_pass_real" : "fft_pass");
}

template <class T>
void run_pass(const Case& of, int number, Memory<T>& x, Memory<T>& y, std::int64_t most, std::mt19937& random) {
    const bool real = of.real && number == 0;
    const Kernel& kernel = kernel_of(real);
    const maniple_fast_variant& variant = *kernel.fast_variant(sizeof(T) == 4 ? 0 : 1);
    maniple_parameter parameters[2] = {};
    parameters[0].integer = number;
    parameters[1].integer = of.inverse ? 1 : 0;
    const maniple_tensor tensors[2] = {y.tensor(3), x.tensor(real ? 2 : 3)};
    for (std::int64_t lo = 0; lo < of.n;) {
        const std::int64_t hi = std::min(of.n, lo + std::uniform_int_distribution<std::int64_t>(1, most)(random));
        const maniple_call call = {3, {0, lo, 0}, {of.batch, hi, 2}, {of.batch, of.n, 2}, tensors, parameters, nullptr};
        variant.compute(&call);
        lo = hi;
    }
}

template <class T>
Memory<T> sample(const Case& of, std::mt19937& random) {
    Memory<T> x(of);
    std::uniform_real_distribution<double> values(-1, 1);
    for (T& element : x.elements) element = static_cast<T>(values(random));
    return x;
}

/// The transform of x in parts of at most `most` points.
template <class T>
Memory<T> transform(const Case& of, const Memory<T>& x, std::int64_t most, std::mt19937& random) {
    Memory<T> from = x, to(of);
    for (int number = 0; number < 4; ++number) {
        run_pass(of, number, from, to, most, random);
        std::swap(from, to);
    }
    return from;
}

/// The largest error at a few elements of each line, relative to the root of the mean square of all.
template <class T>
double error_of(const Case& of, Memory<T>& x, Memory<T>& y, std::mt19937& random) {
    double worst = 0;
    const long double turn = (of.inverse ? 2 : -2) * std::acos(-1.0L);
    for (std::int64_t b = 0; b < of.batch; ++b) {
        for (int k = 0; k < 3; ++k) {
            const std::int64_t m = std::uniform_int_distribution<std::int64_t>(0, of.n - 1)(random);
            std::complex<long double> sum = 0;
            for (std::int64_t i = 0; i < of.n; ++i) {
                const std::complex<long double> a(x.at(b, i, 0), of.real ? T{0} : x.at(b, i, 1));
                sum += a * std::polar(1.0L, turn * static_cast<long double>(i * m % of.n) / of.n);
            }
            const long double scale = of.inverse ? 1.0L / of.n : 1.0L;
            const std::complex<long double> found(y.at(b, m, 0), y.at(b, m, 1));
            const long double size = std::sqrt(static_cast<long double>(of.n)) * scale;
            worst = std::max(worst, static_cast<double>(std::abs(found - sum * scale) / size));
        }
    }
    return worst;
}

template <class T>
void check(const Case& of) {
    std::mt19937 random(static_cast<unsigned>(of.n + of.batch));
    Memory<T> x = sample<T>(of, random);
    Memory<T> whole = transform(of, x, of.n, random);
    EXPECT_LT(error_of(of, x, whole, random), 60 * std::numeric_limits<T>::epsilon())
        << of.batch << " lines of " << of.n << (of.real ? ", real" : "") << (of.inverse ? ", inverse" : "");
    if (of.n > 5000 && maniple_fftw::open() != nullptr) return;  // sums of 9973 terms
    const std::int64_t most = std::max<std::int64_t>(1, of.n / 5);
    EXPECT_EQ(transform(of, x, most, random).elements, whole.elements) << "the bits depend on how lines are cut";
}

class Fft : public testing::Test {
protected:
    void SetUp() override {
        for (const bool real : {false, true}) ASSERT_EQ(open_fast_code(kernel_of(real)), "") << "there is own code";
        const char* const wanted = std::getenv("MANIPLE_FFTW");
        if (wanted == nullptr && maniple_fftw::open() != nullptr) GTEST_SKIP() << maniple_fftw::open();
    }
};

TEST_F(Fft, IsRightForAnyLengthHoweverItIsCut) {
    std::int64_t batch = 0;
    for (const std::int64_t n : {1, 2, 3, 31, 97, 128, 360, 1000, 1155, 4096, 9973, 65536}) {
        batch = n > 4096 ? 1 : batch % 7 + 1;
        for (const auto& [real, inverse] : {std::pair{false, false}, {true, false}, {false, true}}) {
            check<float>({n, batch, real, inverse});
            check<double>({n, batch, real, inverse});
        }
    }
}

TEST_F(Fft, TakesAnyStrides) {
    for (const std::int64_t n : {7, 60, 1000}) {
        check<float>({n, 3, false, false, 5, 2});
        check<double>({n, 3, false, true, 1, n});
        check<double>({n, 2, true, false, 3, 1});
    }
}

TEST_F(Fft, InfinitiesStayInTheirColumns) {
    // Radices 6, 10, 2, 3: the first pass sums every 60th element.
    const Case of = {360, 1};
    std::mt19937 random(1);
    Memory<double> x = sample<double>(of, random), y(of);
    x.at(0, 61, 0) = std::numeric_limits<double>::infinity();
    run_pass(of, 0, x, y, of.n, random);
    for (std::int64_t o = 0; o < of.n; ++o) {
        const bool finite = std::isfinite(y.at(0, o, 0)) && std::isfinite(y.at(0, o, 1));
        EXPECT_EQ(finite, o / 6 != 1) << o;
    }
}

TEST_F(Fft, RunsOnManyThreadsAtOnce) {
    std::atomic<int> wrong{0};
    const auto work = [&](unsigned seed) {
        std::mt19937 random(seed);
        for (const std::int64_t n : {600, 1024, 1001, 630}) {  // plans that are made meanwhile
            const Case of = {n + 10 * static_cast<std::int64_t>(seed % 2), 2, false, seed % 3 == 0};
            Memory<double> x = sample<double>(of, random);
            const Memory<double> whole = transform(of, x, of.n, random);
            for (int i = 0; i < 5; ++i) wrong += transform(of, x, 100, random).elements == whole.elements ? 0 : 1;
            Memory<double> y = whole;
            wrong += error_of(of, x, y, random) < 1e-14 ? 0 : 1;
        }
    };
    std::vector<std::thread> team;
    for (unsigned i = 0; i < 6; ++i) team.emplace_back(work, i);
    for (std::thread& thread : team) thread.join();
    EXPECT_EQ(wrong, 0);
}

TEST_F(Fft, SaysWhoseSumsTheyAre) {
    const std::string text = kernel_of(false).fast_code->describe();
    const bool has_fftw = maniple_fftw::open() == nullptr;
    EXPECT_EQ(text.rfind(has_fftw ? "by hand, with FFTW 3." : "by hand; no FFTW: MANIPLE_FFTW=none", 0), 0u) << text;
}

}  // namespace
}  // namespace maniple
