// graph/bind.hpp: a kernel's signature together with the shapes of one call: index extents, axis maps, result shapes.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// A parameter of a rearrangement: `axes=[1, 0]`, `axis=0`, `shape=[-1, 3]`.
struct Positions {
    std::string name;
    std::vector<std::int64_t> values;
    std::vector<Place> places;  ///< of each value
    Place place;
};

/// The arguments of one call, as far as binding looks at them.
struct BindRequest {
    const Kernel* kernel = nullptr;
    std::vector<Shape> inputs;
    std::vector<Place> input_places;
    std::vector<std::string> input_texts;  ///< how messages name an argument: "u"
    std::vector<Place> input_origins;      ///< where each argument's tensor is defined, for notes
    std::vector<std::int64_t> axes;        ///< of a fold by axis; as written, may be negative
    bool all_axes = true;                  ///< `axis` is absent: every axis is contracted
    bool keepdims = false;
    std::vector<std::pair<std::string, std::int64_t>> integers;   ///< integer parameters
    std::vector<std::pair<std::string, double>> reals;            ///< real parameters that a call may give
    std::vector<std::pair<std::string, Place>> parameter_places;  ///< of the parameters that the call gives
    std::vector<std::pair<std::string, std::int64_t>> extents;    ///< of indices, where neither input nor rule does
    std::vector<Positions> positions;                             ///< of a rearrangement
    Place kernel_place;
    std::vector<Place> axes_places;  ///< of each of `axes`
};

struct Binding {
    BoundSignature signature;
    std::vector<Shape> outputs;
    std::vector<ElementDomain> domains;
};

/// Errors: JobError at the argument concerned: a wrong rank, an index with two sizes, shapes that do not broadcast,
/// an axis out of range, a maximum over nothing, a rule of the description that does not hold, an access that leaves
/// its tensor without a boundary rule.
Binding bind_signature(const BindRequest& request);

/// The same for `x[...] -> y[...]` where y's elements stand otherwise (bind_rearranged.cpp).
/// Errors: JobError at the parameter concerned. Requires, of a reshaping, reshape_steps() of one shape.
Binding bind_rearranged(const BindRequest& request);

/// What of this can be said before parameters and types are known: that the arguments have the ranks of the signature.
/// Errors: JobError at the argument.
void check_ranks(const BindRequest& request);

/// The shapes to go through from the input to `shape=`, that last: one where each axis is some of the other shape's or a
/// part of one, else two. Errors: JobError at the parameter.
std::vector<Shape> reshape_steps(const BindRequest& request);

}  // namespace maniple
