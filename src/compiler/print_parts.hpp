// compiler/print_parts.hpp: pieces that the parts of the C++ back end share. Private to print_*.cpp.
#pragma once

#include <string>

#include "compiler/print_body.hpp"

namespace maniple::compiler {

/// "compute", and "compute_0"
std::string function_word(FunctionKind kind);
std::string function_name(FunctionKind kind, std::size_t variant);

/// "state_0", the struct of a fold's state.
std::string state_name(std::size_t variant);
void print_state(const Variant& variant, std::size_t number, Lines& lines);

/// "float", "state_0": the C++ type of a tensor's elements.
std::string tensor_type(const FunctionTensor& tensor, std::size_t variant);

/// The mask of the loop indices that the body loops over itself: "2u".
std::string fixed_mask(const LoweredFunction& function, const KernelFile& file);

/// Prints the walk of a function: `Walk<S> w;`, and its streams bound to the tensors of `call`.
void print_walk(const LoweredFunction& function, const KernelFile& file, Lines& lines);

/// What a stream moves by when the innermost index does, where the signature and unit strides fix it; "any" if not.
std::string unit_step(const Stream& stream, const std::string& index);

/// The name of the index that rows run along: of a fold's state the last output index, else the last of all that the
/// body does not loop over itself. Empty without indices.
std::string inner_index(const KernelFile& file, FunctionKind kind);

/// A kernel function without contraction: init, merge, finish, or compute.
void print_pointwise(const Function& function, const Variant& variant, std::size_t number, const KernelFile& file,
                     Lines& lines);

void print_accumulate(const Variant& variant, std::size_t number, const KernelFile& file, Lines& lines);

/// The table of the variants, and the exported symbol.
void print_table(const TypedKernel& kernel, const std::string& symbol, Lines& lines);

/// `text` as a C string literal.
std::string c_string(const std::string& text);

/// Texts of kernel/abi.hpp and of compiler/prelude/, put into the program when it is built.
extern const char* const abi_text;
extern const char* const arithmetic_text;
extern const char* const half_text;
extern const char* const walk_text;
extern const char* const position_text;
extern const char* const checked_text;
extern const char* const glsl_arithmetic_text;
extern const char* const glsl_half_text;
extern const char* const glsl_functions_text;

}  // namespace maniple::compiler
