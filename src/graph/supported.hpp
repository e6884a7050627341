// graph/supported.hpp: what the job format knows and this version does not carry out yet. Nothing is silently ignored.
#pragma once

#include <string_view>

#include "job/job.hpp"

namespace maniple {

/// Errors: UnavailableError at the first key or value that is not carried out yet.
void refuse_unsupported(const Job& job);

/// A standard kernel's name, whether it is built in or not.
bool is_known_kernel(std::string_view name);

}  // namespace maniple
