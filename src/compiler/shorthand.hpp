// compiler/shorthand.hpp: `sum`, `max` and `min` behind a signature, written out as folds.
#pragma once

#include "compiler/kernel_file.hpp"

namespace maniple::compiler {

/// Sets file.fold. `node` is the description's `fold:`, {element: "x[k]*w[k]"}, or null where the signature's one
/// access is the element.
/// Errors: JobError where the element cannot be guessed.
void make_shorthand_fold(KernelFile& file, const YamlNode* node);

}  // namespace maniple::compiler
