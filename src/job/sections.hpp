// job/sections.hpp: the sections of a job file, each read into its part of a Job. Used by parse_job alone.
#pragma once

#include "job/job.hpp"
#include "job/reading.hpp"

namespace maniple {

/// All of them keep their errors in `reading`; what could not be read is left at its default.

void read_constants(Reading& reading, const YamlNode& node, Job& job);
void read_kernels(Reading& reading, const YamlNode& node, Job& job);
/// `inputs` or `parameters`, as `section` says.
void read_inputs(Reading& reading, const YamlNode& node, const std::string& section, std::vector<InputSpec>& inputs);
/// `fill:`. Errors: JobError.
Fill read_fill(const YamlNode& node, const Constants& constants);
/// Errors: JobError where a generated tensor of type `dtype` cannot be filled like that.
void check_fill(const Fill& fill, DType dtype);
void read_graph(Reading& reading, const YamlNode& node, Job& job);
void read_after(Reading& reading, const YamlNode& node, Job& job);
void read_places(Reading& reading, const YamlNode& node, Job& job);
void read_outputs(Reading& reading, const YamlNode& node, Job& job);
void read_loop(Reading& reading, const YamlNode& node, Job& job);
void read_train(Reading& reading, const YamlNode& node, Job& job);
void read_checkpoint(Reading& reading, const YamlNode& node, Job& job);
void read_plan(Reading& reading, const YamlNode& node, PlanSpec& plan);

/// The words that `plan:` and `--plan` take for a strategy.
const std::vector<std::string>& strategies();

/// What no section can see alone: names defined twice or not at all, `every` and `checkpoint` without steps,
/// outputs that share a data set or a file with an input.
void check_names(Reading& reading, const Job& job);
void check_iteration(Reading& reading, const Job& job);
void check_files(Reading& reading, const Job& job);

}  // namespace maniple
