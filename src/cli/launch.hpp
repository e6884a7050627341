// cli/launch.hpp: what a launcher (mpirun, srun) tells each process before MPI does.
#pragma once

#include <memory>

#include "lanes/net/world.hpp"

namespace maniple {

int launched_ranks();  ///< 1 without a launcher
int launched_rank();   ///< 0 without a launcher
/// How many of them are on this node; 0: the launcher does not say.
int launched_ranks_here();

/// Whether this process is the only rank: there is no sign of a launcher, or Open MPI's says that it started no other.
/// Of other launchers only MPI can say how many ranks there are.
bool is_alone();

/// Starts MPI. Where the launcher says that all ranks are on this node, Open MPI is told to look for no network: it waits
/// a tenth of a second for each of two kinds of adapter that few machines have. Unless the user has said how messages go
/// (`mpirun --mca pml …`, `btl`, `mtl`). Sets variables of the environment meanwhile: no other thread may ask for one.
/// Errors: those of MpiSession.
std::unique_ptr<MpiSession> start_mpi(int* argc, char*** argv);

}  // namespace maniple
