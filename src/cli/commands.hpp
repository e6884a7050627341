// cli/commands.hpp: the commands; each returns the process's exit code or throws.
#pragma once

#include <string>
#include <vector>

#include "cli/options.hpp"

namespace maniple {

/// `maniple run`: initialises MPI, carries a job out, prints at most one error (on rank 0).
int run_command(int* argc, char*** argv, const std::vector<std::string>& arguments);

/// `maniple check`: no MPI.
int check_command(const std::vector<std::string>& arguments);

/// Everything that can be checked without a run; `warn`: prints warnings. What was proved, as text. Throws what is wrong.
std::string check_job(const PlanOptions& options, bool warn);

/// `maniple plan`: no MPI.
int plan_command(const std::vector<std::string>& arguments);

/// `maniple simulate`: no MPI.
int simulate_command(const std::vector<std::string>& arguments);

/// `maniple devices`: no MPI, but under a launcher with `--measure`.
int devices_command(int* argc, char*** argv, const std::vector<std::string>& arguments);

/// `maniple inspect FILE`.
int inspect_command(const std::vector<std::string>& arguments);

/// `maniple kernels`: no MPI. 70 if a kernel fails its check.
int kernels_command(const std::vector<std::string>& arguments);

/// `maniple --version`.
std::string version_text();

/// The version alone: "0.1.0".
std::string version_number();

}  // namespace maniple
