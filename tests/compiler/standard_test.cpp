// The standard kernels against plain loops, and the instruction sets against each other, bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "elements.hpp"
#include "fold_call.hpp"

namespace maniple {
namespace {

using namespace testing;

const KernelRegistry& registry() {
    static const KernelRegistry result(standard_kernels());
    return result;
}

/// Equal bytes, which for NaN is more than ==.
template <class T>
bool same_bytes(Grid<T>& a, Grid<T>& b) {
    return std::memcmp(a.data().data(), b.data().data(), a.data().size() * sizeof(T)) == 0;
}

/// Arithmetic that wraps.
template <class T>
struct Wrapping {
    static T add(T a, T b) { return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b)); }
    static T subtract(T a, T b) {
        return static_cast<T>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
    }
    static T multiply(T a, T b) {
        return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    }
};

template <class T>
void check_arithmetic() {
    if constexpr (std::is_floating_point_v<T>) {
        check_binary<T, T>("add", [](T a, T b) { return a + b; });
        check_binary<T, T>("sub", [](T a, T b) { return a - b; });
        check_binary<T, T>("mul", [](T a, T b) { return a * b; });
        check_binary<T, T>("div", [](T a, T b) { return a / b; });
    } else {
        check_binary<T, T>("add", Wrapping<T>::add);
        check_binary<T, T>("sub", Wrapping<T>::subtract);
        check_binary<T, T>("mul", Wrapping<T>::multiply);
        check_binary<T, double>("div", [](T a, T b) { return static_cast<double>(a) / static_cast<double>(b); });
    }
    // NaN wins, the first of two; of equals the first.
    check_binary<T, T>("maximum", [](T a, T b) { return a >= b || a != a ? a : b; });
    check_binary<T, T>("minimum", [](T a, T b) { return a <= b || a != a ? a : b; });
}

TEST(StandardKernels, ArithmeticF32) { check_arithmetic<float>(); }
TEST(StandardKernels, ArithmeticF64) { check_arithmetic<double>(); }
TEST(StandardKernels, ArithmeticI32) { check_arithmetic<std::int32_t>(); }
TEST(StandardKernels, ArithmeticI64) { check_arithmetic<std::int64_t>(); }
TEST(StandardKernels, ArithmeticU8) { check_arithmetic<std::uint8_t>(); }
TEST(StandardKernels, ArithmeticU32) { check_arithmetic<std::uint32_t>(); }

TEST(StandardKernels, ArithmeticOfBools) {
    for (const auto& [name, table] :
         {std::pair<const char*, std::vector<std::uint8_t>>{"add", {0, 1, 1, 1}}, {"mul", {0, 0, 0, 1}}}) {
        const Kernel* const kernel = registry().find(name);
        for (const std::string& set : sets_that_run(*kernel)) {
            Grid<std::uint8_t> a(Shape{4}), b(Shape{4}), c(Shape{4});
            a.data() = {0, 0, 1, 1, 0};
            b.data() = {0, 1, 0, 1, 0};
            call(kernel->variant(types_index(*kernel, "bool,bool->bool"), set)->compute, Box::whole(Shape{4}), Shape{4},
                 {c.tensor(), a.tensor(), b.tensor()});
            c.data().resize(4);
            EXPECT_EQ(c.data(), table) << name << " " << set;
        }
    }
}

template <class T>
void check_unary(const std::string& name, const std::function<T(T)>& expected) {
    for (const int count : {1, 7, 255, 1000}) {
        std::vector<T> values = {std::numeric_limits<T>::lowest()};
        Numbers numbers(22);
        while (std::ssize(values) < count) values.push_back(next<T>(numbers));
        check_unary_on<T, T>(name, values, expected);
    }
}

TEST(StandardKernels, OfOneInput) {
    check_unary<float>("neg", [](float x) { return -x; });
    check_unary<std::uint8_t>("neg", [](std::uint8_t x) { return Wrapping<std::uint8_t>::subtract(0, x); });
    check_unary<std::int32_t>("neg", [](std::int32_t x) { return Wrapping<std::int32_t>::subtract(0, x); });
    check_unary<double>("abs", [](double x) { return std::fabs(x); });
    check_unary<std::int64_t>("abs", [](std::int64_t x) { return x < 0 ? Wrapping<std::int64_t>::subtract(0, x) : x; });
    check_unary<float>("sqrt", [](float x) { return std::sqrt(x); });
    check_unary<double>("square", [](double x) { return x * x; });
    check_unary<std::int32_t>("square", [](std::int32_t x) { return Wrapping<std::int32_t>::multiply(x, x); });
}

