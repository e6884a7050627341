// cli/job_loading.hpp: the first stages of every command: the job file's text, and the graph.
#pragma once

#include <string>

#include "graph/graph.hpp"
#include "job/job.hpp"

namespace maniple {

/// Errors: DataError if the file cannot be read.
std::string read_job_text(const std::string& path);

}  // namespace maniple
