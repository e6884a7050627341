#!/usr/bin/env python3
"""Hostile job files end quickly and in little memory, and colours are for terminals only.

    hostile_test.py MANIPLE MPIEXEC [--no-limits]

Each hostile file is run on 2 ranks: it may take 1 s of a rank's processor time (or of real time: the machine may be
busy, and a rank that waits spins) more than a trivial wrong job, and 200 MiB on each rank. --no-limits (under
sanitizers) checks only that it ends with its exit code.
"""
import json
import os
import pty
import random
import shutil
import subprocess
import sys
import tempfile
import time

MEGABYTES = 200
SECONDS = 1.0
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
ENVIRONMENT.pop("NO_COLOR", None)
failures = []


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


def measure_rank():
    """Runs the words behind `--rank FILE` as this rank; its seconds and memory go to FILE.RANK."""
    words = sys.argv[3:]
    begin = time.time()
    child = os.posix_spawn(words[0], words, os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = min(time.time() - begin, usage.ru_utime + usage.ru_stime)
    figures = {"seconds": seconds, "mib": usage.ru_maxrss / 1024}
    with open(sys.argv[2] + "." + os.environ["OMPI_COMM_WORLD_RANK"], "w") as file:
        json.dump(figures, file)
    sys.exit(os.waitstatus_to_exitcode(status) % 256)


HEAD = b"maniple: 1\nname: hostile\n"
OUTPUTS = b"outputs: {u: out.h5:/u}\n"


def hostile_files():
    """Name, bytes, and the exit code that they must end with."""
    noise = random.Random(7).randbytes(1 << 20)
    bomb = b"a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    for level in range(1, 60):
        bomb += b"a%d: &a%d [%s]\n" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 10))
    text = b"x-text: &text '" + b"x" * 1000000 + b"'\nx-copies: [" + b", ".join([b"*text"] * 900) + b"]\n"
    graph = HEAD + b"inputs: {u: {shape: [2], fill: 1}}\ngraph:\n  a: "
    yield "alias_bomb", HEAD + bomb
    yield "alias_of_a_long_text", HEAD + text
    yield "brackets", HEAD + b"x: " + b"[" * 100000
    yield "braces", HEAD + b"x: " + b"{a: " * 100000
    yield "dashes", HEAD + b"x:\n  " + b"- " * 100000 + b"1\n"
    yield "too_large", HEAD + b"#" * ((16 << 20) + 1 - len(HEAD))
    yield "one_scalar", HEAD + b"description: " + b"x" * ((16 << 20) - len(HEAD) - 13)
    yield "one_quoted_scalar", HEAD + b'description: "' + b"\\x41" * (4 << 20)
    yield "one_key", HEAD + b"x" * ((16 << 20) - len(HEAD) - 3) + b": 1"
    yield "one_comment", HEAD + b"#" * ((16 << 20) - len(HEAD))
    yield "blank_lines", HEAD + b"\n" * ((16 << 20) - len(HEAD))
    yield "nodes_in_a_list", HEAD + b"x-list: [" + b"1," * 1000001 + b"1]\n" + OUTPUTS
    yield "nodes_without_text", HEAD + b"x-list: [" + b"?," * 400000 + b"1]\n" + OUTPUTS
    yield "nodes_in_keys", HEAD + b"".join(b"k%d: 1\n" % i for i in range(510000))
    # What stands below the limit is built: these hold as many nodes as fit the memory that is asked for here.
    yield "keys", HEAD + b"".join(b"k%d: 1\n" % i for i in range(100000))
    yield "graph_entries", HEAD + b"graph:\n" + b"".join(b"  k%d: 1 +\n" % i for i in range(100000)) + OUTPUTS
    yield "unknown_keys", HEAD + b"inputs:\n  u:\n" + b"".join(b"    shap%d: 1\n" % i for i in range(100000)) + OUTPUTS
    yield "duplicate_keys", HEAD + b"name: a\n" * 490000
    yield "tags", HEAD + b"x-tags: [" + b"!a 1, " * 490000 + b"1]\n"
    yield "anchors", HEAD + b"x-anchors: [" + b"&a 1, " * 200000 + b"1]\n"
    yield "long_line", HEAD + b"inputs: {" + b", ".join(b"u%d: 5" % i for i in range(100000)) + b"}\n" + OUTPUTS
    yield "long_lines", HEAD + (b"#" + b"x" * 1000000 + b"\n") * 15 + b"x: " + b"y " * 400000 + b": z\n"
    yield "noise", noise
    yield "noise_of_letters", HEAD + bytes(32 + byte % 95 for byte in noise)
    yield "zeros", bytes(1 << 20)
    yield "not_utf8", HEAD + b"description: " + b"\xff" * 1000000
    yield "parentheses", graph + b"(" * 100000 + b"\n" + OUTPUTS
    yield "operators", graph + b"u" + b"+u" * 100000 + b"\n" + OUTPUTS
    yield "signs", graph + b"-" * 60000 + b"u\n" + OUTPUTS
    yield "commas", graph + b"sum(" + b"u," * 30000 + b"u)\n" + OUTPUTS
    yield "parameters", graph + b"sum(u," + b",".join(b"p%d=1" % i for i in range(7000)) + b")\n" + OUTPUTS
    yield "escaped_expression", graph + b'"' + b"\\x28" * 60000 + b'"\n' + OUTPUTS
    yield "names", HEAD + b"graph:\n  " + b"a," * 400 + b"a: sum(1)\n" + OUTPUTS
    yield "many_names", HEAD + b"graph:\n  ? " + b",".join(b"a%d" % i for i in range(100000)) + b"\n  : f(1)\n" + OUTPUTS
    yield "slice", HEAD + b"inputs:\n  u: in.h5:/u[" + b"0," * 1000000 + b"0]\n" + OUTPUTS
    yield "dataset_below", HEAD + b"outputs:\n  u: out.h5:" + b"/a" * 1000000 + b"\n  v: out.h5:" + b"/a" * 999999 + b"\n"
    yield "shape", HEAD + b"inputs:\n  u: {fill: 1, shape: [" + b"1," * 400000 + b"1]}\n" + OUTPUTS


