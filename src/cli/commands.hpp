// cli/commands.hpp: the commands; each returns the process's exit code or throws.
#pragma once

#include <string>
#include <vector>

namespace maniple {

/// `maniple run`: initialises MPI, carries a job out, prints at most one error (on rank 0).
int run_command(int* argc, char*** argv, const std::vector<std::string>& arguments);

/// `maniple plan`: no MPI.
int plan_command(const std::vector<std::string>& arguments);

/// `maniple inspect FILE`.
int inspect_command(const std::vector<std::string>& arguments);

/// `maniple --version`.
std::string version_text();

/// The version alone: "0.1.0".
std::string version_number();

}  // namespace maniple
