#!/bin/bash
# Installs what is missing, builds maniple and runs the first job, jobs/terrain.yaml, on two ranks.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "first-run: installs missing packages with apt-get, builds into build/release, runs jobs/terrain.yaml on 2 ranks"
cmake/install-packages.sh build look
# shellcheck source=cmake/mpi-environment.sh
. cmake/mpi-environment.sh
cmake --preset release -DMANIPLE_TESTS=OFF
cmake --build --preset release
mpirun -n 2 build/release/bin/maniple run jobs/terrain.yaml --overwrite

cat <<'END'

The results are in jobs/terrain.h5, the report is in jobs/terrain.report/. To look at them:
    h5dump -d /total jobs/terrain.h5                       # the sum of all heights, every 10 steps
    ncdump -h jobs/terrain.h5                              # what the file holds, as netCDF tools see it
    build/release/bin/maniple inspect jobs/terrain.h5      # where it came from, and whether it is intact
To run the job again:
END
if [ "$(id -u)" = 0 ]; then
    echo "    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"
fi
echo "    mpirun -n 2 build/release/bin/maniple run jobs/terrain.yaml"
