// cli/job_loading.hpp: the texts of the job file and of the plan file that it names.
#pragma once

#include <string>

#include "job/job.hpp"

namespace maniple {

/// At most one byte more than a job file may have. Errors: DataError if the file cannot be read.
std::string read_job_text(const std::string& path);

/// The same of the plan file that `from` names; empty where none is named. Errors: DataError at the name.
std::string read_plan_text(const PlanSpec& plan);

}  // namespace maniple
