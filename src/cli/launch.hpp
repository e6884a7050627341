// cli/launch.hpp: what a launcher (mpirun, srun) tells each process before MPI does.
#pragma once

namespace maniple {

int launched_ranks();  ///< 1 without a launcher
int launched_rank();   ///< 0 without a launcher

}  // namespace maniple
