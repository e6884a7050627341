#!/usr/bin/env python3
"""Borders between ranks that move while a loop runs: one rank is slower than the others, what it computes becomes less,
results stay what they are.

borders_test.py MANIPLE MPIEXEC
"""
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

maniple, mpiexec = sys.argv[1:3]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
failures = []

HEAD = "maniple: 1\nname: borders\n"
# What is carried, what does not change (from a file, and computed), a sum over all, and what is read twice as far away.
HEAT = HEAD + """inputs: {u: "in.h5:/u", k: "in.h5:/k", n: {shape: [], fill: 0}}
graph:
  m: n + 1
  damping: blur(k, radius=2) * 0.5
  v: heat_step(u, alpha=0.2, boundary=[clamp, periodic])
  w: v * 0.9 + damping * 0.1
  high: max(w)
loop: {steps: %d, carry: {u: w, n: m}%s}
outputs: {w: out.h5:/w, high: {to: out.h5:/high, every: 30}, damping: out.h5:/damping}
"""
# Two values from before, one carried into the other.
WAVE = HEAD + """inputs: {u: "in.h5:/u", before: "in.h5:/u"}
graph: {next: "wave_step(u, before, c2=0.1)"}
loop: {steps: 240, carry: {before: u, u: next}}
outputs: {next: out.h5:/w, before: out.h5:/before}
"""
# A swap, which no storage can follow, beside a stencil in three dimensions.
SWAP = HEAD + """inputs: {a: "in.h5:/cube", b: "in.h5:/cube2", u: "in.h5:/cube"}
graph: {next: "heat_step3d(u, alpha=0.1) + 0.001 * (a - b)"}
loop: {steps: 200, carry: {u: next, a: b, b: a}}
outputs: {next: out.h5:/w, a: out.h5:/a}
"""


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


def run(job, folder, ranks, slow=None, plan="data"):
    with open(folder + "/job.yaml", "w") as file:
        file.write(job)
    extended = dict(environment, MANIPLE_TEST_SLOW=slow) if slow else environment
    done = subprocess.run([mpiexec, "--oversubscribe", "--bind-to", "none", "-n", str(ranks), maniple, "run", "job.yaml",
                           "--plan", plan, "--threads", "1", "--lanes", "cpu", "--no-history", "--check", "--stall",
                           "60s"], cwd=folder, env=extended, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        expect(False, "exit %d: %s" % (done.returncode, done.stderr[-2000:]))
        return {}, None
    with h5py.File(folder + "/out.h5") as file:
        results = {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
    with open(folder + "/borders.report/summary.json") as file:
        return results, json.load(file)


def same(got, want):
    return got.keys() == want.keys() and all(np.array_equal(got[name], want[name]) for name in want)


with tempfile.TemporaryDirectory() as folder:
    random = np.random.default_rng(4)
    rows, columns, steps = 900, 1400, 300
    with h5py.File(folder + "/in.h5", "w") as file:
        for name in "u", "k":
            file[name] = random.random((rows, columns), dtype=np.float32)
        for name in "cube", "cube2":
            file[name] = random.random((90, 100, 110), dtype=np.float32)

    want, even = run(HEAT % (steps, ""), folder, 1)
    got, slowed = run(HEAT % (steps, ""), folder, 2, slow="1:3")
    moves = slowed["border_moves"]
    expect(same(got, want), "one of two ranks slowed threefold: the same bits")
    expect(moves["count"] >= 1, "borders moved: %r" % moves)
    # Of u, damping and a tenth of it the rows that change ranks; k has served its purpose.
    expect(moves["bytes"] < moves["count"] * 3 * rows * columns * 4 * 0.45, "only differing rows were sent: %r" % moves)
    chunks = {lane["rank"]: lane["chunks"] for lane in slowed["lanes"] if lane["lane"] == "cpu"}
    expect(chunks[1] < 0.7 * chunks[0], "the slow rank computes less: %r" % chunks)

    until = ', until: "m >= 195"'
    want, alone = run(HEAT % (steps, until), folder, 1)
    got, slowed = run(HEAT % (steps, until), folder, 3, slow="0:4")
    expect(alone["steps"] == slowed["steps"] == 195, "until ends it after %d" % alone["steps"])
    expect(same(got, want), "until, three ranks: the same bits")
    expect(slowed["border_moves"]["count"] >= 1, "until, three ranks: borders moved")
    for name, job in ("two values from before", WAVE), ("a swap in three dimensions", SWAP):
        want, _ = run(job, folder, 1)
        got, slowed = run(job, folder, 2, slow="0:4")
        expect(same(got, want), "%s: the same bits, %r" % (name, slowed["border_moves"]))
        expect(slowed["border_moves"]["count"] >= 1, "%s: borders moved" % name)

print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
