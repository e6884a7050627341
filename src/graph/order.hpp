// graph/order.hpp: the entries of a job's graph in an order in which each comes after those that it names.
#pragma once

#include <vector>

#include "job/job.hpp"

namespace maniple {

/// Numbers of job.graph's entries, as near to the file's order as dependencies allow.
/// Errors: JobError with the path of a cycle, a note for each entry on it.
std::vector<std::size_t> order_entries(const Job& job);

}  // namespace maniple
