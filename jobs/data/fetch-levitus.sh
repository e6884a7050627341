#!/bin/sh
# Makes levitus.h5 beside this script from the Debian package ferret-datasets: temperature and salinity of the ocean.
set -e
source=${1:-/usr/share/ferret-vis/data/levitus_climatology.cdf}
[ -r "$source" ] || { echo "missing: $source (apt-get install ferret-datasets netcdf-bin)" >&2; exit 1; }
nccopy -k nc4 -d 1 -s "$source" "$(dirname "$0")/levitus.h5"
