// cli/launch.hpp: what a launcher (mpirun, srun) tells each process before MPI does.
#pragma once

namespace maniple {

int launched_ranks();  ///< 1 without a launcher
int launched_rank();   ///< 0 without a launcher
/// How many of them are on this node; 0: the launcher does not say.
int launched_ranks_here();

/// Whether this process is the only rank: there is no sign of a launcher, or Open MPI's says that it started no other.
/// Of other launchers only MPI can say how many ranks there are.
bool is_alone();

}  // namespace maniple
