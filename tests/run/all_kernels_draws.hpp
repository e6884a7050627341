// tests/run/all_kernels_draws.hpp: what several recipes of random jobs draw.
#pragma once

#include "all_kernels_job.hpp"

namespace maniple {

const std::vector<Recipe>& basic_recipes();   ///< elementwise, reductions, layout
const std::vector<Recipe>& domain_recipes();  ///< networks, stencils, signals, what has no inputs

/// Axes of a reduction, with keepdims: `, axis=…`, or nothing for all.
struct Axes {
    std::string text;
    std::int64_t elements = 1;  ///< of each result
};
Axes draw_axes(AllKernelsWriter& w, const Shape& shape);

std::string list_text(const std::vector<std::int64_t>& values);

/// Integers or bools of small values, without errors.
DrawnValue draw_small(AllKernelsWriter& w);

/// Bools without errors that broadcast with `other`.
DrawnValue draw_condition(AllKernelsWriter& w, const DrawnValue& other);

/// Integers in [0, count), i32 or i64: an input, or something clipped.
DrawnValue draw_ids(AllKernelsWriter& w, const Shape& shape, std::int64_t count);

/// `, boundary=…` for so many axes, or nothing.
std::string draw_boundary(AllKernelsWriter& w, int axes);

}  // namespace maniple
