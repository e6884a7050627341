#!/bin/bash
# Installs what the tests need, builds maniple and runs all its tests.
#
#   tests/run.sh [PRESET…]     default: dev; others: release clang asan tsan (with races that it has to find: race_…)
#
# Exit status: that of ctest (of the first preset that fails).
set -euo pipefail
cd "$(dirname "$0")/.."

presets=("$@")
[ ${#presets[@]} -gt 0 ] || presets=(dev)
groups=(build test)
[[ " ${presets[*]} " != *" clang "* ]] || groups+=(clang)
[ "$(id -u)" != 0 ] || groups+=(slurm)

echo "tests: installs missing packages with apt-get, builds into build/${presets[*]}, runs all tests"
cmake/install-packages.sh "${groups[@]}"
# shellcheck source=cmake/mpi-environment.sh
. cmake/mpi-environment.sh

# GoogleTest programs skip single cases without ctest noticing, so those are counted in the tests' own output.
say_skipped() {
    local results=$1 programs cases
    programs=$(grep -c '<skipped' "$results" || true)
    cases=$(grep -cE '^\[  SKIPPED \] [^ ]+\.[^ ]+ \(' "$results" || true)
    echo "skipped: $programs of ctest's tests, $cases cases inside of others"
    grep -oE '(SKIPPED:|^\[  SKIPPED \] [^ ]+\.[^ ]+ \().*' "$results" | sed 's/^/    /' | sort -u || true
}

status=0
for preset in "${presets[@]}"; do
    cmake --preset "$preset"
    cmake --build --preset "$preset"
    results=$PWD/build/$preset/ctest.xml
    code=0
    ctest --preset "$preset" --no-tests=error --output-junit "$results" || code=$?
    [ ! -e "$results" ] || say_skipped "$results"
    [ "$status" != 0 ] || status=$code
done
exit "$status"
