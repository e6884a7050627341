// plan/plan_table.hpp: the table of a pipeline as a plan file holds it: what each column of ranks does at each time.
#pragma once

#include "job/reading.hpp"
#include "plan/outline.hpp"

namespace maniple {

/// Reads the table of one phase: for each column a row of cells "stage:microbatch" or ".". Whatever breaks a dependency or a
/// rule of pipelines is kept in `reading`, at its cell. Sorted by time and stage.
std::vector<ScheduledTask> read_table(Reading& reading, const YamlNode& node, const Graph& graph, const Batch& batch,
                                      const PipelineOutline& outline, int phase);

}  // namespace maniple
