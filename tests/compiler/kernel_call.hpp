// Grids of numbers and calls of compiled kernels on them, as the run makes them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernel/kernel.hpp"
#include "tensor/box.hpp"

namespace maniple::testing {

/// Calls `visit` with every coordinate of `box`, in row-major order.
inline void for_each_point(const Box& box, const std::function<void(const Extents&)>& visit) {
    if (box.empty()) return;
    Extents at = box.lo;
    for (;;) {
        visit(at);
        int axis = box.rank() - 1;
        for (; axis >= 0; --axis) {
            if (++at[axis] < box.hi[axis]) break;
            at[axis] = box.lo[axis];
        }
        if (axis < 0) return;
    }
}

/// The elements of `box`, each `gap` elements from the next: gap 1 is dense. Owns them.
template <class T>
class Grid {
public:
    explicit Grid(const Box& box, std::int64_t gap = 1, T fill = T{})
        : box_(box), strides_(box.rank()), data_(static_cast<std::size_t>(box.volume() * gap + 1), fill) {
        std::int64_t step = gap;
        for (int axis = box.rank() - 1; axis >= 0; --axis) {
            strides_[axis] = step;
            step *= box.extent(axis);
        }
    }
    explicit Grid(const Shape& shape) : Grid(Box::whole(shape)) {}

    T& operator()(const Extents& at) { return data_[index(at)]; }
    const T& operator()(const Extents& at) const { return data_[index(at)]; }
    const Box& box() const { return box_; }
    std::vector<T>& data() { return data_; }

    void fill(const std::function<T()>& next) {
        for (T& element : data_) element = next();
    }

    maniple_tensor tensor() {
        maniple_tensor t{};
        t.data = data_.data();
        t.rank = box_.rank();
        for (int axis = 0; axis < box_.rank(); ++axis) {
            t.stride[axis] = strides_[axis];
            t.lo[axis] = box_.lo[axis];
            t.hi[axis] = box_.hi[axis];
            t.offset -= box_.lo[axis] * strides_[axis];
        }
        return t;
    }

    /// The tensor on the axes of `space`: missing leading axes and axes of one element do not move.
    maniple_tensor broadcast(const Shape& space) {
        const maniple_tensor own = tensor();
        maniple_tensor t = own;
        t.rank = space.rank();
        for (int axis = 0; axis < space.rank(); ++axis) {
            const int source = axis - (space.rank() - box_.rank());
            const bool moves = source >= 0 && box_.extent(source) > 1;
            t.stride[axis] = moves ? own.stride[source] : 0;
            t.lo[axis] = moves ? own.lo[source] : 0;
            t.hi[axis] = moves ? own.hi[source] : std::max<std::int64_t>(space[axis], 1);
        }
        return t;
    }

private:
    std::size_t index(const Extents& at) const {
        std::int64_t result = 0;
        for (int axis = 0; axis < box_.rank(); ++axis) result += (at[axis] - box_.lo[axis]) * strides_[axis];
        return static_cast<std::size_t>(result);
    }

    Box box_;
    Extents strides_;
    std::vector<T> data_;
};

/// Calls one function of a kernel. Returns the violation that the checked variant noted.
inline std::int32_t call(maniple_function function, const Box& box, const Shape& extent,
                         const std::vector<maniple_tensor>& tensors,
                         const std::vector<maniple_parameter>& parameters = {}) {
    std::int32_t violation = 0;
    maniple_call c{};
    c.rank = box.rank();
    for (int axis = 0; axis < box.rank(); ++axis) {
        c.lo[axis] = box.lo[axis];
        c.hi[axis] = box.hi[axis];
        c.extent[axis] = extent[axis];
    }
    c.tensors = tensors.data();
    c.parameters = parameters.data();
    c.violation = &violation;
    function(&c);
    return violation;
}

inline maniple_parameter real(double value) {
    maniple_parameter parameter{};
    parameter.real = value;
    return parameter;
}

inline maniple_parameter integer(std::int64_t value) {
    maniple_parameter parameter{};
    parameter.integer = value;
    return parameter;
}

/// The instruction sets of `kernel` that this processor runs, "checked" among them.
inline std::vector<std::string> sets_that_run(const Kernel& kernel) {
    std::vector<std::string> result = {"checked"};
    for (const std::string& set : kernel.instruction_sets) {
        if (set == "checked") continue;
        try {
            choose_instruction_set(std::vector<std::string>{set});
            result.push_back(set);
        } catch (const UnavailableError&) {}
    }
    return result;
}

inline std::size_t types_index(const Kernel& kernel, const std::string& types) {
    for (std::size_t i = 0; i < kernel.types.size(); ++i) {
        if (kernel.tables[0]->variants[i].types == types) return i;
    }
    ADD_FAILURE() << kernel.name << " has no types " << types;
    return 0;
}

/// Reproducible numbers; some of them round when added.
class Numbers {
public:
    explicit Numbers(unsigned seed) : engine_(seed) {}
    double real() { return static_cast<double>(static_cast<std::int32_t>(engine_())) * 0x1p-28 + 0.1; }
    std::int64_t integer() { return static_cast<std::int64_t>(engine_()); }

private:
    std::mt19937_64 engine_;
};

}  // namespace maniple::testing
