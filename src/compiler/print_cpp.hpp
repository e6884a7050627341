// compiler/print_cpp.hpp: the C++ back end. Every text it makes includes no header and exports one symbol.
#pragma once

#include <string>
#include <vector>

#include "compiler/check.hpp"

namespace maniple::compiler {

/// The vectorised code; compiled once per instruction set S with -DMANIPLE_INSTRUCTION_SET=S, it exports the
/// maniple_kernel_table `maniple_kernel_NAME_S`.
std::string print_cpp(const TypedKernel& kernel);

/// The same functions point by point with every access tested; exports `maniple_kernel_NAME_checked`.
std::string print_checked(const TypedKernel& kernel);

/// A `.composite.yaml`, which stays text (job/composite.hpp).
struct CompositeFile {
    std::string name;
    std::string text;
};

/// The descriptions of `kernels`, each with its tables for `instruction_sets`, and `composites`; exports
/// `maniple_pack_NAME`.
std::string print_pack(const std::string& name, const std::vector<TypedKernel>& kernels,
                       const std::vector<CompositeFile>& composites, const std::vector<std::string>& instruction_sets);

}  // namespace maniple::compiler
