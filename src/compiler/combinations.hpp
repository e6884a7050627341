// compiler/combinations.hpp: the `types:` of a description.
#pragma once

#include <vector>

#include "compiler/kernel_file.hpp"

namespace maniple::compiler {

/// {real: [f32, f64]}: every tensor has the type; or a list of "T,T->f64" with the values of its variables.
/// `chosen`: a parameter of type dtype names the first output's type, which then tells combinations with the same
/// inputs apart. Errors: JobError; two combinations that nothing tells apart are one.
std::vector<Combination> read_combinations(const YamlNode& node, const Signature& signature, bool chosen);

}  // namespace maniple::compiler
