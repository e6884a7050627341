// compiler/lower.hpp: the accesses of a function as streams: pointers that move with the loop indices.
#pragma once

#include <vector>

#include "compiler/check.hpp"

namespace maniple::compiler {

/// One distinct access. For an index i the walk moves it by the sum of coefficient × stride over the axes.
struct Stream {
    int tensor = 0;              ///< in Function::tensors
    bool ellipsis = false;       ///< no index has a name: the axes are the loop indices
    std::vector<Affine> walked;  ///< for each axis behind an ellipsis: loop indices, parameters and the constant
};

/// A function whose elements and state members know their stream.
struct LoweredFunction {
    Function function;
    std::vector<Stream> streams;  ///< written ones first
    bool uses_indices = false;    ///< an index is used as a value: rows keep their coordinates
    bool uses_position = false;
    bool has_loops = false;  ///< for or while in the body
    unsigned fixed = 0;      ///< mask of the loop indices that the body loops over itself
};

LoweredFunction lower(const Function& function, const KernelFile& file);

/// What a body adds to the walked part on one axis of an element: terms in loop variables; all of a subscript
/// that is not affine.
struct Remainder {
    Affine affine;
    bool whole_expression = false;
    bool empty() const { return !whole_expression && affine.terms.empty() && affine.constant == 0; }
};
Remainder remainder_of(const Expression::Axis& axis, const KernelFile& file);

}  // namespace maniple::compiler
