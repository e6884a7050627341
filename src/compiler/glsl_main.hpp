// compiler/glsl_main.hpp: how the invocations of a shader find their points. Private to the GLSL back end.
#pragma once

#include <string>

#include "compiler/check.hpp"

namespace maniple::compiler {

/// `void main()` of one function of the gpu ABI (kernel/abi.hpp); `function` is any but init.
std::string main_text(const Function& function, const Variant& variant, const KernelFile& file);

}  // namespace maniple::compiler
