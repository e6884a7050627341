// The kernels of tests/compiler/kernels, in every instruction set, against plain loops.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernel_call.hpp"

extern "C" const maniple_pack maniple_pack_test;

namespace maniple {
namespace {

using namespace testing;

const KernelRegistry& registry() {
    static const KernelRegistry result(maniple_pack_test);
    return result;
}

/// Runs `body(function, set)` for every instruction set of a kernel without a fold.
void for_each_set(const std::string& name, const std::string& types,
                  const std::function<void(maniple_function, const std::string&)>& body) {
    const Kernel* const kernel = registry().find(name);
    ASSERT_NE(kernel, nullptr) << name;
    for (const std::string& set : sets_that_run(*kernel)) {
        SCOPED_TRACE(name + " " + types + " " + set);
        body(kernel->variant(types_index(*kernel, types), set)->compute, set);
    }
}

/// Folds a box with a fresh state for each element of `kept`: init, accumulate over `boxes`, finish.
void fold(const maniple_variant& variant, const Box& kept, const std::vector<Box>& boxes, const Shape& extent,
          maniple_tensor state, const std::vector<maniple_tensor>& inputs, std::vector<maniple_tensor> outputs) {
    call(variant.init, kept, extent, {state});
    std::vector<maniple_tensor> tensors = {state};
    tensors.insert(tensors.end(), inputs.begin(), inputs.end());
    for (const Box& box : boxes) EXPECT_EQ(call(variant.accumulate, box, extent, tensors), 0);
    outputs.push_back(state);
    call(variant.finish, kept, extent, outputs);
}

TEST(Generated, LoopsOverAHaloParameter) {
    for_each_set("box_blur", "f64->f64", [](maniple_function function, const std::string&) {
        const Shape shape{9, 13};
        Grid<double> u(Box(Extents{-2, -2}, Extents{11, 15}));
        Grid<double> v(shape);
        Numbers numbers(1);
        u.fill([&] { return numbers.real(); });
        const Box box(Extents{1, 2}, Extents{8, 13});
        EXPECT_EQ(call(function, box, shape, {v.tensor(), u.tensor()}, {integer(2)}), 0);
        for_each_point(box, [&](const Extents& at) {
            double total = 0;
            for (int dy = -2; dy <= 2; ++dy) {
                for (int dx = -2; dx <= 2; ++dx) total += u({at[0] + dy, at[1] + dx});
            }
            EXPECT_EQ(v(at), total / 25.0);
        });
        EXPECT_EQ(v({0, 0}), 0);
        EXPECT_EQ(v({8, 12}), 0);
    });
}

TEST(Generated, CheckedVariantSeesWhatIsNotThere) {
    for_each_set("box_blur", "f32->f32", [](maniple_function function, const std::string& set) {
        if (set != "checked") return;
        const Shape shape{6, 6};
        Grid<float> u(Box(Extents{-1, -1}, Extents{7, 7}));
        Grid<float> v(shape);
        EXPECT_EQ(call(function, Box::whole(shape), shape, {v.tensor(), u.tensor()}, {integer(1)}), 0);
        EXPECT_EQ(call(function, Box::whole(shape), shape, {v.tensor(), u.tensor()}, {integer(2)}), 2);
        const Box outside(Extents{0, 0}, Extents{6, 7});
        EXPECT_EQ(call(function, outside, shape, {v.tensor(), u.tensor()}, {integer(0)}), 1);
    });
}

TEST(Generated, WholeIndex) {
    for_each_set("row_share", "f32->f32", [](maniple_function function, const std::string&) {
        const Shape shape{5, 7};
        Grid<float> x(shape), y(shape);
        Numbers numbers(2);
        x.fill([&] { return static_cast<float>(numbers.real()); });
        call(function, Box(Extents{1, 0}, Extents{5, 7}), shape, {y.tensor(), x.tensor()});
        for_each_point(Box(Extents{1, 0}, Extents{5, 7}), [&](const Extents& at) {
            float total = 0;
            for (std::int64_t j = 0; j < 7; ++j) total += x({at[0], j});
            EXPECT_EQ(y(at), x(at) / total + 7.0f - 7.0f);
        });
        EXPECT_EQ(y({0, 3}), 0);
    });
}

TEST(Generated, WholeAxis) {
    for_each_set("pull", "f64,f64->f64", [](maniple_function function, const std::string&) {
        Grid<double> p(Shape{11}), q(Shape{6}), f(Shape{6});
        Numbers numbers(3);
        p.fill([&] { return numbers.real(); });
        q.fill([&] { return numbers.real(); });
        call(function, Box::whole(Shape{6}), Shape{6}, {f.tensor(), p.tensor(), q.tensor()}, {real(0.25)});
        for (std::int64_t i = 0; i < 6; ++i) {
            double force = 0;
            for (std::int64_t j = 0; j < 11; ++j) {
                const double d = p({j}) - q({i});
                force += d / (d * d + 0.25);
            }
            EXPECT_EQ(f({i}), force);
        }
    });
}

TEST(Generated, ValuesOfIndices) {
    for_each_set("escape", "->i32", [](maniple_function function, const std::string&) {
        const Shape shape{4, 9};
        Grid<std::int32_t> turns(shape);
        const Box box(Extents{1, 2}, Extents{4, 9});
        call(function, box, shape, {turns.tensor()}, {integer(12)});
        for_each_point(box, [&](const Extents& at) {
            int n = 0;
            double z = 0;
            while (z < 100 && n < 12) {
                z = z * 1.5 + static_cast<double>(at[1]) + 0.25 * static_cast<double>(at[0]);
                ++n;
            }
            EXPECT_EQ(turns(at), n);
        });
    });
}

TEST(Generated, ConversionsSaturate) {
    const double inf = std::numeric_limits<double>::infinity();
    const std::vector<double> values = {0,     1.9, -1.9, 255.5, 256, -0.5,       3e9,           -3e9, 1e19,
                                        -1e19, inf, -inf, NAN,   127, 2147483647, -2147483648.0, 0.25};
    const auto count = static_cast<std::int64_t>(values.size());
    for_each_set("convert_all", "f64->i32,u8,i64,bool", [&](maniple_function function, const std::string&) {
        Grid<double> x(Shape{count});
        for (std::int64_t i = 0; i < count; ++i) x({i}) = values[static_cast<std::size_t>(i)];
        Grid<std::int32_t> a(Shape{count});
        Grid<std::uint8_t> b(Shape{count}), d(Shape{count});
        Grid<std::int64_t> c(Shape{count});
        call(function, Box::whole(Shape{count}), Shape{count},
             {a.tensor(), b.tensor(), c.tensor(), d.tensor(), x.tensor()});
        const auto saturated = [](double value, double low, double high) {
            return std::isnan(value) ? 0.0 : std::trunc(std::min(std::max(value, low), high));
        };
        for (std::int64_t i = 0; i < count; ++i) {
            const double value = x({i});
            EXPECT_EQ(a({i}), saturated(value, -2147483648.0, 2147483647.0)) << value;
            EXPECT_EQ(b({i}), saturated(value, 0, 255)) << value;
            if (std::abs(value) < 9e18 || std::isnan(value)) {
                EXPECT_EQ(c({i}), saturated(value, -9e18, 9e18)) << value;
            }
            EXPECT_EQ(d({i}), value != 0) << value;
        }
        EXPECT_EQ(c({8}), std::numeric_limits<std::int64_t>::max());
        EXPECT_EQ(c({9}), std::numeric_limits<std::int64_t>::min());
    });
}

TEST(Generated, BranchesAndTwoOutputs) {
    for_each_set("limit_slope", "f32->f32,f32", [](maniple_function function, const std::string&) {
        const std::int64_t n = 301;
        Grid<float> u(Box(Extents{-1}, Extents{n + 1})), a(Shape{n}), b(Shape{n});
        Numbers numbers(5);
        u.fill([&] { return static_cast<float>(numbers.real()); });
        call(function, Box::whole(Shape{n}), Shape{n}, {a.tensor(), b.tensor(), u.tensor()}, {integer(1)});
        for (std::int64_t i = 0; i < n; ++i) {
            const float left = u({i}) - u({i - 1}), right = u({i + 1}) - u({i});
            const bool extremum = left * right <= 0;
            EXPECT_EQ(a({i}), extremum ? 0 : std::abs(left) < std::abs(right) ? left : right);
            EXPECT_EQ(b({i}), extremum ? u({i}) : std::min(left, right) + std::max(left, 2.5f));
        }
    });
}

TEST(Generated, ThreeBroadcastInputs) {
    for_each_set("choose", "bool,i64,i64->i64", [](maniple_function function, const std::string&) {
        const Shape space{3, 4, 5};
        Grid<std::uint8_t> c(Shape{4, 1});
        Grid<std::int64_t> a(space), b(Shape{5}), d(space);
        Numbers numbers(6);
        c.fill([&] { return static_cast<std::uint8_t>(numbers.integer() & 1); });
        a.fill([&] { return numbers.integer(); });
        b.fill([&] { return numbers.integer(); });
        call(function, Box::whole(space), space,
             {d.tensor(), c.broadcast(space), a.broadcast(space), b.broadcast(space)});
        for_each_point(Box::whole(space), [&](const Extents& at) {
            EXPECT_EQ(d(at), c({at[1], 0}) ? a(at) : b({at[2]}));
        });
    });
}

TEST(Generated, SubscriptsThatDependOnData) {
    for_each_set("gather", "f32,i32->f32", [](maniple_function function, const std::string& set) {
        Grid<float> table(Shape{6, 3}), y(Shape{4, 3});
        Grid<std::int32_t> ids(Shape{4});
        Numbers numbers(7);
        table.fill([&] { return static_cast<float>(numbers.real()); });
        ids.data() = {5, 0, 3, 3, 0};
        const Shape shape{4, 3};
        EXPECT_EQ(call(function, Box::whole(shape), shape, {y.tensor(), table.tensor(), ids.tensor()}), 0);
        for_each_point(Box::whole(shape), [&](const Extents& at) { EXPECT_EQ(y(at), table({ids({at[0]}), at[1]})); });
        if (set != "checked") return;
        ids({2}) = 6;
        EXPECT_EQ(call(function, Box::whole(shape), shape, {y.tensor(), table.tensor(), ids.tensor()}), 2);
    });
}

TEST(Generated, FunctionsOfReals) {
    for_each_set("functions", "f64->f64", [](maniple_function function, const std::string&) {
        Grid<double> x(Shape{40}), y(Shape{40});
        Numbers numbers(8);
        x.fill([&] { return numbers.real() / 4; });
        call(function, Box::whole(Shape{40}), Shape{40}, {y.tensor(), x.tensor()});
        for (std::int64_t i = 0; i < 40; ++i) {
            const double v = x({i});
            const double expected = std::exp(v) + std::log(std::abs(v) + 1) + std::sin(v) * std::cos(v) + std::tanh(v) +
                                    std::erf(v) + std::pow(std::abs(v), 1.5) + std::floor(v) - std::ceil(v) +
                                    std::fma(v, v, 1) + std::sqrt(v * v);
            EXPECT_NEAR(y({i}), expected, 1e-12 * std::abs(expected) + 1e-12);
        }
    });
}

// Folds.

struct FoldCase {
    const maniple_variant* variant;
    std::string set;
};

std::vector<FoldCase> fold_cases(const std::string& name, const std::string& types) {
    const Kernel* const kernel = registry().find(name);
    if (kernel == nullptr) return {};
    std::vector<FoldCase> result;
    for (const std::string& set : sets_that_run(*kernel)) {
        result.push_back({kernel->variant(types_index(*kernel, types), set), set});
    }
    return result;
}

TEST(GeneratedFold, StridedConvolution) {
    for (const FoldCase& it : fold_cases("strided_conv", "f64,f64->f64")) {
        SCOPED_TRACE(it.set);
        Grid<double> x(Box(Extents{-1}, Extents{40})), w(Shape{5}), y(Shape{17}), state(Shape{17});
        Numbers numbers(9);
        x.fill([&] { return numbers.real(); });
        w.fill([&] { return numbers.real(); });
        const Box kept(Extents{0, 0}, Extents{17, 1});
        fold(*it.variant, kept, {Box::whole(Shape{17, 5})}, Shape{17, 5}, state.tensor(), {x.tensor(), w.tensor()},
             {y.tensor()});
        for (std::int64_t i = 0; i < 17; ++i) {
            double expected = 0;
            for (std::int64_t p = 0; p < 5; ++p) expected += x({2 * i + p - 1}) * w({p});
            EXPECT_NEAR(y({i}), expected, 1e-12);
        }
    }
}

TEST(GeneratedFold, MatrixProductInBlocks) {
    for (const FoldCase& it : fold_cases("matrix_product", "i32,i32->i64")) {
        SCOPED_TRACE(it.set);
        Grid<std::int32_t> a(Shape{7, 35}), b(Shape{35, 20});
        Grid<std::int64_t> c(Shape{7, 20}), state(Shape{7, 20});
        Numbers numbers(10);
        a.fill([&] { return static_cast<std::int32_t>(numbers.integer() % 1000); });
        b.fill([&] { return static_cast<std::int32_t>(numbers.integer() % 1000); });
        const Shape extent{7, 20, 35};
        fold(*it.variant, Box(Extents{0, 0, 0}, Extents{7, 20, 1}),
             {Box(Extents{0, 0, 0}, Extents{7, 20, 17}), Box(Extents{0, 0, 17}, Extents{7, 20, 35})}, extent,
             state.tensor(), {a.tensor(), b.tensor()}, {c.tensor()});
        for_each_point(c.box(), [&](const Extents& at) {
            std::int64_t expected = 0;
            for (std::int64_t k = 0; k < 35; ++k) expected += a({at[0], k}) * b({k, at[1]});
            EXPECT_EQ(c(at), expected);
        });
    }
}

TEST(GeneratedFold, MatrixTimesVector) {
    for (const FoldCase& it : fold_cases("matrix_vector", "f32,f32->f32")) {
        SCOPED_TRACE(it.set);
        Grid<float> a(Shape{6, 100}), x(Shape{100}), y(Shape{6});
        Grid<double> state(Shape{6});
        Numbers numbers(11);
        a.fill([&] { return static_cast<float>(numbers.real()); });
        x.fill([&] { return static_cast<float>(numbers.real()); });
        fold(*it.variant, Box(Extents{0, 0}, Extents{6, 1}), {Box::whole(Shape{6, 100})}, Shape{6, 100}, state.tensor(),
             {a.tensor(), x.tensor()}, {y.tensor()});
        for (std::int64_t i = 0; i < 6; ++i) {
            double expected = 0;
            for (std::int64_t k = 0; k < 100; ++k) expected += static_cast<double>(a({i, k}) * x({k}));
            EXPECT_NEAR(y({i}), expected, 1e-4);
        }
    }
}

/// The state of a fold over the axes: `bytes` a state on the kept axes of `shape`, strides 0 on the others.
class States {
public:
    States(const Shape& shape, const std::vector<bool>& contracted, std::int64_t bytes)
        : kept(Box::whole(shape)), result(shape), data_() {
        std::int64_t step = 1;
        tensor.rank = shape.rank();
        for (int axis = shape.rank() - 1; axis >= 0; --axis) {
            const bool fold = contracted[static_cast<std::size_t>(axis)];
            if (fold) kept.hi[axis] = 1;
            if (fold) result[axis] = 1;
            tensor.stride[axis] = fold ? 0 : step;
            tensor.hi[axis] = shape[axis];
            if (!fold) step *= shape[axis];
        }
        data_.resize(static_cast<std::size_t>(step * bytes + 64));
        tensor.data = data_.data();
    }

