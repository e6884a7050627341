// Reductions over some of the axes of a tensor, as the run calls them: init, accumulate for each box, finish.
#pragma once

#include "elements.hpp"

namespace maniple::testing {

struct Reduced {
    Box kept;
    maniple_tensor state{};
    maniple_tensor result{};
};

/// Tensors of a reduction of `shape` over the axes in `mask`, on bytes given.
inline Reduced reduced(const Shape& shape, unsigned mask, void* states, void* results) {
    Reduced reduced;
    reduced.kept = Box::whole(shape);
    reduced.state.rank = reduced.result.rank = shape.rank();
    std::int64_t step = 1;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
        const bool contracted = mask >> axis & 1u;
        if (contracted) reduced.kept.hi[axis] = 1;
        reduced.state.stride[axis] = reduced.result.stride[axis] = contracted ? 0 : step;
        reduced.state.hi[axis] = reduced.result.hi[axis] = std::max<std::int64_t>(shape[axis], 1);
        if (!contracted) step *= shape[axis];
    }
    reduced.state.data = states;
    reduced.result.data = results;
    return reduced;
}

template <class T, class R, class State>
std::vector<R> reduce(const Kernel& kernel, const std::string& set, const Shape& shape, unsigned mask, Grid<T>& x,
                      const std::vector<Box>& boxes) {
    const maniple_variant& variant =
        *kernel.variant(types_index(kernel, std::string(type_name<T>()) + "->" + type_name<R>()), set);
    EXPECT_EQ(variant.state_bytes, static_cast<std::int32_t>(sizeof(State)));
    const auto count = static_cast<std::size_t>(element_count(shape));
    std::vector<State> states(count);
    std::vector<R> results(count, R{});
    const Reduced r = reduced(shape, mask, states.data(), results.data());
    call(variant.init, r.kept, shape, {r.state});
    for (const Box& box : boxes) EXPECT_EQ(call(variant.accumulate, box, shape, {r.state, x.tensor()}), 0);
    call(variant.finish, r.kept, shape, {r.result, r.state});
    results.resize(static_cast<std::size_t>(r.kept.volume()));
    return results;
}

inline const std::vector<Shape> fold_shapes = {Shape{7, 3, 50},  Shape{1, 1, 1},  Shape{4, 1, 33},
                                               Shape{2, 100, 1}, Shape{1, 5, 16}, Shape{3, 7, 2}};

}  // namespace maniple::testing
