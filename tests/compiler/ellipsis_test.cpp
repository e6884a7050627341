// Kernels with an ellipsis before names, in every instruction set, against plain loops.
#include <gtest/gtest.h>

#include <memory>

#include "kernel_call.hpp"

extern "C" const maniple_pack maniple_pack_test;

namespace maniple {
namespace {

using namespace testing;

/// `grid`, whose last `own` axes have names, as a tensor of a call whose ellipsis has the shape `leading`.
template <class T>
maniple_tensor behind(const Shape& leading, Grid<T>& grid, int own) {
    const maniple_tensor from = grid.tensor();
    maniple_tensor view = from;
    const int shift = leading.rank() - (from.rank - own);
    view.rank = leading.rank() + own;
    for (int axis = 0; axis < view.rank; ++axis) {
        const int source = axis - shift;
        const bool there =
            source >= 0 && (axis >= leading.rank() || from.hi[source] - from.lo[source] == leading[axis]);
        view.stride[axis] = there ? from.stride[source] : 0;
        view.lo[axis] = there ? from.lo[source] : 0;
        view.hi[axis] = there ? from.hi[source] : leading[axis];
    }
    return view;
}

struct Case {
    const maniple_variant* variant;
    std::string set;
};

std::vector<Case> cases(const maniple_pack& pack, const std::string& name, const std::string& types) {
    static std::vector<std::unique_ptr<KernelRegistry>> registries;
    registries.push_back(std::make_unique<KernelRegistry>(pack));
    const Kernel* const kernel = registries.back()->find(name);
    if (kernel == nullptr) return {};
    std::vector<Case> result;
    for (const std::string& set : sets_that_run(*kernel))
        result.push_back({kernel->variant(types_index(*kernel, types), set), set});
    return result;
}

TEST(Ellipsis, BatchesOfProductsInBlocks) {
    const std::vector<Case> sets = cases(standard_kernels(), "matmul", "i32,i32->i32");
    ASSERT_FALSE(sets.empty());
    for (const Case& it : sets) {
        SCOPED_TRACE(it.set);
        const Shape leading{3, 2};
        Grid<std::int32_t> a(Shape{3, 1, 5, 21}), b(Shape{2, 21, 18}), c(Shape{3, 2, 5, 18}), state(Shape{3, 2, 5, 18});
        Numbers numbers(20);
        a.fill([&] { return static_cast<std::int32_t>(numbers.integer()); });
        b.fill([&] { return static_cast<std::int32_t>(numbers.integer()); });
        const Shape extent{3, 2, 5, 18, 21};
        const maniple_tensor states = behind(leading, state, 2);
        const Box kept(Extents(5), Extents{3, 2, 5, 18, 1});
        call(it.variant->init, kept, extent, {states});
        for (const Box& box :
             {Box(Extents(5), Extents{3, 2, 5, 18, 4}), Box(Extents{0, 0, 0, 0, 4}, Extents{3, 2, 5, 11, 21}),
              Box(Extents{0, 0, 0, 11, 4}, Extents{3, 2, 5, 18, 21})}) {
            EXPECT_EQ(call(it.variant->accumulate, box, extent, {states, behind(leading, a, 2), behind(leading, b, 2)}),
                      0);
        }
        call(it.variant->finish, kept, extent, {behind(leading, c, 2), states});
        for_each_point(c.box(), [&](const Extents& at) {
            std::uint32_t expected = 0;
            for (std::int64_t k = 0; k < 21; ++k) {
                expected += static_cast<std::uint32_t>(a({at[0], 0, at[2], k})) *
                            static_cast<std::uint32_t>(b({at[1], k, at[3]}));
            }
            EXPECT_EQ(static_cast<std::uint32_t>(c(at)), expected);
        });
    }
}

TEST(Ellipsis, RowsOfATable) {
    const std::vector<Case> sets = cases(maniple_pack_test, "lookup", "f64,i64,f32->f64");
    ASSERT_FALSE(sets.empty());
    for (const Case& it : sets) {
        SCOPED_TRACE(it.set);
        const Shape leading{4, 3};
        Grid<double> table(Shape{6, 35}), y(Shape{4, 3, 35});
        Grid<std::int64_t> ids(leading);
        Grid<float> w(Shape{3});
        Numbers numbers(21);
        table.fill([&] { return numbers.real(); });
        ids.fill([&] { return numbers.integer() & 3; });
        w.fill([&] { return static_cast<float>(numbers.real()); });
        const Shape extent{4, 3, 35};
        const std::vector<maniple_tensor> tensors = {behind(leading, y, 1), behind(leading, table, 2),
                                                     behind(leading, ids, 0), behind(leading, w, 0)};
        const Box box(Extents{1, 0, 2}, Extents{4, 3, 35});
        EXPECT_EQ(call(it.variant->compute, box, extent, tensors), 0);
        for_each_point(box, [&](const Extents& at) {
            EXPECT_EQ(y(at), static_cast<double>(w({at[1]})) * table({ids({at[0], at[1]}), at[2]}) +
                                 static_cast<double>(at[2]) + 6);
        });
        EXPECT_EQ(y({0, 2, 30}), 0);
        if (it.set != "checked") continue;
        ids({3, 1}) = 6;
        EXPECT_EQ(call(it.variant->compute, box, extent, tensors), 2);
    }
}

TEST(Ellipsis, IndicesThatTheBodyLoopsOver) {
    const std::vector<Case> sets = cases(maniple_pack_test, "reverse_rows", "f64->f64");
    ASSERT_FALSE(sets.empty());
    for (const Case& it : sets) {
        SCOPED_TRACE(it.set);
        const Shape shape{5, 7, 2};
        Grid<double> x(shape), y(shape);
        Numbers numbers(22);
        x.fill([&] { return numbers.real(); });
        const Box box(Extents{1, 0, 0}, Extents{4, 7, 2});
        EXPECT_EQ(call(it.variant->compute, box, shape, {y.tensor(), x.tensor()}), 0);
        for_each_point(box, [&](const Extents& at) {
            EXPECT_EQ(y(at), x({at[0], 6 - at[1], at[2]}) * static_cast<double>(at[1]) + x({at[0], at[1], 0}) + 2);
        });
        EXPECT_EQ(y({0, 3, 1}), 0);
        EXPECT_EQ(y({4, 0, 0}), 0);
    }
}

TEST(Ellipsis, AllOfItContracted) {
    const std::vector<Case> sets = cases(maniple_pack_test, "grand_total", "i64,i64->i64");
    ASSERT_FALSE(sets.empty());
    for (const Case& it : sets) {
        SCOPED_TRACE(it.set);
        const Shape extent{4, 3, 40};
        Grid<std::int64_t> x(extent), w(Shape{40}), s(Shape{}), state(Shape{});
        Numbers numbers(23);
        x.fill([&] { return numbers.integer() % 1000; });
        w.fill([&] { return numbers.integer() % 1000; });
        const Shape leading{4, 3};
        const maniple_tensor states = behind(leading, state, 0);
        const Box kept(Extents(3), Extents{1, 1, 1});
        call(it.variant->init, kept, extent, {states});
        for (const Box& box : {Box(Extents(3), Extents{2, 3, 40}), Box(Extents{2, 0, 0}, Extents{4, 3, 17}),
                               Box(Extents{2, 0, 17}, Extents{4, 3, 40})}) {
            EXPECT_EQ(call(it.variant->accumulate, box, extent, {states, x.tensor(), behind(leading, w, 1)}), 0);
        }
        call(it.variant->finish, kept, extent, {behind(leading, s, 0), states});
        std::int64_t expected = 0;
        for_each_point(x.box(), [&](const Extents& at) { expected += x(at) * w({at[2]}); });
        EXPECT_EQ(s({}), expected);
    }
}

}  // namespace
}  // namespace maniple
