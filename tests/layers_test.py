#!/usr/bin/env python3
"""Holds the tree to src/layers.txt: includes, the homes of third-party headers, CMake's link lists, file sizes.

    tests/layers_test.py [TREE]       checks TREE (default: the one that this file is in)
    tests/layers_test.py --self-test  copies the tree, plants one fault of each kind, and demands that it is found

Prints every finding as FILE:LINE: message. Exit status 1 if there is one.
"""
import pathlib
import re
import shutil
import sys
import tempfile

LONGEST_FILE = 800
CODE = {".hpp", ".cpp", ".h", ".c"}
SIZED = CODE | {".comp", ".py", ".sh", ".cmake", ".yaml", ".txt"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Angle-bracket headers that every layer may use: C++ has no suffix; the rest is C, POSIX, the compiler's own, and fmt.
ANYWHERE = re.compile(r"""[a-z_]+ | fmt/.* | sys/.* | .*intrin\.h | cpuid\.h
    | (?:assert|ctype|dirent|dlfcn|elf|errno|fcntl|float|inttypes|limits|link|math|poll|pthread|pwd|sched|semaphore|signal
       |spawn|stdarg|stddef|stdint|stdio|stdlib|string|sysexits|termios|time|unistd)\.h""", re.VERBOSE)
# CMake targets of libraries whose headers have a home, by the prefix that src/layers.txt names.
LIBRARIES = {"MPI::": "mpi.h", "hdf5::": "hdf5", "Vulkan::": "vulkan/", "PkgConfig::HWLOC": "hwloc",
             "OpenMP::": "omp.h", "PkgConfig::YAML": "yaml.h", "Boost::": "boost/", "PkgConfig::XXHASH": "xxhash.h",
             "nlohmann_json::": "nlohmann/"}


class Table:
    """src/layers.txt: `may` maps a layer to those it may include, `homes` a prefix to the folders that may include it."""

    def __init__(self, path):
        self.may, self.homes = {}, {}
        for line in path.read_text().splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            name, colon, rest = line.partition(":")
            if not colon:
                raise SystemExit(f"{path}: no colon in {line!r}")
            if name.startswith("@"):
                self.homes[name[1:].strip()] = rest.split()
            else:
                self.may[name.strip()] = set(rest.split())

    def home(self, header):
        """The longest prefix of `header` that has a home, or None."""
        return max((p for p in self.homes if header.startswith(p)), key=len, default=None)

    def is_home(self, prefix, folder):
        return any(folder == home or folder.startswith(home + "/") for home in self.homes[prefix])


def check_order(table):
    """The table itself: every name known, no two layers that include each other."""
    seen = set()
    for layer, may in table.may.items():
        for name in sorted(may - seen):
            yield f"src/layers.txt:1: {layer} may include {name}, which does not stand above it"
        seen.add(layer)


def check_includes(tree, table):
    for path in sorted((tree / "src").rglob("*")):
        if path.suffix not in CODE:
            continue
        folder = path.parent.relative_to(tree / "src").as_posix()
        layer = folder.partition("/")[0]
        if layer not in table.may:
            yield f"{path.relative_to(tree)}:1: the folder src/{layer} is not in src/layers.txt"
            continue
        for number, mark, header in includes(path):
            place = f"{path.relative_to(tree)}:{number}:"
            if mark == '"':
                target = header.partition("/")[0]
                if not (tree / "src" / header).is_file():
                    yield f'{place} there is no src/{header} (includes in "…" are written from src/)'
                elif target != layer and target not in table.may[layer]:
                    yield f"{place} {layer} may not include {target} ({header})"
                continue
            yield from check_third_party(place, header, table, folder)


def check_third_party(place, header, table, folder):
    prefix = table.home(header)
    if prefix is None:
        if not ANYWHERE.fullmatch(header):
            yield f"{place} <{header}> has no home in src/layers.txt"
    elif not table.is_home(prefix, folder):
        yield f"{place} <{header}> belongs to {' '.join(table.homes[prefix])} alone, not to {folder}"


def check_kernels(tree):
    for path in sorted((tree / "kernels").rglob("*")):
        if path.suffix in CODE:
            for number, mark, header in includes(path):
                beside = (path.parent / header).is_file()
                if mark == '"' and header != "kernel/abi.hpp" and not beside:
                    yield f'{path.relative_to(tree)}:{number}: kernels/ may include "kernel/abi.hpp" only, not "{header}"'


def includes(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found[1], found[2]


def check_sizes(tree):
    for top in ("src", "kernels", "tests", "bench", "cmake", "slurm"):
        for path in sorted((tree / top).rglob("*")):
            if path.suffix in SIZED and path.is_file():
                lines = len(path.read_text(errors="replace").splitlines())
                if lines > LONGEST_FILE:
                    yield f"{path.relative_to(tree)}:{LONGEST_FILE}: {lines} lines; split it before {LONGEST_FILE}"


class Target:
    """One maniple_layer(NAME SOURCES … LINK …)."""

    def __init__(self, path, number, arguments):
        self.path, self.number, self.name = path, number, arguments[0]
        self.sources, self.link = [], []
        into = None
        for word in arguments[1:]:
            if word in ("SOURCES", "LINK"):
                into = self.sources if word == "SOURCES" else self.link
            elif into is not None and word not in ("PUBLIC", "PRIVATE", "INTERFACE"):
                into.append(word)


def targets(tree):
    for path in sorted((tree / "src").rglob("CMakeLists.txt")):
        text = re.sub(r"#.*", "", path.read_text())
        for found in re.finditer(r"\bmaniple_layer\s*\(([^)]*)\)", text):
            if found[1].split():
                yield Target(path, text.count("\n", 0, found.start()) + 1, found[1].split())


def check_cmake(tree, table):
    """Link lists stay inside the table, and reach every layer whose headers the target's sources include."""
    every = {t.name: t for t in targets(tree)}
    for target in every.values():
        folder = target.path.parent.relative_to(tree / "src").as_posix()
        layer = folder.partition("/")[0]
        place = f"{target.path.relative_to(tree)}:{target.number}:"
        if target.name.partition("_")[0] != layer:
            yield f"{place} the target of src/{folder} is named {target.name}, not {layer} or {layer}_…"
        for word in target.link:
            to = (own_name(word) or layer).partition("_")[0]
            if to != layer and to not in table.may.get(layer, set()):
                yield f"{place} {target.name} may not link {word}"
            for start, prefix in LIBRARIES.items():
                if word.startswith(start) and prefix in table.homes and not table.is_home(prefix, folder):
                    yield f"{place} {word} belongs to {' '.join(table.homes[prefix])} alone, not to {folder}"
        reached = {name.partition("_")[0] for name in linked_targets(target, every)}
        for name in sorted(included_layers(target) - reached - {layer}):
            yield f"{place} {target.name} includes {name} and does not link maniple::{name}"


def own_name(word):
    """kernel for maniple::kernel and maniple_kernel; None for a library of others."""
    found = re.fullmatch(r"maniple(?:::|_)(\w+)", word)
    return found and found[1]


def linked_targets(target, every):
    """The names of all layers that `target` links, directly or through others."""
    found, open_ends = set(), [target]
    while open_ends:
        for name in filter(None, map(own_name, open_ends.pop().link)):
            if name not in found:
                found.add(name)
                open_ends += [every[name]] if name in every else []
    return found


def included_layers(target):
    """The layers whose headers the sources, and the headers beside them, name."""
    found = set()
    for source in target.sources:
        for path in {target.path.parent / source, (target.path.parent / source).with_suffix(".hpp")}:
            if path.is_file():
                found |= {header.partition("/")[0] for _, mark, header in includes(path) if mark == '"'}
    return found


def check(tree):
    table = Table(tree / "src" / "layers.txt")
    return [*check_order(table), *check_includes(tree, table), *check_kernels(tree), *check_sizes(tree),
            *check_cmake(tree, table)]


def append(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)


# What is planted, where, and what the finding must say. base includes nothing; mpi.h lives in lanes/net and lanes/file.
PLANTS = [
    ("src/base/planted.cpp", '#include "cli/planted.hpp"\n', "base may not include cli"),
    ("src/tensor/planted.cpp", "  #  include <mpi.h>\n", "<mpi.h> belongs to lanes/net lanes/file alone"),
    ("src/lanes/cpu/planted.hpp", "#include <H5Ipublic.h>\n", "<H5Ipublic.h> belongs to lanes/file alone"),
    ("src/job/planted.cpp", "#include <curl/curl.h>\n", "<curl/curl.h> has no home"),
    ("src/job/planted.hpp", '#include "planted.hpp"\n', "there is no src/planted.hpp"),
    ("src/misc/planted.cpp", "#include <vector>\n", "src/misc is not in src/layers.txt"),
    ("src/tensor/long.cpp", "\n" * (LONGEST_FILE + 1), "801 lines"),
    ("kernels/planted.cpp", '#include "tensor/box.hpp"\n', "kernels/ may include"),
    ("src/cluster/CMakeLists.txt", "maniple_layer(cluster_planted SOURCES no.cpp\n  LINK maniple::run)\n",
     "cluster_planted may not link maniple::run"),
    ("src/kernel/CMakeLists.txt", "maniple_layer(kernel_planted SOURCES no.cpp LINK MPI::MPI_C)\n",
     "MPI::MPI_C belongs to"),
    ("src/graph/CMakeLists.txt", "maniple_layer(graph_planted SOURCES planted.cpp LINK maniple::base)\n",
     "graph_planted includes tensor and does not link"),
    ("src/layers.txt", "lowest: highest\nhighest:\n", "lowest may include highest"),
]
BESIDES = [  # what the plants need to be seen as what they are
    ("src/cli/planted.hpp", "// planted\n"),
    ("src/graph/planted.cpp", '#include "tensor/planted.hpp"\n'),
    ("src/tensor/planted.hpp", "// planted\n"),
]


def self_test(tree):
    missed = 0
    for path, text, expected in PLANTS:
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            for top in ("src", "kernels"):
                shutil.copytree(tree / top, copy / top)
            before = set(check(copy))
            for other, content in BESIDES:
                append(copy / other, content)
            append(copy / path, text)
            new = [finding for finding in check(copy) if finding not in before]
            good = len(new) == 1 and expected in new[0]
            missed += not good
            print(f"{'found ' if good else 'MISSED'}  {expected}" + ("" if good else f"; instead: {new}"))
    return missed


def main():
    tree = pathlib.Path(__file__).resolve().parent.parent
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test(tree) else 0
    if sys.argv[1:]:
        tree = pathlib.Path(sys.argv[1]).resolve()
    findings = check(tree)
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
