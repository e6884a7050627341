# shellcheck shell=bash
# Sourced by the scripts that call mpirun: what Open MPI must be told to start two ranks on any one machine.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1   # containers have no other user
export OMPI_MCA_rmaps_base_oversubscribe=1                         # two ranks also where there is one core
