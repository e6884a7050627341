#!/usr/bin/env python3
"""`plan: stealing` through the real program: the same results however chunks are claimed, a slow rank that does not set the
pace, failures that end it.

stealing_test.py MANIPLE MPIEXEC FAULT_LIBRARY
"""
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

maniple, mpiexec, fault_library = sys.argv[1:4]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", LP_NUM_THREADS="1",
                   MANIPLE_CACHE_DIR="cache")
failures = []

# The set lies in the rows of the last rank.
IMAGE = """maniple: 1
name: image
constants: {iterations: 300}
graph:
  image: mandelbrot(width=210, height=203, xmin=-2.25, xmax=0.75, ymin=-3.5, ymax=1, iterations=iterations)
  inside: sum(image == iterations)
outputs: {image: image.h5:/image, inside: image.h5:/inside}
"""
# Nothing irregular: the stencil is what is claimed, tiles of several steps at a time.
LOOP = """maniple: 1
name: loop
inputs: {u: {shape: [611, 530], fill: uniform(seed=3)}}
graph:
  v: heat_step(u, alpha=0.2, boundary=[clamp, periodic])
  top: max(v)
loop: {steps: 45, carry: {u: v}}
outputs: {v: loop.h5:/v, top: {to: loop.h5:/top, every: 6}}
"""
# Every rank reads all positions, and three indices may be cut.
BODIES = """maniple: 1
name: bodies
inputs:
  r: {shape: [901, 3], fill: normal(seed=1)}
  m: {shape: [901], fill: uniform(seed=2)}
graph:
  a: nbody_forces(r, m, softening=0.1)
  s: r + 0.01*a
loop: {steps: 3, carry: {r: s}}
outputs: {a: bodies.h5:/a, s: bodies.h5:/s}
"""
# Where the time goes is one fold, whose states are claimed.
SUM = """maniple: 1
name: sum
inputs: {x: {shape: [2000003], fill: "uniform(seed=5, low=1, high=2)"}}
graph: {all: sum(x)}
outputs: {all: sum.h5:/all}
"""
JOBS = {"image": (IMAGE, 0), "loop": (LOOP, 0), "bodies": (BODIES, 1e-6), "sum": (SUM, 1e-6)}
NEAR, MESSAGES, TCP = "shared memory", "messages", "messages over tcp"


def expect(condition, what, said=""):
    print(("good  " + what) if condition else "BAD   %s %s" % (what, said), flush=True)
    if not condition:
        failures.append(what)


def run(ranks, job, *options, way=NEAR, slow=None, fault=None, plan="stealing"):
    words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks)]
    words += ["--mca", "btl", "self,tcp"] if way == TCP else []
    changed = dict(environment)
    if way != NEAR:
        changed["MANIPLE_CLAIM_BY"] = "messages"
    if slow:
        changed["MANIPLE_SLOW_RANK"] = slow
    if fault:
        preload = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), fault_library]))
        words += ["-x", "ASAN_OPTIONS=verify_asan_link_order=0", "-x", "LD_PRELOAD=" + preload, "-x", "FAULT=" + fault[0],
                  "-x", "FAULT_RANK=%d" % fault[1]]
    words += [maniple, "run", job + ".yaml", "--threads", "1", "--overwrite", "--no-history", "--gpus", "none"]
    words += ["--plan", plan] if plan else []
    return subprocess.run(words + list(options), capture_output=True, text=True, env=changed)


def summary_of(job):
    return json.load(open(os.path.join(job + ".report", "summary.json")))


def contents(job):
    with h5py.File(job + ".h5") as file:
        return {name: file[name][()] for name in file if isinstance(file[name], h5py.Dataset)}


def same(got, want, tolerance):
    return all(np.array_equal(got[name], want[name]) if tolerance == 0 else
               np.allclose(got[name], want[name], rtol=tolerance, atol=tolerance * np.max(np.abs(want[name]))) for name in want)


def check_results():
    for job, (text, tolerance) in JOBS.items():
        open(job + ".yaml", "w").write(text)
        first = run(1, job, plan="data")
        expect(first.returncode == 0, job + " on one rank", first.stderr[-300:])
        want = contents(job)
        for ranks in (1, 2, 3, 4):
            for way in (NEAR, MESSAGES) if ranks > 1 else (NEAR,):
                slow = "%d:4" % (ranks - 1) if ranks > 1 else None
                result = run(ranks, job, "--check", way=way, slow=slow)
                label = "%s on %d ranks, by %s" % (job, ranks, way)
                expect(result.returncode == 0, label, "%d %s" % (result.returncode, result.stderr[-600:]))
                if result.returncode == 0:
                    expect(same(contents(job), want, tolerance), label + ": the results")
                    expect(summary_of(job)["strategy"] == "stealing", label + ": the strategy")


