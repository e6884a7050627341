// graph/supported.hpp: what the job format knows and this version does not carry out yet. Nothing is silently ignored.
#pragma once

#include "job/job.hpp"

namespace maniple {

/// Errors: UnavailableError at the first key or value that is not carried out yet.
void refuse_unsupported(const Job& job);

}  // namespace maniple
