#!/usr/bin/env python3
"""The jobs of jobs/ on 1, 2, 3 and 4 ranks, on the cpu, on a gpu and on both, against NumPy.

gallery_test.py MANIPLE MPIEXEC SOURCE_DIR [--plans | --gpu-plans] [JOB…]

With --plans: on the cpu, under every strategy; with --gpu-plans: likewise on a gpu, and on both.
"""
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import references
except ImportError:
    print("SKIPPED: python3-scipy is not installed")
    sys.exit(77)

maniple, mpiexec, source = sys.argv[1:4]
only = [word for word in sys.argv[4:] if not word.startswith("--")]
with_gpu_plans = "--gpu-plans" in sys.argv
with_plans = with_gpu_plans or "--plans" in sys.argv
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
failures = []
skipped = []

# job: (numbers to set, reference, relative tolerance by data set; 0: bit for bit)
JOBS = {
    "digits": ({}, references.digits, {"probabilities": 1e-4, "labels": "labels", "accuracy": 0.005}),
    "mandelbrot": ({"width": 210, "height": 140, "iterations": 100}, references.mandelbrot, {"iterations": 0, "inside": 0}),
    "heat3d": ({"n": 16, "steps": 900, "spread": 5}, references.heat3d,
               {"temperature": 0, "hottest": 0, "coldest": 0, "mean": 1e-6}),  # ends early
    "wave": ({"steps": 80}, references.wave, {"surface": 0, "height": 0}),
    "gray-scott": ({"steps": 100}, references.gray_scott, {"u": 1e-5, "v": 1e-4, "amount": 1e-5}),
    "life": ({"steps": 60}, references.life, {"cells": 0, "living": 0}),
    "nbody": ({"n": 150, "steps": 5}, references.nbody, {"positions": 1e-5, "velocities": 1e-4, "momentum": 1e-4}),
    "climate": ({}, references.climate, {"temperature/mean": 1e-5, "salinity/mean": 1e-5, "points": 0, "temperature/anomaly": 1e-4,
                                         "temperature/surface": 1e-4, "temperature/spectrum": 1e-3, "correlation": 1e-3}),
    "transformer-block": ({}, references.transformer_block, {"z": 1e-4}),
    # 1,000 layers round one after the other, each to 64 eps at most.
    "deep-mlp": ({"rows": 96, "width": 64}, references.deep_mlp, {"h": 5e-4, "strength": 5e-4}),
    "unet-like": ({"images": 8}, references.unet_like, {"images": 1e-4}),
}


def expect(condition, what):
    if not condition:
        print("BAD   " + what, flush=True)
        failures.append(what)


def has_gpu():
    found = subprocess.run([maniple, "devices", "--json"], capture_output=True, text=True, env=environment)
    return any(device["usable"] for device in json.loads(found.stdout)["gpus"])


def compare(label, name, want, got, tolerance, other):
    want = numpy.asarray(want)
    if want.shape != got.shape:
        return expect(False, "%s: %s has shape %s, expected %s" % (label, name, got.shape, want.shape))
    if tolerance == "labels":
        best = numpy.sort(other["probabilities"], 1)[:, -2:]
        close = best[:, 1] - best[:, 0] < 1e-5
        wrong = numpy.sum((want != got) & ~close)
        print("      %s: %d labels differ, %d of %d have two best scores nearer than 1e-5" % (label, numpy.sum(want != got), numpy.sum(close), len(got)), flush=True)
        return expect(wrong == 0, "%s: %d labels differ" % (label, wrong))
    if tolerance == 0:
        return expect(numpy.array_equal(want, got), "%s: %s differs in %d of %d elements" % (label, name, numpy.sum(want != got), got.size))
    reach = numpy.maximum(numpy.abs(want), numpy.max(numpy.abs(want)) if want.size else 0)
    worst = numpy.max(numpy.abs(want - got) / reach) if want.size else 0
    expect(worst <= tolerance, "%s: %s is off by %.3g, allowed %.3g" % (label, name, worst, tolerance))


# Of unet-like on several ranks, of which rank s has stages s and 2p - 1 - s: the microbatches of which something is kept on
# rank s of p for a late layer, at most, at once.
LIVE_MICROBATCHES = {
    "pipeline": lambda p, s: 8,
    "{strategy: pipeline, microbatches: 3, schedule: 1f1b}": lambda p, s: min(3, p - s),
    "{strategy: pipeline, microbatches: 8, schedule: 1f1b}": lambda p, s: p - s,
    "{strategy: pipeline, microbatches: 8, buffer_depth: 3}": lambda p, s: 3,
    "{strategy: pipeline, microbatches: 8, schedule: 1f1b, buffer_depth: 2}": lambda p, s: min(2, p - s),
}


def check_live_microbatches(label, plan, ranks, lanes, summary):
    live = summary["live_microbatches"]
    if plan is None or "pipeline" not in plan:
        return expect(live == [], "%s: microbatches, of which there are none: %s" % (label, live))
    kept = [rank["kept"] for rank in live]
    if ranks == 1:
        return expect(all(one == 1 for one in kept), "%s: one after the other is kept: %s" % (label, live))
    if plan not in LIVE_MICROBATCHES:
        asked = re.search(r"microbatches: (\d+)", plan)
        most = int(asked.group(1)) if asked else 4 * ranks
        return expect(all(0 <= one <= most for one in kept), "%s: microbatches kept: %s, of %d" % (label, live, most))
    want = [LIVE_MICROBATCHES[plan](ranks, rank) for rank in range(ranks)]
    # What a gpu computes is known when it has been done.
    good = kept == want if lanes == "cpu" else len(kept) == ranks and all(a <= b for a, b in zip(kept, want))
    expect([rank["rank"] for rank in live] == list(range(ranks)) and good, "%s: microbatches kept: %s, expected %s" % (label, live, want))


