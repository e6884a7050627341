#!/usr/bin/env python3
"""Loops that `until` ends, through the real program, against NumPy: steps that run before it is known whether they are
wanted leave no trace in results, series and summary: where they are gone back from (the input of the last step is a
result) and where they are left out (it is none).

until_test.py MANIPLE MPIEXEC
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

maniple, mpiexec = sys.argv[1:3]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", LP_NUM_THREADS="1")
failures = []
STEPS, EVERY = 600, 7

JOB = """maniple: 1
name: until
inputs: {u: "in.h5:/u"}
graph:
  v: heat_step(u, alpha=0.2)
  d: max(abs(v - u))
loop: {steps: %d, carry: {u: v}, until: "d < %r", check: %d}
outputs: {v: out.h5:/v, %sd: out.h5:/d, s: {to: out.h5:/s, every: %d}}
"""
JOB = JOB.replace("loop:", "  s: max(v)\nloop:")


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


def heat_step(u):
    around = np.pad(u, 1, mode="edge")
    north, south, west, east = around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]
    return u + np.float32(0.2) * ((((north + south) + west) + east) - np.float32(4) * u)


class Reference:
    """All states of a run that nothing stops."""

    def __init__(self):
        self.states = [np.random.default_rng(5).random((130, 90), dtype=np.float32)]
        for _ in range(STEPS):
            self.states.append(heat_step(self.states[-1]))
        self.changes = [np.abs(b - a).max() for a, b in zip(self.states, self.states[1:])]

    def limit(self, stop):
        """What `d` is below for the first time in step `stop`; as f32, for that is what it is compared as."""
        below, above = self.changes[stop - 1], min(self.changes[:stop - 1])
        assert below < above
        return float(below) + (float(above) - float(below)) / 2


def run(folder, ranks, threads, lanes):
    words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks)]
    words += [maniple, "run", "job.yaml", "--threads", str(threads), "--no-history", "--check", "--quiet", *lanes]
    return subprocess.run(words, env=environment, capture_output=True, text=True, cwd=folder)


def check(reference, stop, look, ranks, threads, lanes=(), with_input=True):
    performed = -(-stop // look) * look
    what = "until after %d steps, looked at every %d, %d ranks x %d threads %s%s: " % (
        stop, look, ranks, threads, " ".join(lanes), "" if with_input else "without the input")
    folder = tempfile.mkdtemp(prefix="maniple-until-")
    with h5py.File(os.path.join(folder, "in.h5"), "w") as file:
        file["u"] = reference.states[0]
    with open(os.path.join(folder, "job.yaml"), "w") as job:
        job.write(JOB % (STEPS, reference.limit(stop), look, "u: out.h5:/u, " if with_input else "", EVERY))
    result = run(folder, ranks, threads, lanes)
    expect(result.returncode == 0, what + "exits 0 " + result.stderr[-300:])
    if result.returncode == 0:
        summary = json.load(open(os.path.join(folder, "until.report", "summary.json")))
        expect(summary["steps"] == performed, what + "%d steps in the summary" % summary["steps"])
        with h5py.File(os.path.join(folder, "out.h5")) as file:
            got = {name: file[name][()] for name in ("vuds" if with_input else "vds")}
        expect(np.array_equal(got["v"], reference.states[performed]), what + "the value of the last step")
        if with_input:
            expect(np.array_equal(got["u"], reference.states[performed - 1]), what + "the input after the last carry performed")
        expect(got["d"] == reference.changes[performed - 1], what + "what until looked at")
        rows = [reference.states[step].max() for step in range(EVERY, performed + 1, EVERY)]
        expect(np.array_equal(got["s"], np.array(rows, np.float32)), what + "%d rows of the series" % len(rows))
        flops = summary["flops"] / performed
        expect(abs(flops / flops_of_a_step.setdefault((performed // EVERY / performed, look), flops) - 1) < 0.2, what + "flops of what was wanted")
    shutil.rmtree(folder)


flops_of_a_step = {}
reference = Reference()
configurations = ((1, 3), (2, 1), (3, 2))
for stop, look in ((5, 1), (33, 1), (36, 1), (75, 1), (151, 1), (300, 1), (160, 2), (150, 4), (151, 8), (40, 40)):
    for ranks, threads in configurations:
        check(reference, stop, look, ranks, threads)
for stop, look in ((5, 1), (36, 1), (160, 2), (151, 8)):
    for ranks, threads in configurations:
        check(reference, stop, look, ranks, threads, with_input=False)
for stop in (2, 7, 16, 17):
    check(reference, stop, 1, 2, 2, with_input=False)
if '"usable": true' in subprocess.run([maniple, "devices", "--json"], capture_output=True, text=True).stdout:
    for lanes in (("--lanes", "gpu", "--gpus", "0"), ("--lanes", "both", "--gpus", "0,0")):
        for ranks in (1, 2):
            check(reference, 151, 1, ranks, 1, lanes)
            check(reference, 90, 2, ranks, 2, lanes)
else:
    print("no Vulkan device: the cpu alone")
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
