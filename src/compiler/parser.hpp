// compiler/parser.hpp: the text of a kernel body as an untyped tree.
#pragma once

#include "compiler/ast.hpp"

namespace maniple::compiler {

/// Parses the statements in `node`'s value (the grammar: kernels/README.md). The tree borrows `node` for its places.
/// Errors: JobError at the first token that does not fit.
Body parse_body(const YamlNode& node);

/// Parses one expression that fills the whole value.
Expression parse_element(const YamlNode& node);

}  // namespace maniple::compiler
