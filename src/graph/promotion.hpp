// graph/promotion.hpp: which element types a call computes with, as NumPy 2 would have it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "job/job.hpp"
#include "kernel/kernel.hpp"
#include "tensor/dtype.hpp"

namespace maniple {

/// The type in which two types meet: numpy.result_type of the types, never of values.
DType result_type(DType a, DType b);

/// An argument's type, or a number that adapts to the others' (weak, as in NumPy 2).
struct ArgumentType {
    std::optional<DType> dtype;  ///< absent: a number
    Number number;
    Place place;
    std::string text;
};

/// The combination of element types of `kernel` that `arguments` select; an argument of another type is to be
/// converted to the combination's. Arguments whose types are equal in every combination meet in one type; numbers take
/// it: an integer beside bool tensors gives i64, a real beside integers and bools f64; numbers alone are i64 or f64.
/// Where a kernel takes bool only (a condition), every type is converted: what is not zero is true.
/// `requested`: the value of the kernel's dtype parameter, which the first output then has.
/// Errors: JobError for types that the kernel does not take, or an integer that the type cannot hold.
std::size_t choose_types(const Kernel& kernel, const std::vector<ArgumentType>& arguments,
                         std::optional<DType> requested, const Place& kernel_place);

}  // namespace maniple
