// cli/launch.hpp: what a launcher (mpirun, srun) tells each process before MPI does.
#pragma once

namespace maniple {

int launched_ranks();  ///< 1 without a launcher
int launched_rank();   ///< 0 without a launcher
/// How many of them are on this node; 0: the launcher does not say.
int launched_ranks_here();

/// Whether there is any sign of a launcher: then only MPI can say how many ranks there are. A process without one is
/// alone.
bool was_launched();

}  // namespace maniple
