// graph/call.hpp: the parameters of one call of a kernel.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/bind.hpp"
#include "graph/graph.hpp"
#include "graph/scope.hpp"

namespace maniple {

/// Named parameters of a call, checked against the kernel's description.
struct CallParameters {
    std::vector<maniple_parameter> values;                       ///< those that the kernel's code sees, in order
    std::vector<std::pair<std::string, std::int64_t>> integers;  ///< by name
    std::vector<std::pair<std::string, double>> reals;           ///< by name, without computed ones
    std::vector<std::pair<std::string, Place>> places;           ///< of the names of those that the call gives
    std::vector<std::int64_t> axes;
    bool all_axes = true;
    bool keepdims = false;
    std::vector<Boundary> boundary = {Boundary::clamp};
    bool boundary_by_axis = false;   ///< a list was written: one rule for each axis; else one for all
    std::optional<DType> dtype;      ///< the element type that the call asks for
    std::vector<Place> axes_places;  ///< of each of `axes`
    std::vector<Positions> positions;
    Place boundary_place;
};

/// The value of a parameter that no call gives, from those `before` it, in the kernel's order.
maniple_parameter computed_value(const Kernel& kernel, const KernelParameter& parameter,
                                 std::span<const maniple_parameter> before);

/// Errors: JobError: an unknown, missing, doubled or ill-typed parameter.
CallParameters read_parameters(const Expression& call, const Kernel& kernel, const Scope& scope);

}  // namespace maniple