TEST(StandardKernels, HeatStepOnOddBoxesAndStrides) {
    const Kernel* const kernel = registry().find("heat_step");
    const Shape shape{23, 601};
    const std::vector<Box> boxes = {Box::whole(shape), Box(Extents{3, 1}, Extents{4, 600}),
                                    Box(Extents{0, 5}, Extents{23, 6}), Box(Extents{7, 7}, Extents{7, 9}),
                                    Box(Extents{20, 590}, Extents{23, 601})};
    for (const std::int64_t gap : {1, 2}) {
        Grid<float> u(Box(Extents{-1, -1}, Extents{24, 602}), gap);
        Numbers numbers(23);
        u.fill([&] { return static_cast<float>(numbers.real()); });
        for (const Box& box : boxes) {
            Grid<float> expected(Box::whole(shape), gap, -7.0f);
            const float alpha = static_cast<float>(0.2);
            for_each_point(box, [&](const Extents& at) {
                const std::int64_t y = at[0], x = at[1];
                expected(at) = u(at) + alpha * ((((u({y - 1, x}) + u({y + 1, x})) + u({y, x - 1})) + u({y, x + 1})) -
                                                4.0f * u(at));
            });
            for (const std::string& set : sets_that_run(*kernel)) {
                Grid<float> v(Box::whole(shape), gap, -7.0f);
                EXPECT_EQ(call(kernel->variant(0, set)->compute, box, shape, {v.tensor(), u.tensor()}, {real(0.2)}), 0);
                EXPECT_TRUE(same_bytes(v, expected)) << set << " " << to_string(box) << " gap " << gap;
            }
        }
    }
}

TEST(StandardKernels, GradientMagnitude) {
    const Kernel* const kernel = registry().find("gradient_magnitude");
    const Shape shape{5, 300};
    Grid<double> u(Box(Extents{-1, -1}, Extents{6, 301})), expected(shape);
    Numbers numbers(24);
    u.fill([&] { return numbers.real(); });
    for_each_point(expected.box(), [&](const Extents& at) {
        const double gx = (u({at[0], at[1] + 1}) - u({at[0], at[1] - 1})) / 2;
        const double gy = (u({at[0] + 1, at[1]}) - u({at[0] - 1, at[1]})) / 2;
        expected(at) = std::sqrt(gx * gx + gy * gy);
    });
    for (const std::string& set : sets_that_run(*kernel)) {
        Grid<double> v(shape);
        call(kernel->variant(1, set)->compute, expected.box(), shape, {v.tensor(), u.tensor()});
        EXPECT_TRUE(same_bytes(v, expected)) << set;
    }
}

// Folds.

template <class T, class R, class State>
void check_fold(const std::string& name, R start, const std::function<R(R, T)>& step) {
    const Kernel* const kernel = registry().find(name);
    ASSERT_NE(kernel, nullptr);
    for (const Shape& shape : fold_shapes) {
        for (unsigned mask = 0; mask < 8; ++mask) {
            for (const std::int64_t gap : {1, 2}) {
                Grid<T> x(Box::whole(shape), gap);
                Numbers numbers(25);
                x.fill([&] { return static_cast<T>(std::is_floating_point_v<T> ? 0 : numbers.integer()); });
                if constexpr (std::is_floating_point_v<T>) x.fill([&] { return static_cast<T>(numbers.real()); });
                std::vector<R> bits;
                Grid<R> expected(reduced(shape, mask, nullptr, nullptr).kept, 1, start);
                for_each_point(x.box(), [&](const Extents& at) {
                    Extents place = at;
                    for (int axis = 0; axis < 3; ++axis) {
                        if (mask >> axis & 1u) place[axis] = 0;
                    }
                    expected(place) = step(expected(place), x(at));
                });
                for (const std::string& set : sets_that_run(*kernel)) {
                    const std::vector<R> result = reduce<T, R, State>(*kernel, set, shape, mask, x, {x.box()});
                    for (std::size_t i = 0; i < result.size(); ++i) {
                        const double wanted = static_cast<double>(expected.data()[i]);
                        const double bound = std::is_floating_point_v<R> ? 1e-5 * (std::abs(wanted) + 1) : 0;
                        EXPECT_NEAR(static_cast<double>(result[i]), wanted, bound)
                            << name << " " << set << " " << to_string(shape);
                    }
                    if (set == "checked") continue;
                    if (bits.empty()) bits = result;
                    EXPECT_EQ(std::memcmp(bits.data(), result.data(), bits.size() * sizeof(R)), 0) << set;
                }
            }
        }
    }
}

