// cli/messages.hpp: what the user is told on standard error.
#pragma once

#include <vector>

#include "base/error.hpp"

namespace maniple {

/// Errors, warnings and their notes, in colour on a terminal unless NO_COLOR is set.
void print_messages(const std::vector<Diagnostic>& diagnostics);

}  // namespace maniple
