// compiler/glsl_words.hpp: single values as GLSL. Private to glsl_*.cpp and print_glsl.cpp.
#pragma once

#include <string>

#include "compiler/types.hpp"

namespace maniple::compiler {

// The names that a name of the description has in a shader.
std::string value_name(const std::string& name);  ///< v_x: its value
std::string low_name(const std::string& name);  ///< u_x: the lower 32 bits of an index, a loop variable or a parameter
std::string member_name(const std::string& name);  ///< m_x: a member of the state, also in the struct
std::string other_name(const std::string& name);   ///< o_x: a member of `other`

std::string glsl_literal(const Expression& expression);

/// The lowest or highest value of a type; infinities for reals.
std::string glsl_limit(ValueType type, bool lowest);

/// A value as it lies in memory, and what lies there as a value.
std::string glsl_stored(const std::string& value, ValueType type);
std::string glsl_loaded(const std::string& place, ValueType type);

/// Declares v_NAME, the index numbered `number` as 64 bits, beside u_NAME.
std::string glsl_index(const std::string& name, std::size_t number);

/// What a function of reals is called, "sqrt", "erf_f32"; empty where there is none for the type.
std::string glsl_function(const std::string& name, ValueType type);

}  // namespace maniple::compiler
