#!/bin/bash
# Installs the Debian or Ubuntu packages that maniple needs; does nothing where all of them are there.
#
#   cmake/install-packages.sh GROUP…       groups: build look test clang slurm
#   cmake/install-packages.sh --list GROUP…    prints the packages instead
#
# This is the one list of packages; Debian 12 and Ubuntu 24.04 have all of them under these names.
set -euo pipefail

declare -A packages=(
    # to build and run maniple
    [build]="build-essential cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-openmpi-dev libhwloc-dev
             libyaml-dev libxxhash-dev libfmt-dev nlohmann-json3-dev libboost-program-options-dev
             libvulkan-dev glslc spirv-tools libopenblas0-pthread
             libfftw3-double3"
    # to look at results
    [look]="hdf5-tools netcdf-bin"
    # to build and run the tests
    # (clang and its run-time library: the fuzz tests need libFuzzer, whatever compiles the rest)
    # (files that others made, to be read: GSHHG's coastlines, Ferret's climatologies, what PyTables writes)
    # (Mesa for its software device, on which the gpu lane is tested)
    # (oneTBB and StarPU: rivals of bench_tasks)
    [test]="libgtest-dev librapidcheck-dev python3 python3-numpy python3-h5py python3-scipy hdf5-tools netcdf-bin util-linux
            clang libclang-rt-dev mesa-vulkan-drivers vulkan-validationlayers
            python3-tables python3-matplotlib gmt-gshhg-low ferret-datasets libtbb-dev libstarpu-dev"
    # for the preset clang
    [clang]="clang libomp-dev libclang-rt-dev"
    # to test on a Slurm cluster of two virtual nodes (root only)
    [slurm]="slurmctld slurmd slurm-client munge iproute2 util-linux"
)

say() { echo "install-packages: $*" >&2; }
installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

list_only=false
if [ "${1:-}" = --list ]; then
    list_only=true
    shift
fi
wanted=()
for group; do
    if [ -z "${packages[$group]:-}" ]; then
        say "no such group: $group (there are: ${!packages[*]})"
        exit 64
    fi
    read -r -d '' -a words <<<"${packages[$group]}" || true
    wanted+=("${words[@]}")
done
if $list_only; then
    printf '%s\n' "${wanted[@]}" | sort -u
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    say "no apt-get here; going on with what is installed. On Debian these would be needed: ${wanted[*]}"
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        say "these packages are missing and neither root nor sudo is here: ${missing[*]}"
        exit 69
    fi
    as_root=(sudo)
fi
say "installing ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0
     -o DPkg::Lock::Timeout=300)
# A fresh machine has no package lists, or old ones: one update, and only when something is missing.
"${apt[@]}" update
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}" </dev/null >/dev/null
