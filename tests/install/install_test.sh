#!/bin/bash
# Installs a build, moves what was installed elsewhere, and builds and runs the projects consumer/ and jobs/embed/ with it.
#
#   tests/install/install_test.sh BUILD_FOLDER C_COMPILER CXX_COMPILER BUILD_TYPE
set -euo pipefail
build=$1 c_compiler=$2 cxx_compiler=$3 build_type=$4
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/first" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
mv "$work/first" "$work/moved"
cmake -G Ninja -S "$here/consumer" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_BUILD_TYPE="$build_type" \
    -DCMAKE_C_COMPILER="$c_compiler" -DCMAKE_CXX_COMPILER="$cxx_compiler"
cmake --build "$work/build"
"$work/build/consumer"
cmake -G Ninja -S "$here/../../jobs/embed" -B "$work/embed" -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_BUILD_TYPE="$build_type" \
    -DCMAKE_C_COMPILER="$c_compiler" -DCMAKE_CXX_COMPILER="$cxx_compiler"
cmake --build "$work/embed"
"$work/embed/heat_graph"
"$work/embed/heat_tasks"
if [ -e "$work/moved/bin/maniple" ]; then
    "$work/moved/bin/maniple" --version
    chmod go-w "$work/build" "$work/build/own.so"  # a pack that others could write is refused
    "$work/moved/bin/maniple" kernels check "$work/build/own.so" | tee "$work/check.log"
    grep -q "^ok    twice " "$work/check.log"
fi
