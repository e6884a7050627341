// The reductions of f16 and bool, and moments: every type, split and merged in random ways, against two passes.
#include <gtest/gtest.h>

#include <random>

#include "fold_call.hpp"

namespace maniple {
namespace {

using namespace testing;

template <class T>
using MomentsOf = std::conditional_t<is_real<T>, T, double>;

struct Moments {
    long double n = 0, mean = 0, variance = 0;
};

/// A value as a number; bools count.
template <class T>
long double number_of(T element) {
    return static_cast<long double>(value_of(element));
}

Extents kept_place(Extents at, unsigned mask) {
    for (int axis = 0; axis < at.rank(); ++axis) {
        if (mask >> axis & 1u) at[axis] = 0;
    }
    return at;
}

template <class T>
Grid<Moments> in_two_passes(const Grid<T>& x, const Box& kept, unsigned mask) {
    Grid<Moments> result(kept);
    for_each_point(x.box(), [&](const Extents& at) {
        Moments& moments = result(kept_place(at, mask));
        moments.n += 1;
        moments.mean += number_of(x(at));
    });
    for_each_point(kept, [&](const Extents& at) { result(at).mean /= result(at).n; });
    for_each_point(x.box(), [&](const Extents& at) {
        Moments& moments = result(kept_place(at, mask));
        const long double distance = number_of(x(at)) - moments.mean;
        moments.variance += distance * distance / moments.n;
    });
    return result;
}

/// Whether `element` is within `error` of `exact`, but for the rounding of its own type.
template <class R>
bool close(R element, long double exact, long double error) {
    const auto low = value_of(element_of<R>(static_cast<double>(exact - error)));
    const auto high = value_of(element_of<R>(static_cast<double>(exact + error)));
    return value_of(element) >= low && value_of(element) <= high;
}

/// Cuts `box` in random places along the axes of `mask` until nothing or chance stops it.
void cut(const Box& box, unsigned mask, std::mt19937& random, std::vector<Box>& parts) {
    const int axis = static_cast<int>(random() % 3);
    if (!(mask >> axis & 1u) || box.extent(axis) < 2 || random() % 4 == 0) {
        parts.push_back(box);
        return;
    }
    const auto first = static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(box.extent(axis) - 1));
    Box low = box, high = box;
    low.hi[axis] = high.lo[axis] = box.lo[axis] + 1 + first;
    cut(low, mask, random, parts);
    cut(high, mask, random, parts);
}

struct State {
    double members[4];
};

/// The boxes of `parts` into states of their own or into the last one, as `random` says; then all merged.
template <class T>
std::vector<State> folded(const maniple_variant& variant, const Shape& shape, unsigned mask, Grid<T>& x,
                          const std::vector<Box>& parts, std::mt19937& random) {
    const auto count = static_cast<std::size_t>(element_count(shape)) + 1;
    std::vector<std::vector<State>> states;
    Box kept;
    for (const Box& part : parts) {
        const bool fresh = states.empty() || random() % 2 == 0;
        if (fresh) states.emplace_back(count);
        const Reduced r = reduced(shape, mask, states.back().data(), nullptr);
        kept = r.kept;
        if (fresh) call(variant.init, r.kept, shape, {r.state});
        call(variant.accumulate, part, shape, {r.state, x.tensor()});
    }
    const maniple_tensor into = reduced(shape, mask, states[0].data(), nullptr).state;
    for (std::size_t i = 1; i < states.size(); ++i) {
        call(variant.merge, kept, shape, {into, reduced(shape, mask, states[i].data(), nullptr).state});
    }
    return states[0];
}

template <class T>
void check_moments(const Shape& shape, unsigned mask, Grid<T>& x, const std::string& what) {
    using R = MomentsOf<T>;
    const Kernel* const kernel = standard_kernel("moments");
    const std::string out = type_name<R>();
    const std::size_t types = types_index(*kernel, std::string(type_name<T>()) + "->" + out + "," + out);
    const Box kept = reduced(shape, mask, nullptr, nullptr).kept;
    const Grid<Moments> expected = in_two_passes(x, kept, mask);
    std::mt19937 random(43);
    for (const std::string& set : sets_that_run(*kernel)) {
        const maniple_variant& variant = *kernel->variant(types, set);
        ASSERT_EQ(variant.state_bytes, static_cast<std::int32_t>(sizeof(State)));
        for (int turn = 0; turn < 3; ++turn) {
            std::vector<Box> parts;
            if (turn == 0) parts = {Box::whole(shape)};
            if (turn > 0) cut(Box::whole(shape), mask, random, parts);
            std::vector<State> states = folded(variant, shape, mask, x, parts, random);
            Grid<R> mean(kept), variance(kept);
            const Reduced r = reduced(shape, mask, states.data(), nullptr);
            call(variant.finish, kept, shape, {mean.broadcast(shape), variance.broadcast(shape), r.state});
            int wrong = 0;
            for_each_point(kept, [&](const Extents& at) {
                const Moments& m = expected(at);
                // The condition of the variance: size / deviation times its relative rounding.
                const long double size = std::sqrt(m.variance + m.mean * m.mean);
                wrong += !close(mean(at), m.mean, size * 1e-14L);
                wrong += !close(variance(at), m.variance, m.variance * 1e-12L + size * std::sqrt(m.variance) * 5e-16L);
            });
            EXPECT_EQ(wrong, 0) << what << " " << type_name<T>() << " " << set << " " << to_string(shape) << " mask "
                                << mask << " in " << parts.size() << " parts";
        }
    }
}

template <class T>
T finite(Numbers& numbers) {
    if constexpr (is_real<T>) {
        return element_of<T>(numbers.real());
    } else {
        return next<T>(numbers);
    }
}

TEST(Moments, OfEveryTypeSplitAndMerged) {
    for_each_type([](auto element) {
        using T = decltype(element);
        for (const Shape& shape : fold_shapes) {
            for (unsigned mask = 0; mask < 8; ++mask) {
                for (const std::int64_t gap : {1, 2}) {
                    Grid<T> x(Box::whole(shape), gap);
                    Numbers numbers(42);
                    x.fill([&] { return finite<T>(numbers); });
                    check_moments(shape, mask, x, "random");
                }
            }
        }
    });
}

TEST(Moments, FarFromZeroAndOutliersKeepTheirDigits) {
    const Shape shape{3, 7, 1000};
    for (const unsigned mask : {7u, 4u, 3u}) {
        Grid<double> x(shape);
        Numbers numbers(44);
        x.fill([&] { return 1e9 + numbers.real(); });
        check_moments(shape, mask, x, "far");
        x({0, 0, 0}) = 0;
        check_moments(shape, mask, x, "far but one");
        x.fill([&] { return numbers.real(); });
        x({0, 0, 0}) = 1e12;
        check_moments(shape, mask, x, "an outlier first");
        x.fill([&] { return 3.0; });
        check_moments(shape, mask, x, "all equal");
    }
}

/// mean and variance of `values` as f64, in `set`.
std::pair<double, double> moments_of(const std::vector<double>& values, const std::string& set) {
    const Kernel* const kernel = standard_kernel("moments");
    const maniple_variant& variant = *kernel->variant(types_index(*kernel, "f64->f64,f64"), set);
    const Shape shape{std::ssize(values)};
    Grid<double> x(shape), mean(Shape{1}), variance(Shape{1});
    for (std::int64_t i = 0; i < shape[0]; ++i) x({i}) = values[static_cast<std::size_t>(i)];
    std::vector<State> state(1);
    const Reduced r = reduced(shape, 1, state.data(), nullptr);
    call(variant.init, r.kept, shape, {r.state});
    call(variant.accumulate, Box::whole(shape), shape, {r.state, x.tensor()});
    call(variant.finish, r.kept, shape, {mean.broadcast(shape), variance.broadcast(shape), r.state});
    return {mean({0}), variance({0})};
}

TEST(Moments, OfNothingNanAndInfinity) {
    for (const std::string& set : sets_that_run(*standard_kernel("moments"))) {
        SCOPED_TRACE(set);
        EXPECT_TRUE(std::isnan(moments_of({}, set).first));
        EXPECT_TRUE(std::isnan(moments_of({}, set).second));
        EXPECT_EQ(moments_of({7.5}, set), std::make_pair(7.5, 0.0));
        std::vector<double> values(50, 2.0);
        EXPECT_EQ(moments_of(values, set), std::make_pair(2.0, 0.0));
        values[20] = INFINITY;
        EXPECT_EQ(moments_of(values, set).first, INFINITY);
        EXPECT_TRUE(std::isnan(moments_of(values, set).second));
        values[33] = NAN;
        EXPECT_TRUE(std::isnan(moments_of(values, set).first));
        EXPECT_TRUE(std::isnan(moments_of(values, set).second));
    }
}

/// `name` of T->R with states of S over every choice of axes; expected: `finish` of the values folded by `step`.
template <class T, class R, class S, class Sum>
void check_reduction(const std::string& name, Sum start, const std::function<Sum(Sum, T)>& step) {
    const Kernel* const kernel = standard_kernel(name);
    ASSERT_NE(kernel, nullptr);
    for (const Shape& shape : fold_shapes) {
        for (unsigned mask = 0; mask < 8; ++mask) {
            for (const bool special : {false, true}) {
                Grid<T> x(Box::whole(shape), special ? 2 : 1);
                Numbers numbers(45);
                x.fill([&] { return special ? next<T>(numbers) : finite<T>(numbers); });
                Grid<Sum> expected(reduced(shape, mask, nullptr, nullptr).kept, 1, start);
                for_each_point(x.box(), [&](const Extents& at) {
                    Sum& sum = expected(kept_place(at, mask));
                    sum = step(sum, x(at));
                });
                for (const std::string& set : sets_that_run(*kernel)) {
                    const std::vector<R> result = reduce<T, R, S>(*kernel, set, shape, mask, x, {x.box()});
                    int wrong = 0;
                    for (std::size_t i = 0; i < result.size(); ++i) {
                        wrong += !same(result[i], element_of<R>(expected.data()[i]));
                    }
                    EXPECT_EQ(wrong, 0) << name << " " << type_name<T>() << " " << set << " " << to_string(shape);
                }
            }
        }
    }
}

TEST(Reductions, OfF16) {
    // In f64 sums of so few halves are exact in any order.
    check_reduction<Half, Half, double, double>("sum", 0, [](double s, Half x) { return s + value_of(x); });
    check_reduction<Half, Half, float, float>(
        "max", -INFINITY, [](float s, Half x) { return std::isnan(s) || s >= value_of(x) ? s : value_of(x); });
    check_reduction<Half, Half, float, float>(
        "min", INFINITY, [](float s, Half x) { return std::isnan(s) || s <= value_of(x) ? s : value_of(x); });
}

TEST(Reductions, OfBools) {
    check_reduction<Bool, std::int64_t, std::int64_t, std::int64_t>("sum", 0,
                                                                    [](std::int64_t s, Bool x) { return s + x.byte; });
    check_reduction<Bool, Bool, std::uint8_t, int>("max", 0, [](int s, Bool x) { return s | x.byte; });
    check_reduction<Bool, Bool, std::uint8_t, int>("min", 1, [](int s, Bool x) { return s & x.byte; });
}

TEST(Reductions, OfEveryIntegerAndRealByMax) {
    check_reduction<std::uint8_t, std::uint8_t, std::uint8_t, int>(
        "max", 0, [](int s, std::uint8_t x) { return std::max<int>(s, x); });
    check_reduction<double, double, double, double>("max", -INFINITY,
                                                    [](double s, double x) { return std::isnan(s) || s >= x ? s : x; });
    check_reduction<std::uint32_t, std::int64_t, std::int64_t, std::int64_t>(
        "sum", 0, [](std::int64_t s, std::uint32_t x) { return s + x; });
}

TEST(Reductions, SumOfF16OverflowsOnlyAtTheEnd) {
    const Kernel* const kernel = standard_kernel("sum");
    Grid<Half> x(Box::whole(Shape{200}), 1, Half{half_of(60000)});
    for (std::int64_t i = 100; i < 200; ++i) x({i}) = Half{half_of(-59968)};
    for (const std::string& set : sets_that_run(*kernel)) {
        EXPECT_EQ(value_of(reduce<Half, Half, double>(*kernel, set, Shape{200}, 1, x, {x.box()})[0]), 3200.0f);
        const Box half(Extents{0}, Extents{100});
        EXPECT_EQ(value_of(reduce<Half, Half, double>(*kernel, set, Shape{200}, 1, x, {half})[0]), INFINITY);
    }
}

}  // namespace
}  // namespace maniple
