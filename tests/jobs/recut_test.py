#!/usr/bin/env python3
"""Tiles that follow from what points cost, through the real program: as earlier runs have measured it, and as it turns out
while a loop runs. Results have the same bits.

recut_test.py MANIPLE MPIEXEC
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import h5py
import numpy as np

maniple, mpiexec = sys.argv[1:3]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
failures = []

# A stencil, a chain, a sum over rows, one over all, and what does not change; the tiles of all of them are few.
HEAT = """maniple: 1
name: recut
inputs: {u: {shape: [96, 200], fill: uniform(seed=3)}, k: {shape: [96, 200], fill: uniform(seed=4)}}
graph:
  damping: blur(k, radius=2) * 0.5
  v: heat_step(u, alpha=0.2, boundary=[clamp, periodic])
  w: sqrt(exp(v * 0.9 + damping * 0.1)) * 0.5
  rows: sum(w, axis=1)
  total: sum(w)
loop: {steps: %d, carry: {u: w}}
outputs: {w: out.h5:/w, rows: {to: out.h5:/rows, every: 40}, total: {to: out.h5:/total, every: 20}}
"""
BODIES = """maniple: 1
name: recut
inputs:
  r: {shape: [400, 3], fill: normal(seed=1)}
  v: {shape: [400, 3], fill: "normal(seed=2, std=0.1)"}
  m: {shape: [400], fill: "uniform(seed=3, low=0.0005, high=0.0015)"}
graph:
  a: nbody_forces(r, m, softening=0.1)
  v_next: axpy(a, v, a=0.01)
  r_next: axpy(v_next, r, a=0.01)
loop: {steps: 16, carry: {r: r_next, v: v_next}}
outputs: {r_next: out.h5:/r, v_next: out.h5:/v}
"""


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


def run(folder, job, *options, ranks=1, threads=2, slow="", cache="", code=0):
    """The results, the summary and what was said; with `cache` a history is read and written there."""
    with open(folder + "/job.yaml", "w") as file:
        file.write(job)
    changed = dict(environment, MANIPLE_CACHE_DIR=cache or folder)
    if slow:
        changed["MANIPLE_SLOW_KERNEL"] = slow
    words = [mpiexec, "--oversubscribe", "--bind-to", "none", "-n", str(ranks), maniple, "run", "job.yaml", "--lanes", "cpu",
             "--threads", str(threads), "--check", "--overwrite", *options]
    if not cache:
        words.append("--no-history")
    done = subprocess.run(words, cwd=folder, env=changed, capture_output=True, text=True, timeout=200)
    if done.returncode != code:
        expect(False, "exit %d: %s" % (done.returncode, done.stderr[-2000:]))
        return {}, {"recuts": -1, "chunks": 0, "steps": 0}, done.stderr
    if code:
        return {}, {}, done.stderr
    with h5py.File(folder + "/out.h5") as file:
        results = {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
    with open(folder + "/recut.report/summary.json") as file:
        return results, json.load(file), done.stderr


def same(got, want):
    return len(want) > 0 and got.keys() == want.keys() and all(np.array_equal(got[name], want[name]) for name in want)


def write_history(folder, costs, threads=2):
    """Costs of a point in ns, of all threads together, whatever the number of points: behind the head of a cache file."""
    lines = ["%s\tcpu x%d\t14\t%g\n" % (kernel, threads, costs[kernel]) for kernel in sorted(costs)]
    text = ("maniple throughput 1\n" + "".join(lines)).encode()
    check = 0xcbf29ce484222325
    for byte in text:
        check = (check ^ byte) * 0x100000001b3 % 2**64
    with open(folder + "/throughput", "wb") as file:
        file.write(b"mplcach1" + struct.pack("<Q", check) + text)


with tempfile.TemporaryDirectory() as folder:
    # Between blocks: what a point costs becomes another from step 30 on.
    for ranks in 1, 2:
        job = HEAT % 200
        want, steady, _ = run(folder, job, ranks=ranks)
        got, slowed, said = run(folder, job, ranks=ranks, slow="heat_step:400:30")
        what = "a kernel becomes slow, %d ranks: " % ranks
        expect(same(got, want), what + "the same bits")
        expect(slowed["recuts"] >= 1 and slowed["chunks"] > steady["chunks"],
               what + "%d cuts, %d chunks instead of %d" % (slowed["recuts"], slowed["chunks"], steady["chunks"]))
        expect("tiles were cut anew" in said, what + "it is said")
    # Nobody would have anything of it: one step is left.
    got, late, _ = run(folder, HEAT % 200, slow="heat_step:50:199")
    expect(late["recuts"] == 0 or late["chunks"] < 2 * steady["chunks"], "nothing is built for steps that are over")
    one, _, _ = run(folder, HEAT % 200, threads=1)
    want, _, _ = run(folder, HEAT % 200)
    expect(same(one, want), "one thread: the same bits")

    # Before the first block: as the history says.
    for name, job, costs in (("stencil", HEAT % 80, {"heat_step f32": 300, "sum f32": 300, "exp f32": 300}),
                             ("bodies", BODIES, {"nbody_forces f32 f32": 40})):
        cache = tempfile.mkdtemp(dir=folder)
        want, alone, _ = run(folder, job, threads=1)
        write_history(cache, costs)
        got, known, _ = run(folder, job, cache=cache)
        expect(same(got, want), "%s, with a history: the same bits as on one thread" % name)
        expect(known["chunks"] > 2 * alone["chunks"],
               "%s: %d chunks where points are dear, on one thread %d" % (name, known["chunks"], alone["chunks"]))

    # A schedule holds for tiles that do not follow from it.
    cache = tempfile.mkdtemp(dir=folder)
    want, _, _ = run(folder, HEAT % 40, "--record", "a", cache=cache)
    write_history(cache, {"heat_step f32": 300})
    got, replayed, said = run(folder, HEAT % 40, "--replay", "a", cache=cache, slow="heat_step:50:0")
    expect(same(got, want) and replayed["recuts"] == 0, "a schedule is followed whatever has been measured since")
    expect("tiles are cut as if nothing had been measured" in said, "it is said")
    got, stolen, _ = run(folder, HEAT % 200, "--plan", "stealing", ranks=2, slow="heat_step:50:30")
    expect(stolen["recuts"] == 0, "what others may claim is not cut anew")

    _, _, said = run(folder, HEAT % 40, slow="heat_step:x", code=64)
    expect("MANIPLE_SLOW_KERNEL takes" in said, "a hook that is none")

print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
