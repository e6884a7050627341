// compiler/combinations.hpp: the `types:` of a description.
#pragma once

#include <vector>

#include "compiler/kernel_file.hpp"

namespace maniple::compiler {

/// {real: [f32, f64]}: every tensor has the type; or a list of "T,T->f64" with the values of its variables.
/// Errors: JobError; two combinations with the same inputs are one.
std::vector<Combination> read_combinations(const YamlNode& node, const Signature& signature);

}  // namespace maniple::compiler