    Box kept;
    Shape result;
    maniple_tensor tensor{};

private:
    std::vector<std::byte> data_;
};

const std::vector<std::vector<bool>> axis_choices = {{true, true, true},   {true, false, false}, {false, true, false},
                                                     {false, false, true}, {true, true, false},  {true, false, true},
                                                     {false, true, true}};

Extents kept_part(const Extents& at, const std::vector<bool>& contracted) {
    Extents result = at;
    for (int axis = 0; axis < at.rank(); ++axis) {
        if (contracted[static_cast<std::size_t>(axis)]) result[axis] = 0;
    }
    return result;
}

TEST(GeneratedFold, PositionOfTheFirstLargest) {
    const Shape shape{4, 5, 9};
    for (const FoldCase& it : fold_cases("first_largest", "f32->i64")) {
        for (const std::vector<bool>& contracted : axis_choices) {
            SCOPED_TRACE(it.set);
            Grid<float> x(shape);
            Numbers numbers(12);
            x.fill([&] { return static_cast<float>(numbers.integer() % 7); });
            States states(shape, contracted, 16);
            Grid<std::int64_t> at(states.result), best(states.result);
            fold(*it.variant, states.kept, {Box::whole(shape)}, shape, states.tensor, {x.tensor()}, {at.tensor()});
            Grid<float> largest(Box::whole(states.result), 1, -1e30f);
            for_each_point(Box::whole(shape), [&](const Extents& p) {
                const Extents place = kept_part(p, contracted);
                if (!(x(p) > largest(place))) return;
                largest(place) = x(p);
                std::int64_t position = 0;
                for (int axis = 0; axis < 3; ++axis) {
                    if (contracted[static_cast<std::size_t>(axis)]) position = position * shape[axis] + p[axis];
                }
                best(place) = position;
            });
            for_each_point(best.box(), [&](const Extents& p) { EXPECT_EQ(at(p), best(p)); });
        }
    }
}

TEST(GeneratedFold, KeepsTheOrderWhereItMatters) {
    const Shape shape{3, 4, 6};
    for (const FoldCase& it : fold_cases("digits", "i32->i64")) {
        for (const std::vector<bool>& contracted : axis_choices) {
            SCOPED_TRACE(it.set);
            Grid<std::int32_t> x(shape);
            Numbers numbers(13);
            x.fill([&] { return static_cast<std::int32_t>(numbers.integer() % 31); });
            States states(shape, contracted, 16);
            Grid<std::int64_t> y(states.result);
            Grid<std::uint64_t> expected(states.result);
            fold(*it.variant, states.kept, {Box::whole(shape)}, shape, states.tensor, {x.tensor()}, {y.tensor()});
            for_each_point(Box::whole(shape), [&](const Extents& p) {
                std::uint64_t& s = expected(kept_part(p, contracted));
                s = s * 31 + static_cast<std::uint64_t>(x(p));
            });
            for_each_point(y.box(),
                           [&](const Extents& p) { EXPECT_EQ(static_cast<std::uint64_t>(y(p)), expected(p)); });
        }
    }
}

TEST(GeneratedFold, StateOfSeveralMembersAndMerge) {
    const Shape shape{5, 3, 40};
    const Shape half{5, 3, 17};
    for (const FoldCase& it : fold_cases("spread", "f32->f32,f32")) {
        for (const std::vector<bool>& contracted : axis_choices) {
            SCOPED_TRACE(it.set);
            Grid<float> x(shape);
            Numbers numbers(14);
            x.fill([&] { return static_cast<float>(numbers.real()); });
            States states(shape, contracted, 24), others(shape, contracted, 24);
            Grid<float> mean(states.result), square(states.result);
            const bool split = contracted[2];
            // Two states over two halves of the last axis, merged; or one state over all of it.
            const Box low(Extents{0, 0, 0}, split ? half : shape);
            call(it.variant->init, states.kept, shape, {states.tensor});
            call(it.variant->init, states.kept, shape, {others.tensor});
            call(it.variant->accumulate, low, shape, {states.tensor, x.tensor()});
            if (split) call(it.variant->accumulate, Box(Extents{0, 0, 17}, shape), shape, {others.tensor, x.tensor()});
            call(it.variant->merge, states.kept, shape, {states.tensor, others.tensor});
            call(it.variant->finish, states.kept, shape, {mean.tensor(), square.tensor(), states.tensor});
            Grid<double> sum(states.result), squares(states.result), count(states.result);
            for_each_point(Box::whole(shape), [&](const Extents& p) {
                const Extents place = kept_part(p, contracted);
                count(place) += 1;
                sum(place) += x(p);
                squares(place) += static_cast<double>(x(p)) * x(p);
            });
            for_each_point(sum.box(), [&](const Extents& p) {
                EXPECT_NEAR(mean(p), sum(p) / count(p), 1e-5);
                EXPECT_NEAR(square(p), squares(p) / count(p), 1e-4);
            });
        }
    }
}

}  // namespace
}  // namespace maniple
