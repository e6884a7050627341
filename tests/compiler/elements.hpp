// The element types of tensors as C++ types, random ones of each, and elementwise kernels run in every instruction set.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "kernel_call.hpp"
#include "tensor/half.hpp"

namespace maniple::testing {

struct Half {
    std::uint16_t bits = 0;
};
struct Bool {
    std::uint8_t byte = 0;
};

template <class T>
constexpr const char* type_name() {
    if constexpr (std::is_same_v<T, float>) return "f32";
    if constexpr (std::is_same_v<T, double>) return "f64";
    if constexpr (std::is_same_v<T, Half>) return "f16";
    if constexpr (std::is_same_v<T, std::int32_t>) return "i32";
    if constexpr (std::is_same_v<T, std::int64_t>) return "i64";
    if constexpr (std::is_same_v<T, std::uint8_t>) return "u8";
    if constexpr (std::is_same_v<T, std::uint32_t>) return "u32";
    if constexpr (std::is_same_v<T, Bool>) return "bool";
    return "?";
}

/// Calls `visit` with an element of each of the eight types.
template <class Visit>
void for_each_type(const Visit& visit) {
    visit(float{}), visit(double{}), visit(Half{}), visit(std::int32_t{});
    visit(std::int64_t{}), visit(std::uint8_t{}), visit(std::uint32_t{}), visit(Bool{});
}

/// Whether elements are floating, as a value.
template <class T>
constexpr bool is_real = std::is_floating_point_v<T> || std::is_same_v<T, Half>;

/// What an element means: a half is a float, a Bool a bool.
template <class T>
auto value_of(T element) {
    if constexpr (std::is_same_v<T, Half>) {
        return float_of_half(element.bits);
    } else if constexpr (std::is_same_v<T, Bool>) {
        return element.byte != 0;
    } else {
        return element;
    }
}

/// A value as an element, rounded once.
template <class T, class Value>
T element_of(Value value) {
    if constexpr (std::is_same_v<T, Half>) {
        return Half{half_of(static_cast<double>(value))};
    } else if constexpr (std::is_same_v<T, Bool>) {
        return Bool{static_cast<std::uint8_t>(value != Value{})};
    } else {
        return static_cast<T>(value);
    }
}

/// Equal bits; every NaN is one.
template <class T>
bool same(T a, T b) {
    if constexpr (is_real<T>) {
        if (std::isnan(value_of(a)) && std::isnan(value_of(b))) return true;
    }
    return std::memcmp(&a, &b, sizeof(T)) == 0;
}

/// A random element; a few are NaN, infinite, -0 or an end of the type.
template <class T>
T next(Numbers& numbers) {
    const std::int64_t kind = numbers.integer() & 63;
    if constexpr (std::is_same_v<T, Bool>) {
        return Bool{static_cast<std::uint8_t>(kind & 1)};
    } else if constexpr (is_real<T>) {
        if (kind == 0) return element_of<T>(std::numeric_limits<double>::quiet_NaN());
        if (kind == 1) return element_of<T>(std::numeric_limits<double>::infinity());
        if (kind == 2) return element_of<T>(-0.0);
        if (kind == 3) return element_of<T>(-std::numeric_limits<double>::infinity());
        if (kind < 8) return element_of<T>(numbers.real() * 0x1p-20);
        return element_of<T>(numbers.real());
    } else {
        if (kind == 0) return std::numeric_limits<T>::lowest();
        if (kind == 1) return std::numeric_limits<T>::max();
        if (kind < 4) return T{};
        return static_cast<T>(numbers.integer());
    }
}

/// Where the element of a tensor of `shape` stands that is broadcast to the point `at` of `space`.
inline Extents broadcast_place(const Shape& shape, const Extents& at) {
    Extents result(shape.rank());
    for (int axis = 0; axis < shape.rank(); ++axis) {
        result[axis] = shape[axis] == 1 ? 0 : at[at.rank() - shape.rank() + axis];
    }
    return result;
}

inline bool inside(const Box& box, const Extents& at) {
    bool result = true;
    for (int axis = 0; axis < box.rank(); ++axis)
        result = result && at[axis] >= box.lo[axis] && at[axis] < box.hi[axis];
    return result;
}

inline const Kernel* standard_kernel(const std::string& name) {
    static const KernelRegistry registry(standard_kernels());
    return registry.find(name);
}

/// One call of an elementwise kernel of two inputs, T,T->R: points outside `box` must stay as they were.
template <class T, class R>
void check_binary_on(const std::string& name, const std::function<R(T, T)>& expected, const Shape& space,
                     const Shape& a_shape, const Shape& b_shape, const Box& box, std::int64_t gap) {
    const Kernel* const kernel = standard_kernel(name);
    ASSERT_NE(kernel, nullptr) << name;
    const std::string in = type_name<T>();
    const std::size_t types = types_index(*kernel, in + "," + in + "->" + type_name<R>());
    Grid<T> a(Box::whole(a_shape), gap), b(Box::whole(b_shape), gap);
    Numbers numbers(21);
    a.fill([&] { return next<T>(numbers); });
    b.fill([&] { return next<T>(numbers); });
    for (const std::string& set : sets_that_run(*kernel)) {
        Grid<R> c(Box::whole(space), gap);
        EXPECT_EQ(call(kernel->variant(types, set)->compute, box, space,
                       {c.tensor(), a.broadcast(space), b.broadcast(space)}),
                  0);
        int wrong = 0;
        for_each_point(Box::whole(space), [&](const Extents& at) {
            const bool computed = inside(box, at);
            wrong += !same(c(at),
                           computed ? expected(a(broadcast_place(a_shape, at)), b(broadcast_place(b_shape, at))) : R{});
        });
        EXPECT_EQ(wrong, 0) << name << " " << in << " " << set << " gap " << gap << " " << to_string(a_shape) << " "
                            << to_string(b_shape);
    }
}

/// Runs a kernel of two inputs on shapes that broadcast in many ways, on none and on a 0-d one.
template <class T, class R>
void check_binary(const std::string& name, const std::function<R(T, T)>& expected) {
    const Shape space{4, 5, 77};
    const std::vector<std::pair<Shape, Shape>> shapes = {
        {space, space},         {space, Shape{77}}, {space, Shape{}}, {Shape{}, space}, {Shape{4, 1, 77}, Shape{5, 1}},
        {Shape{4, 5, 1}, space}};
    for (const std::pair<Shape, Shape>& pair : shapes) {
        for (const std::int64_t gap : {1, 3}) {
            check_binary_on<T, R>(name, expected, space, pair.first, pair.second,
                                  Box(Extents{1, 0, 3}, Extents{4, 5, 76}), gap);
        }
    }
    check_binary_on<T, R>(name, expected, Shape{1000}, Shape{1000}, Shape{1000}, Box::whole(Shape{1000}), 1);
    check_binary_on<T, R>(name, expected, Shape{}, Shape{}, Shape{}, Box::whole(Shape{}), 1);
    check_binary_on<T, R>(name, expected, Shape{3, 0}, Shape{3, 0}, Shape{}, Box::whole(Shape{3, 0}), 1);
}

/// Runs a kernel of one input, T->R, on `values`, dense and spread out, and on a 0-d tensor.
template <class T, class R>
void check_unary_on(const std::string& name, const std::vector<T>& values, const std::function<R(T)>& expected) {
    const Kernel* const kernel = standard_kernel(name);
    ASSERT_NE(kernel, nullptr) << name;
    const std::size_t types = types_index(*kernel, std::string(type_name<T>()) + "->" + type_name<R>());
    const Shape shape{std::ssize(values)};
    for (const std::string& set : sets_that_run(*kernel)) {
        for (const std::int64_t gap : {1, 2}) {
            Grid<T> x(Box::whole(shape), gap);
            Grid<R> y(Box::whole(shape), gap);
            for (std::int64_t i = 0; i < shape[0]; ++i) x({i}) = values[static_cast<std::size_t>(i)];
            call(kernel->variant(types, set)->compute, Box::whole(shape), shape, {y.tensor(), x.tensor()});
            int wrong = 0;
            std::int64_t first = -1;
            for (std::int64_t i = 0; i < shape[0]; ++i) {
                if (same(y({i}), expected(x({i})))) continue;
                if (wrong++ == 0) first = i;
            }
            EXPECT_EQ(wrong, 0) << name << " " << kernel->tables[0]->variants[types].types << " " << set
                                << ", the first is " << first << ": "
                                << +value_of(values[static_cast<std::size_t>(std::max<std::int64_t>(first, 0))]);
        }
        Grid<T> x{Shape{}};
        Grid<R> y{Shape{}};
        if (!values.empty()) x(Extents(0)) = values[0];
        call(kernel->variant(types, set)->compute, Box::whole(Shape{}), Shape{}, {y.tensor(), x.tensor()});
        EXPECT_TRUE(same(y(Extents(0)), expected(x(Extents(0))))) << name << " " << set;
    }
}

}  // namespace maniple::testing
