// program/large_pieces.hpp: a program that says which buffers are touched where, at less cost than one that is executed.
#pragma once

#include "program/program.hpp"

namespace maniple {

/// build_program(), but all of a box that goes to a file or comes from there is one piece. The same buffers are touched at
/// the same positions (Instruction::position); of large tensors there are far fewer instructions. Pure.
Program build_program_in_large_pieces(const Graph& graph, const Plan& plan, const Layout& layout,
                                      const BlockShape& shape);

}  // namespace maniple
