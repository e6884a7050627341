// cli/dry_run.hpp: `maniple run --dry-run`: everything is checked, nothing is read or run.
#pragma once

#include <string>
#include <vector>

namespace maniple {

bool wants_dry_run(const std::vector<std::string>& arguments);

/// Alone without MPI. Several ranks agree on an error first, so that one prints it, before any leaves: a launcher ends all
/// ranks as soon as one has left with an error. Returns the exit code; alone it throws what `maniple run` would.
int dry_run(int* argc, char*** argv, const std::vector<std::string>& arguments);

}  // namespace maniple