def plans_for(job, ranks):
    """What --plan is given on so many ranks, one after the other."""
    if not with_plans:
        return [None]
    plans = ["{comm: collective}", "{strategy: model, comm: collective}", "model", "stealing", "pipeline", "{strategy: pipeline, microbatches: 3, schedule: 1f1b}"]
    if ranks >= 2:
        plans += ["{strategy: pipeline, microbatches: 4, schedule: gpipe, buffer_depth: 1, stages: %d}" % (2 * ranks)]
    if job == "unet-like" and ranks >= 2:
        plans += [plan for plan in LIVE_MICROBATCHES if plan not in plans]
    if job == "deep-mlp" and ranks == 4:
        plans += ["{strategy: pipeline, microbatches: 2, stages: 50}"]
    if ranks == 4:
        plans += ["{data: 2, model: 2}", "{data: 2, pipeline: 2, schedule: 1f1b, microbatches: 2}"]
    return plans


def run(folder, job, numbers, ranks, lanes, plan):
    words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "200", "-n", str(ranks), maniple, "run",
             os.path.join(folder, job + ".yaml"), "--threads", "1", "--lanes", lanes, "--no-history", "--overwrite"]
    words += [] if lanes == "cpu" else ["--gpus", "0"]
    words += [] if plan is None else ["--plan", plan]
    for name, value in numbers.items():
        words += ["--set", "%s=%s" % (name, value)]
    return subprocess.run(words, capture_output=True, text=True, env=environment)


def check(folder, job, lanes_known):
    numbers, reference, tolerances = JOBS[job]
    data = lambda file: h5py.File(os.path.join(folder, file))
    want = reference(data, **numbers)
    file = re.search(r"(\S+\.h5):/%s\b" % list(tolerances)[0], open(os.path.join(folder, job + ".yaml")).read()).group(1)
    before = len(failures)
    for ranks in (1, 2, 3, 4):
        for lanes, plan in itertools.product(lanes_known, plans_for(job, ranks)):
            label = "%s on %d ranks, %s" % (job, ranks, " ".join(word for word in (lanes, plan) if word))
            result = run(folder, job, numbers, ranks, lanes, plan)
            expect(result.returncode == 0, "%s exits %d: %s" % (label, result.returncode, result.stderr[-600:]))
            if result.returncode != 0:
                continue
            with data(file) as results:
                for name, tolerance in tolerances.items():
                    compare(label, name, want[name], results[name][()], tolerance, want)
            summary = json.load(open(os.path.join(folder, job + ".report", "summary.json")))
            if job == "unet-like":
                check_live_microbatches(label, plan, ranks, lanes, summary)
            kinds = summary["messages"]["kinds"]
            for count in ("count", "bytes"):
                expect(sum(kind[count] for kind in kinds.values()) == summary["messages"][count], "%s: kinds of messages add up: %s" % (label, kinds))
            handed_on = sum(kinds[kind]["count"] for kind in ("ring", "doubling"))
            if job == "nbody" and plan == "{comm: collective}":
                expect((handed_on > 0) == (ranks > 2), "%s: positions are handed on: %s" % (label, kinds))
            if "steps" in want:
                expect(summary["steps"] == want["steps"] < numbers["steps"],
                       "%s: %d steps, expected %d" % (label, summary["steps"], want["steps"]))
            gpus = [lane["operations"] for lane in summary["lanes"] if lane["lane"] == "gpu"]
            busy = (all if ranks == 1 else any)(operations > 0 for operations in gpus)
            expect(lanes == "cpu" or (summary["fallbacks"] == 0 and gpus and busy), label + ": a gpu lane was idle")
    print("%s  %s" % ("good" if len(failures) == before else "BAD ", job), flush=True)


def prepare_levitus(folder):
    script = os.path.join(folder, "data", "fetch-levitus.sh")
    made = subprocess.run(["sh", script], capture_output=True, text=True)
    return made.returncode == 0


wants_gpu = with_gpu_plans or not with_plans
lanes_known = ([] if with_gpu_plans else ["cpu"]) + (["gpu", "both"] if wants_gpu and has_gpu() else [])
if wants_gpu and "gpu" not in lanes_known:
    skipped.append("gpu lanes (no Vulkan device)")
with tempfile.TemporaryDirectory(prefix="maniple-gallery-") as folder:
    shutil.copytree(os.path.join(source, "jobs"), folder, dirs_exist_ok=True)
    for job in JOBS:
        if only and job not in only:
            continue
        if job == "climate" and not prepare_levitus(folder):
            skipped.append("climate (no ferret-datasets or nccopy)")
            continue
        check(folder, job, lanes_known)
for what in skipped:
    print("SKIPPED: " + what)
print("%d failures, %d skipped" % (len(failures), len(skipped)))
sys.exit(1 if failures else 77 if skipped else 0)
