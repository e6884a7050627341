// compiler/print_glsl.hpp: the GLSL back end: the compute shaders of a kernel, as kernel/abi.hpp describes them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/check.hpp"
#include "compiler/spirv.hpp"

namespace maniple::compiler {

/// One shader. Several variants share one where their texts are equal.
struct ShaderText {
    std::string name;  ///< "compute_0": the function and the first variant that has it
    std::string text;
};

/// The shaders of one combination of types.
struct ShaderVariant {
    std::map<FunctionKind, std::size_t> shaders;  ///< numbers in ShaderSet::texts
    std::string reason;                           ///< why there are none, for people; else empty
    bool uses_coordinates = false;
    int real_bytes = 4;
};

struct ShaderSet {
    std::vector<ShaderText> texts;
    std::vector<ShaderVariant> variants;  ///< in the order of TypedKernel::variants
};

/// Prints the shaders of all variants.
ShaderSet print_shaders(const TypedKernel& kernel);

/// C++ that exports the maniple_gpu_table `maniple_kernel_NAME_gpu`; `modules` are the compiled `set.texts`, in order.
/// Errors: DataError for a module with arithmetic that a driver may contract, or with unknown capabilities.
std::string print_spirv(const TypedKernel& kernel, const ShaderSet& set, const std::vector<SpirvWords>& modules);

}  // namespace maniple::compiler
