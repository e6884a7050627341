// lanes/check/sample.hpp: one call of a kernel with shapes, parameters and numbers drawn at random.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "lanes/check/values.hpp"

namespace maniple {

/// Borrows the kernel. Its operation names its tensors 0, 1, … of no graph.
struct Sample {
    Operation operation;
    std::vector<Shape> inputs;
    std::vector<Shape> outputs;
    std::vector<Field> values;  ///< of each input: every coordinate that an access may touch, also beyond the edge
    bool dense = true;          ///< blocks as large as what is read and written, none larger
    std::string parameters;     ///< ", alpha=0.25, boundary=zero"

    std::string text() const;  ///< "u [4, 7] -> v [4, 7], alpha=0.25"
};

/// Sample `number` of a kernel. The first three have one point, no points, and one long row; four in a row have every
/// boundary rule; odd ones have infinities, NaN and the ends of the type among their numbers, where these may be.
Sample make_sample(const Kernel& kernel, std::size_t types, int number, Random& random);

/// The same with zeros for subnormal reals.
Sample without_subnormals(Sample sample);

}  // namespace maniple
