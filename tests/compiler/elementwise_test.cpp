// Elementwise kernels for every element type, against plain C++.
#include <gtest/gtest.h>

#include "elements.hpp"

namespace maniple {
namespace {

using namespace testing;

/// T,T->bool
template <class T, class Compare>
void check_comparison(const std::string& name, const Compare& compare) {
    check_binary<T, Bool>(name, [&](T a, T b) { return element_of<Bool>(compare(value_of(a), value_of(b))); });
}

TEST(Comparisons, OfEveryType) {
    for_each_type([](auto element) {
        using T = decltype(element);
        check_comparison<T>("less", [](auto a, auto b) { return a < b; });
        check_comparison<T>("less_equal", [](auto a, auto b) { return a <= b; });
        check_comparison<T>("greater", [](auto a, auto b) { return a > b; });
        check_comparison<T>("greater_equal", [](auto a, auto b) { return a >= b; });
        check_comparison<T>("equal", [](auto a, auto b) { return a == b; });
        check_comparison<T>("not_equal", [](auto a, auto b) { return a != b; });
    });
}

TEST(Comparisons, OfNanAndZeros) {
    const Kernel* const kernel = standard_kernel("equal");
    for (const std::string& set : sets_that_run(*kernel)) {
        Grid<float> a(Shape{3}), b(Shape{3});
        Grid<Bool> c(Shape{3});
        a.data() = {NAN, 0.0f, INFINITY, 0};
        b.data() = {NAN, -0.0f, INFINITY, 0};
        call(kernel->variant(types_index(*kernel, "f32,f32->bool"), set)->compute, Box::whole(Shape{3}), Shape{3},
             {c.tensor(), a.tensor(), b.tensor()});
        EXPECT_EQ(c({0}).byte, 0);
        EXPECT_EQ(c({1}).byte, 1);
        EXPECT_EQ(c({2}).byte, 1);
    }
}

TEST(Logic, OfBools) {
    check_binary<Bool, Bool>("logical_and", [](Bool a, Bool b) { return element_of<Bool>(a.byte && b.byte); });
    check_binary<Bool, Bool>("logical_or", [](Bool a, Bool b) { return element_of<Bool>(a.byte || b.byte); });
    check_unary_on<Bool, Bool>("logical_not", {Bool{0}, Bool{1}, Bool{1}},
                               [](Bool x) { return element_of<Bool>(!x.byte); });
}

template <class T>
void check_where(const Shape& c_shape, const Shape& a_shape, const Shape& b_shape, const Shape& space) {
    const Kernel* const kernel = standard_kernel("where");
    ASSERT_NE(kernel, nullptr);
    const std::string type = type_name<T>();
    const std::size_t types = types_index(*kernel, "bool," + type + "," + type + "->" + type);
    for (const std::int64_t gap : {1, 2}) {
        Grid<Bool> c(Box::whole(c_shape), gap);
        Grid<T> a(Box::whole(a_shape), gap), b(Box::whole(b_shape), gap);
        Numbers numbers(31);
        c.fill([&] { return next<Bool>(numbers); });
        a.fill([&] { return next<T>(numbers); });
        b.fill([&] { return next<T>(numbers); });
        for (const std::string& set : sets_that_run(*kernel)) {
            Grid<T> d(Box::whole(space), gap);
            call(kernel->variant(types, set)->compute, Box::whole(space), space,
                 {d.tensor(), c.broadcast(space), a.broadcast(space), b.broadcast(space)});
            int wrong = 0;
            for_each_point(Box::whole(space), [&](const Extents& at) {
                const bool first = c(broadcast_place(c_shape, at)).byte != 0;
                wrong += !same(d(at), first ? a(broadcast_place(a_shape, at)) : b(broadcast_place(b_shape, at)));
            });
            EXPECT_EQ(wrong, 0) << type << " " << set << " gap " << gap << " " << to_string(c_shape);
        }
    }
}

TEST(Where, OfEveryType) {
    for_each_type([](auto element) {
        using T = decltype(element);
        const Shape space{3, 4, 70};
        check_where<T>(space, space, space, space);
        check_where<T>(Shape{4, 1}, space, Shape{}, space);
        check_where<T>(space, Shape{70}, Shape{1, 1}, space);
        check_where<T>(Shape{}, Shape{}, Shape{}, Shape{});
        check_where<T>(Shape{0, 2}, Shape{}, Shape{2}, Shape{0, 2});
    });
}

// f16: numpy computes in f32 and rounds to f16; in f64 and rounded once it is the same for + - * / and sqrt.

TEST(Half, Arithmetic) {
    const auto check = [](const std::string& name, const std::function<double(double, double)>& expected) {
        check_binary<Half, Half>(name,
                                 [&](Half a, Half b) { return element_of<Half>(expected(value_of(a), value_of(b))); });
    };
    check("add", [](double a, double b) { return a + b; });
    check("sub", [](double a, double b) { return a - b; });
    check("mul", [](double a, double b) { return a * b; });
    check("div", [](double a, double b) { return a / b; });
    check("maximum", [](double a, double b) { return a >= b || a != a ? a : b; });
    check("minimum", [](double a, double b) { return a <= b || a != a ? a : b; });
}

std::vector<Half> every_half() {
    std::vector<Half> result;
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) result.push_back(Half{static_cast<std::uint16_t>(bits)});
    return result;
}

TEST(Half, ArithmeticOfEveryPairOfExponents) {
    std::vector<Half> values;
    for (std::uint32_t bits = 0; bits < 0x10000; bits += 97) values.push_back(Half{static_cast<std::uint16_t>(bits)});
    const auto count = std::ssize(values);
    const Shape space{count, count};
    Grid<Half> a(Shape{count, 1}), b(Shape{count});
    for (std::int64_t i = 0; i < count; ++i) a({i, 0}) = b({i}) = values[static_cast<std::size_t>(i)];
    const std::vector<std::pair<std::string, std::function<double(double, double)>>> kernels = {
        {"add", [](double x, double y) { return x + y; }},
        {"mul", [](double x, double y) { return x * y; }},
        {"div", [](double x, double y) { return x / y; }}};
    for (const auto& [name, expected] : kernels) {
        const Kernel* const kernel = standard_kernel(name);
        for (const std::string& set : sets_that_run(*kernel)) {
            Grid<Half> c(space);
            call(kernel->variant(types_index(*kernel, "f16,f16->f16"), set)->compute, Box::whole(space), space,
                 {c.tensor(), a.broadcast(space), b.broadcast(space)});
            int wrong = 0;
            for (std::int64_t i = 0; i < count; ++i) {
                for (std::int64_t k = 0; k < count; ++k) {
                    const Half wanted = element_of<Half>(expected(value_of(a({i, 0})), value_of(b({k}))));
                    wrong += !same(c({i, k}), wanted);
                }
            }
            EXPECT_EQ(wrong, 0) << name << " " << set;
        }
    }
}

TEST(Half, OfOneInput) {
    const auto check = [](const std::string& name, const std::function<double(double)>& expected) {
        check_unary_on<Half, Half>(name, every_half(), [&](Half x) { return element_of<Half>(expected(value_of(x))); });
    };
    check("abs", [](double x) { return std::abs(x); });
    check("neg", [](double x) { return -x; });
    check("sqrt", [](double x) { return std::sqrt(x); });
    check("square", [](double x) { return x * x; });
}

TEST(Half, StencilComputesInF32AndRoundsOnce) {
    const Kernel* const kernel = standard_kernel("heat_step");
    const Shape shape{9, 301};
    Grid<Half> u(Box(Extents{-1, -1}, Extents{10, 302}));
    Numbers numbers(32);
    u.fill([&] { return element_of<Half>(numbers.real()); });
    const auto at = [&](std::int64_t y, std::int64_t x) { return value_of(u({y, x})); };
    for (const std::string& set : sets_that_run(*kernel)) {
        Grid<Half> v(shape);
        call(kernel->variant(types_index(*kernel, "f16->f16"), set)->compute, Box::whole(shape), shape,
             {v.tensor(), u.tensor()}, {real(0.2)});
        int wrong = 0;
        for_each_point(v.box(), [&](const Extents& p) {
            const std::int64_t y = p[0], x = p[1];
            const float sum = ((at(y - 1, x) + at(y + 1, x)) + at(y, x - 1)) + at(y, x + 1);
            wrong += !same(v(p), element_of<Half>(at(y, x) + 0.2f * (sum - 4.0f * at(y, x))));
        });
        EXPECT_EQ(wrong, 0) << set;
    }
}

TEST(Booleans, MaximumAndMinimum) {
    check_binary<Bool, Bool>("maximum", [](Bool a, Bool b) { return element_of<Bool>(a.byte | b.byte); });
    check_binary<Bool, Bool>("minimum", [](Bool a, Bool b) { return element_of<Bool>(a.byte & b.byte); });
}

}  // namespace
}  // namespace maniple
