// graph/call.hpp: one call of a kernel: its parameters, element types and bound signature.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "graph/scope.hpp"

namespace maniple {

/// Named parameters of a call, checked against the kernel's description.
struct CallParameters {
    std::vector<maniple_parameter> values;                       ///< those that the kernel's code sees, in order
    std::vector<std::pair<std::string, std::int64_t>> integers;  ///< by name
    std::vector<std::int64_t> axes;
    bool all_axes = true;
    bool keepdims = false;
    std::vector<Boundary> boundary = {Boundary::clamp};
    bool boundary_by_axis = false;  ///< a list was written: one rule for each axis; else one for all
    Place axes_place;
    Place boundary_place;
};

/// Errors: JobError: an unknown, missing, doubled or ill-typed parameter.
CallParameters read_parameters(const Expression& call, const Kernel& kernel, const Scope& scope);

/// An argument's type, or a number that adapts to the others' (weak, as in NumPy 2).
struct ArgumentType {
    std::optional<DType> dtype;  ///< absent: a number
    Number number;
    Place place;
    std::string text;
};

/// The combination of element types of `kernel` that `arguments` select. Numbers take the tensors' type.
/// Errors: JobError for types that the kernel does not take, or a number that the type cannot hold;
/// UnavailableError where tensors of different types would have to be converted.
std::size_t choose_types(const Kernel& kernel, const std::vector<ArgumentType>& arguments, const Place& kernel_place);

}  // namespace maniple