TEST(StandardFolds, Sum) {
    check_fold<float, float, double>("sum", 0, [](float s, float x) { return s + x; });
    check_fold<double, double, double>("sum", 0, [](double s, double x) { return s + x; });
    check_fold<std::uint8_t, std::int64_t, std::int64_t>("sum", 0,
                                                         [](std::int64_t s, std::uint8_t x) { return s + x; });
    check_fold<std::int32_t, std::int64_t, std::int64_t>("sum", 0,
                                                         [](std::int64_t s, std::int32_t x) { return s + x; });
    check_fold<std::int64_t, std::int64_t, std::int64_t>("sum", 0, Wrapping<std::int64_t>::add);
}

TEST(StandardFolds, MaxAndMin) {
    check_fold<float, float, float>("max", -INFINITY, [](float s, float x) { return std::max(s, x); });
    check_fold<double, double, double>("min", INFINITY, [](double s, double x) { return std::min(s, x); });
    check_fold<std::uint32_t, std::uint32_t, std::uint32_t>(
        "min", ~0u, [](std::uint32_t s, std::uint32_t x) { return std::min(s, x); });
    check_fold<std::int64_t, std::int64_t, std::int64_t>("max", std::numeric_limits<std::int64_t>::min(),
                                                         [](std::int64_t s, std::int64_t x) { return std::max(s, x); });
}

TEST(StandardFolds, NanGoesThroughMaxAndMin) {
    for (const char* const name : {"max", "min"}) {
        const Kernel* const kernel = registry().find(name);
        for (const std::string& set : sets_that_run(*kernel)) {
            for (std::int64_t place = 0; place < 70; place += 3) {
                Grid<float> x(Box::whole(Shape{70}), 1, 1.0f);
                x({place}) = NAN;
                EXPECT_TRUE(std::isnan((reduce<float, float, float>(*kernel, set, Shape{70}, 1, x, {x.box()})[0])))
                    << set;
                EXPECT_EQ((reduce<float, float, float>(*kernel, set, Shape{70}, 1, x, {})[0]),
                          std::string(name) == "max" ? -INFINITY : INFINITY);
            }
        }
    }
}

TEST(StandardFolds, SumOfF32RoundsOnce) {
    const Kernel* const kernel = registry().find("sum");
    const std::int64_t count = 100001;
    Grid<float> x(Box::whole(Shape{count}), 1, 0.1f);
    for (const std::string& set : sets_that_run(*kernel)) {
        const float sum = reduce<float, float, double>(*kernel, set, Shape{count}, 1, x, {x.box()})[0];
        EXPECT_EQ(sum, static_cast<float>(static_cast<double>(0.1f) * count));
    }
}

/// The bits of a sum depend on the boxes along the contracted axes, never on how the kept ones are cut or where the
/// elements lie in memory.
TEST(StandardFolds, BitsDoNotDependOnTheCutOfKeptAxesOrOnStrides) {
    const Kernel* const kernel = registry().find("sum");
    const Shape shape{6, 40, 5};
    Grid<double> x(shape), spaced(Box::whole(shape), 3);
    Numbers numbers(26);
    x.fill([&] { return numbers.real(); });
    for_each_point(x.box(), [&](const Extents& at) { spaced(at) = x(at); });
    for (const std::string& set : sets_that_run(*kernel)) {
        for (unsigned mask = 0; mask < 8; ++mask) {
            const auto whole = reduce<double, double, double>(*kernel, set, shape, mask, x, {x.box()});
            const auto apart = reduce<double, double, double>(*kernel, set, shape, mask, spaced, {x.box()});
            EXPECT_EQ(std::memcmp(whole.data(), apart.data(), whole.size() * sizeof(double)), 0) << set << " " << mask;
            for (int axis = 0; axis < 3; ++axis) {
                if (mask >> axis & 1u) continue;
                std::vector<Box> slices;
                for (std::int64_t i = 0; i < shape[axis]; ++i) {
                    Box slice = x.box();
                    slice.lo[axis] = i;
                    slice.hi[axis] = i + 1;
                    slices.push_back(slice);
                }
                const auto cut = reduce<double, double, double>(*kernel, set, shape, mask, x, slices);
                EXPECT_EQ(std::memcmp(whole.data(), cut.data(), whole.size() * sizeof(double)), 0)
                    << set << " " << mask << " axis " << axis;
            }
        }
    }
}

}  // namespace
}  // namespace maniple
