// compiler/rules.hpp: what a description says of every call in formulas: extents, requirements, domains, the boundary.
#pragma once

#include "compiler/kernel_file.hpp"

namespace maniple::compiler {

/// The keys of a description that read_rules looks at.
inline const std::vector<std::string> rule_keys = {"extents", "require", "domain", "boundary"};

/// Reads and checks the rules of `root`. Requires: the signature, the parameters and the types of `file`.
/// Errors: JobError at the place: a formula that names what is not there, an index that no input gives an extent and no
/// formula either, or both, a parameter in a subscript that is no integer parameter.
void read_rules(KernelFile& file, const YamlNode& root);

/// The formula of a parameter that no call gives. Requires: the parameters before it.
Formula read_parameter_value(const KernelFile& file, const YamlNode& node);

}  // namespace maniple::compiler