class Hostile:
    def __init__(self, maniple, mpiexec, limits):
        self.maniple = os.path.abspath(maniple)
        self.mpiexec = mpiexec
        self.limits = limits
        self.folder = tempfile.mkdtemp(prefix="maniple-hostile-")
        self.write("trivial.yaml", b"maniple: 1\n")
        self.trivial_seconds = min(self.run("trivial.yaml")[1] for _ in range(3))

    def write(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(data)

    def run(self, job):
        """The exit code, a rank's seconds (both read the file; the other one waited longer), the largest rank's MiB, and what was said."""
        figures = os.path.join(self.folder, "figures")
        words = [self.mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "-n", "2", sys.executable,
                 os.path.abspath(__file__), "--rank", figures, self.maniple, "run", job, "--threads", "1"]
        result = subprocess.run(words, env=ENVIRONMENT, cwd=self.folder, capture_output=True, timeout=100)
        ranks = [json.load(open("%s.%d" % (figures, rank))) for rank in (0, 1)]
        return result.returncode, min(r["seconds"] for r in ranks), max(r["mib"] for r in ranks), result.stderr

    def test(self, name, data):
        self.write(name + ".yaml", data)
        for attempt in range(3):  # the machine may be busy with other things
            code, seconds, mib, said = self.run(name + ".yaml")
            longer = seconds - self.trivial_seconds
            if longer < SECONDS or not self.limits:
                break
        expect(code == 65 and 0 < len(said) < 50000, "%s ends with 65 and a message, got %d and %d bytes: %s"
               % (name, code, len(said), said[:150].decode(errors="replace").splitlines()[:1]))
        expect(all(byte >= 32 or byte in b"\n\t" for byte in said), "%s leaves no control characters" % name)
        if self.limits:
            expect(longer < SECONDS and mib < MEGABYTES,
                   "%s takes %.2f s more than a trivial job, %.0f MiB" % (name, longer, mib))
        os.remove(os.path.join(self.folder, name + ".yaml"))


def said_on_a_terminal(command, folder, **more):
    """What `command` writes when standard error is a terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(command, cwd=folder, env=dict(ENVIRONMENT, **more), stdout=subprocess.DEVNULL, stderr=follower)
    os.close(follower)
    said = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    process.wait(timeout=60)
    os.close(leader)
    return said


def test_colours(hostile):
    command = [hostile.maniple, "run", "trivial.yaml"]
    expect(b"\x1b[1;31merror:" in said_on_a_terminal(command, hostile.folder), "colours on a terminal")
    expect(b"\x1b" not in said_on_a_terminal(command, hostile.folder, NO_COLOR="1"), "no colours with NO_COLOR")
    piped = subprocess.run(command, env=ENVIRONMENT, cwd=hostile.folder, capture_output=True, timeout=60)
    expect(b"error:" in piped.stderr and b"\x1b" not in piped.stderr, "no colours in a pipe")
    piped = subprocess.run([hostile.mpiexec, "--quiet", "--oversubscribe", "-n", "2"] + command, env=ENVIRONMENT,
                           cwd=hostile.folder, capture_output=True, timeout=60)
    expect(b"error:" in piped.stderr and b"\x1b" not in piped.stderr, "no colours under mpirun in a pipe")


def main():
    if sys.argv[1] == "--rank":
        measure_rank()
    hostile = Hostile(sys.argv[1], sys.argv[2], "--no-limits" not in sys.argv)
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    for name, data in hostile_files():
        if only in name:
            hostile.test(name, data)
    test_colours(hostile)
    shutil.rmtree(hostile.folder)
    print("%d failures" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
