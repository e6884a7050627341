// graph/rules.hpp: the rules of a kernel's description (kernel.hpp) with the parameters and shapes of one call.
#pragma once

#include "graph/bind.hpp"

namespace maniple {

/// Errors: JobError at the first name of the condition that the call wrote: its argument, or its parameter.
void check_requirements(const BindRequest& request);

/// The extent that a formula gives an index. Errors: JobError, placed likewise, if it has no value or a negative one.
std::int64_t extent_by_rule(const BindRequest& request, const std::string& index, const Formula& formula);

/// Errors: JobError, placed likewise, if an end has no value.
std::vector<ElementDomain> domains_of(const BindRequest& request);

}  // namespace maniple
