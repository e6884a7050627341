// plan/plan_file.hpp: plans as YAML that people edit: printed by `maniple plan --dump FILE`, read for `plan: {from: FILE}`.
#pragma once

#include <string>
#include <vector>

#include "plan/outline.hpp"

namespace maniple {

/// The file of an outline, without its twins: short, with comments that say how it is used and what may be changed.
/// `file`: its name, for them. read_plan_file() makes the same outline of it, but for its notes. Pure.
std::string print_plan_file(const Graph& graph, const PlanOutline& outline, const std::string& file);

/// The outline that `request.from_text` holds, for a run of `ranks` ranks; twins are left to the caller. Pure.
/// Errors: JobError with all that is not allowed, each at its place in the file; UnavailableError where the ranks are
/// not there.
PlanOutline read_plan_file(const Graph& graph, const PlanRequest& request, int ranks);

/// By OperationId, what a plan file calls each: its name, and of several of one name "NAME.KERNEL", "NAME.KERNEL.2";
/// empty for twins.
std::vector<std::string> plan_keys(const Graph& graph);

/// A fingerprint of what a plan depends on: operations, how long their indices are, and who reads what of whom.
std::string plan_fingerprint(const Graph& graph);

/// Whether the plan says who writes the output: nobody computes it.
bool is_placed_output(const Graph& graph, const GraphOutput& output);

}  // namespace maniple
