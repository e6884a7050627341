// job/catalogue.hpp: what the input files hold, as plain values: read once by rank 0, known to every rank.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/box.hpp"
#include "tensor/dtype.hpp"

namespace maniple {

/// Facts about one input of a job. The slice of the reference is already applied to `shape`.
struct InputFacts {
    std::string name;
    Shape shape;               ///< as the graph sees it
    DType dtype = DType::f32;  ///< as it is read: what the file holds, mapped to a maniple type
    Shape chunk;               ///< of the file's data set, before slicing; rank 0 shape if contiguous
    Shape file_shape;          ///< of the file's data set, before slicing

    bool operator==(const InputFacts& other) const = default;
};

/// One entry for each input that comes from a file, in the job's order.
struct Catalogue {
    std::vector<InputFacts> inputs;

    const InputFacts* find(const std::string& name) const;
};

/// The catalogue as bytes and back, for the broadcast from rank 0.
std::string serialize(const Catalogue& catalogue);
Catalogue deserialize_catalogue(const std::string& bytes);

}  // namespace maniple
