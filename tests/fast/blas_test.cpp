// OpenBLAS as kernels call it: from all threads at once, with any strides, for the processor that MANIPLE_BLAS_CORE names.
#include "blas.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using maniple_blas::Matrix;
using maniple_blas::multiply;

const char* wanted_core() { return std::getenv("MANIPLE_BLAS_CORE"); }

/// Whether this processor has what the kernels for `core` use.
bool runs(const std::string& core) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (core == "SkylakeX") return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
    if (core == "Haswell" || core == "Zen") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (core == "Sandybridge") return __builtin_cpu_supports("avx");
    return core == "Nehalem" || core == "Prescott";
#else
    return core.empty();
#endif
}

class Blas : public testing::Test {
protected:
    void SetUp() override {
        if (wanted_core() != nullptr && !runs(wanted_core())) GTEST_SKIP() << "no " << wanted_core() << " here";
        const char* const why = maniple_blas::open();
        ASSERT_EQ(why, nullptr) << why;
    }
};

/// A matrix with room around its elements, whose values are small integers: products of them are exact in any order.
template <class T>
struct Sample {
    Sample(std::int64_t rows, std::int64_t columns, std::mt19937& random) {
        const auto draw = [&](std::int64_t most) {
            return std::uniform_int_distribution<std::int64_t>(0, most)(random);
        };
        const std::int64_t step = draw(2) == 0 ? 1 + draw(2) : 1;  // elements that lie apart: BLAS has no words for it
        const bool by_columns = draw(1) == 1;
        const std::int64_t line = step * ((by_columns ? rows : columns) + draw(3));
        row_stride = by_columns ? step : line;
        column_stride = by_columns ? line : step;
        elements.resize(static_cast<std::size_t>(line * std::max<std::int64_t>(by_columns ? columns : rows, 1) + 8));
        for (T& element : elements) element = static_cast<T>(draw(16) - 8);
    }
    T& at(std::int64_t i, std::int64_t j) {
        return elements[static_cast<std::size_t>(i * row_stride + j * column_stride)];
    }
    Matrix<const T> matrix() const { return {elements.data(), row_stride, column_stride}; }

    std::int64_t row_stride = 0, column_stride = 0;
    std::vector<T> elements;
};

/// Whether c becomes what it should, element by element, and nothing else in its memory changes.
template <class T>
bool product_is_exact(std::int64_t m, std::int64_t n, std::int64_t k, bool add, std::mt19937& random) {
    Sample<T> a(m, k, random), b(k, n, random), c(m, n, random);
    Sample<T> expected = c;
    for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
            T sum = add ? c.at(i, j) : T{0};
            for (std::int64_t p = 0; p < k; ++p) sum += a.at(i, p) * b.at(p, j);
            expected.at(i, j) = sum;
        }
    }
    multiply(m, n, k, a.matrix(), b.matrix(), Matrix<T>{c.elements.data(), c.row_stride, c.column_stride}, add);
    return c.elements == expected.elements;
}

/// `count` random products on each of `threads` threads at once; how many were wrong.
template <class T>
int wrong_products(int threads, int count) {
    std::atomic<int> wrong{0};
    const auto work = [&](unsigned seed) {
        std::mt19937 random(seed);
        std::uniform_int_distribution<std::int64_t> extent(0, 70), depth(0, 300), coin(0, 1);
        for (int i = 0; i < count; ++i) {
            const std::int64_t m = extent(random), n = extent(random), k = depth(random);
            wrong += product_is_exact<T>(m, n, k, coin(random) == 1, random) ? 0 : 1;
        }
    };
    std::vector<std::thread> team;
    for (int i = 0; i < threads; ++i) team.emplace_back(work, 100u + static_cast<unsigned>(i));
    for (std::thread& thread : team) thread.join();
    return wrong;
}

TEST_F(Blas, IsOpenForTheProcessorThatWasAskedFor) {
    const std::string text = maniple_blas::describe();
    EXPECT_EQ(text.rfind("OpenBLAS ", 0), 0u) << text;
    const std::string core = wanted_core() == nullptr ? "" : "(" + std::string(wanted_core()) + ")";
    EXPECT_NE(text.find(core), std::string::npos) << text;
    EXPECT_EQ(std::getenv("OPENBLAS_NUM_THREADS"), nullptr) << "the environment is as it was";
}

TEST_F(Blas, ProductsOfIntegersAreExactOnOneThread) {
    EXPECT_EQ(wrong_products<float>(1, 150), 0);
    EXPECT_EQ(wrong_products<double>(1, 150), 0);
}

TEST_F(Blas, ProductsOfIntegersAreExactOnManyThreadsAtOnce) {
    EXPECT_EQ(wrong_products<float>(8, 150), 0);
    EXPECT_EQ(wrong_products<double>(8, 150), 0);
}

TEST_F(Blas, LargeProductsAreExactOnManyThreadsAtOnce) {
    // The work spaces of the calls: where threads share one, whole blocks of a product are wrong.
    constexpr std::int64_t n = 256;
    std::atomic<int> wrong{0};
    const auto work = [&](float scale) {
        std::vector<float> a(n * n, scale), b(n * n, 3), c(n * n);
        for (int i = 0; i < 20; ++i) {
            multiply(n, n, n, Matrix<const float>{a.data(), n, 1}, Matrix<const float>{b.data(), n, 1},
                     Matrix<float>{c.data(), n, 1}, false);
            for (const float element : c) wrong += element == 3 * scale * n ? 0 : 1;
        }
    };
    std::vector<std::thread> team;
    for (int i = 1; i <= 6; ++i) team.emplace_back(work, static_cast<float>(i));
    for (std::thread& thread : team) thread.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
