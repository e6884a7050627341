// cli/job_loading.hpp: the job file's text.
#pragma once

#include <string>

namespace maniple {

/// At most one byte more than a job file may have. Errors: DataError if the file cannot be read.
std::string read_job_text(const std::string& path);

}  // namespace maniple