def check_summary():
    """Who took how many boxes of whom, where one rank has nearly all of the work."""
    for way in (NEAR, MESSAGES, TCP):
        result = run(2, "image", "--set", "iterations=20000", way=way)
        stolen = summary_of("image")["stolen"]
        expect(result.returncode == 0 and any(s["rank"] == 0 and s["from"] == 1 and s["boxes"] > 0 for s in stolen) and
               "rank 0 took" in result.stderr, "by %s the one took boxes of the other: %s" % (way, stolen))


def check_slow_rank():
    """Three times as slow: with an even split that would be the time of all."""
    text = IMAGE.replace("ymin=-3.5", "ymin=-1").replace("width=210, height=203", "width=420, height=400")
    open("even.yaml", "w").write(text.replace("image.h5", "even.h5").replace("name: image", "name: even"))
    numbers = ["--set", "iterations=9000"]
    for way in (NEAR, MESSAGES):
        for attempt in range(3):  # on a machine with other work
            seconds = {}
            for plan in ("data", "stealing"):
                result = run(2, "even", *numbers, way=way, slow="1:3", plan=plan)
                expect(result.returncode == 0, "%s with a slow rank" % plan, result.stderr[-300:])
                seconds[plan] = summary_of("even")["wall_seconds"]
            good = seconds["stealing"] < 0.8 * seconds["data"]
            if good or attempt == 2:
                expect(good, "by %s a slow rank does not set the pace: %s" % (way, seconds))
                break


def check_long_chunks():
    """The other rank is inside of chunks that take 100 ms or more, and answers in between."""
    for way in (MESSAGES, TCP):
        result = run(2, "image", "--set", "iterations=3000", way=way, slow="1:300")
        taken = sum(entry["boxes"] for entry in summary_of("image")["stolen"] if entry["rank"] == 0)
        seconds = summary_of("image")["wall_seconds"]
        expect(result.returncode == 0 and taken > 20 and seconds < 20,
               "by %s in long chunks: %d boxes taken in %.1f s" % (way, taken, seconds))


def check_failures():
    text = "maniple: 1\nname: bad\ninputs: {x: {shape: [400000], fill: uniform(seed=1)}}\ngraph: {y: tanh(x)}\noutputs: {y: bad.h5:/y}\n"
    open("bad.yaml", "w").write(text)
    for way in (NEAR, MESSAGES):
        result = run(3, "bad", way=way, slow="0:50", fault=("throw", 1))
        expect(result.returncode == 70 and "tanh" in result.stderr and not os.path.exists("bad.h5"),
               "by %s a kernel that throws ends the run" % way, "%d %s" % (result.returncode, result.stderr[-300:]))


def check_what_does_not_apply():
    open("point.yaml", "w").write("maniple: 1\nname: point\ninputs: {x: {shape: [], fill: 3}}\ngraph: {y: x + 1}\n"
                                  "plan: {strategy: stealing, max_ranks: 2}\noutputs: {y: point.h5:/y}\n")
    result = run(2, "point", plan=None)
    expect(result.returncode == 0 and "planned as data" in result.stderr and summary_of("point")["strategy"] == "data",
           "nothing that can be cut", result.stderr[-300:])
    result = run(2, "image", "--record", "schedule")
    again = run(2, "image", "--replay", "schedule")
    expect(result.returncode == again.returncode == 0 and summary_of("image")["stolen"] == [] and "its own tiles" in again.stderr,
           "a schedule that is kept and followed", result.stderr[-300:] + again.stderr[-300:])
    for words in (["plan", "image.yaml", "--ranks", "3"], ["check", "image.yaml", "--ranks", "3"],
                  ["simulate", "image.yaml", "--ranks", "1,2,3"], ["run", "image.yaml", "--dry-run"]):
        result = subprocess.run([maniple, *words, "--plan", "stealing"], capture_output=True, text=True, env=environment)
        expect(result.returncode == 0, "maniple " + " ".join(words), result.stderr[-300:])
    expect("tiles claimed" in subprocess.run([maniple, "plan", "image.yaml", "--ranks", "2", "--plan", "stealing"], capture_output=True,
                                             text=True, env=environment).stdout, "the plan says what is claimed")


with tempfile.TemporaryDirectory(prefix="maniple-stealing-") as folder:
    os.chdir(folder)
    os.mkdir("cache")
    check_results()
    check_summary()
    check_slow_rank()
    check_long_chunks()
    check_failures()
    check_what_does_not_apply()
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
