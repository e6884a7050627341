// compiler/glsl_prelude.hpp: the pieces of prelude/*.glsl.inc that a shader names.
#pragma once

#include <set>
#include <string>

namespace maniple::compiler {

/// The words of `text` that could be names.
std::set<std::string> words_of(const std::string& text);

/// The pieces that `code` names, and those that they name, in an order in which each stands before its use.
std::string glsl_pieces(const std::string& code);

/// The `#extension` lines that `code` needs for its types.
std::string glsl_extensions(const std::string& code);

}  // namespace maniple::compiler
