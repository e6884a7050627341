#!/usr/bin/python3
"""Calls that a kernel's description refuses, each at its place; and elements that no kernel may be given: exit 70 with
the operation, the value and its place, on any ranks and lanes, without hanging.

rules_test.py MANIPLE MPIEXEC
"""
import json
import subprocess

import h5py
import numpy as np

import runner

INPUTS = """inputs:
  x: {shape: [2, 3, 8, 9], fill: normal(seed=1)}
  w: {shape: [4, 3, 3, 3], fill: normal(seed=2)}
  big: {shape: [4, 3, 12, 3], fill: normal(seed=2)}
  other: {shape: [4, 2, 3, 3], fill: normal(seed=2)}
  flat: {shape: [8, 9], fill: normal(seed=3)}
  r: {shape: [5, 3], fill: normal(seed=3)}
  r2: {shape: [5, 2], fill: normal(seed=3)}
  m: {shape: [5], fill: 1}
  m4: {shape: [4], fill: 1}
"""
# The call, what stands at the place of the error, a part of the message.
REFUSED = [
    ("cross_correlation2d(x, w, stride=0)", "stride=0", "needs stride >= 1, found stride=0"),
    ("cross_correlation2d(x, w, stride=-2)", "stride=-2", "needs stride >= 1, found stride=-2"),
    ("cross_correlation2d(x, w, pad=-1)", "pad=-1", "needs pad >= 0, found pad=-1"),
    ("cross_correlation2d(x, big)", "big)", "needs extent(w, 2) <= extent(x, 2) + 2*pad, found 'big' [4, 3, 12, 3]"),
    ("cross_correlation2d(x, big, pad=1)", "big,", "pad=1"),
    ("cross_correlation2d(x, other)", "other)", "index c of cross_correlation2d has two sizes"),
    ("cross_correlation2d(flat, w)", "flat,", "expects 4 axes"),
    ("cross_correlation2d(x, w, pad=4611686018427387904)", "w,", "needs extent(w, 2)"),
    ("cross_correlation2d(x, w, pad=1099511627776)", "pad=", "too large"),
    ("cross_correlation2d(x, w, stride=1.5)", "1.5", "expected an integer"),
    ("cross_correlation2d(x, w, boundary=clamp)", "boundary=", "no parameter 'boundary'"),
    ("max_pool2d(x, size=9, stride=1)", "size=9", "needs size <= extent(x, 2), found size=9, 'x' [2, 3, 8, 9]"),
    ("max_pool2d(x, size=0, stride=1)", "size=0", "needs size >= 1"),
    ("max_pool2d(x, size=2)", "max_pool2d", "needs its parameter 'stride'"),
    ("avg_pool2d(x, size=2, stride=0)", "stride=0", "needs stride >= 1"),
    ("mandelbrot(width=-1, height=2, xmin=0, xmax=1, ymin=0, ymax=1, iterations=3)", "width=-1", "width >= 0"),
    ("mandelbrot(width=1, height=2, xmin=0, xmax=1, ymin=0, ymax=1, iterations=-3)", "iterations=-3", "needs"),
    ("mandelbrot(width=1, height=2, xmin=0, xmax=1, ymin=0, ymax=1)", "mandelbrot", "'iterations'"),
    ("mandelbrot(width=1, height=2, xmin=0, xmax=1, ymin=0, ymax=1, iterations=3, dx=1)", "dx=1", "no parameter 'dx'"),
    ("mandelbrot(x, width=1, height=2, xmin=0, xmax=1, ymin=0, ymax=1, iterations=3)", "x, ", "takes 0 arguments"),
    ("nbody_forces(r2, m, softening=1)", "r2", "needs extent(positions, 1) == 3"),
    ("nbody_forces(r, m4, softening=1)", "m4", "has two sizes"),
]


def check_refusals():
    for call, place, message in REFUSED:
        with runner.Folder("maniple: 1\nname: wrong\n%sgraph:\n  z: %s\noutputs: {z: out.h5:/z}\n" % (INPUTS, call)) as it:
            found = subprocess.run([runner.maniple, "check", it.job], capture_output=True, text=True)
            column = 6 + call.index(place)
            wanted = "job.yaml:%d:%d: error: " % (4 + INPUTS.count("\n"), column)
            runner.expect(found.returncode == 65 and wanted in found.stderr and message in found.stderr,
                          "%s: %d, %s, expected %s" % (call, found.returncode, found.stderr, wanted))


def has_device():
    found = subprocess.run([runner.maniple, "devices", "--json"], capture_output=True, text=True)
    return any(device["usable"] for device in json.loads(found.stdout)["gpus"])


DOMAIN = """maniple: 1
name: domain
inputs: {x: data.h5:/x, labels: data.h5:/labels}
graph:
  shifted: labels + 0
  loss: cross_entropy_of_class(x, %s)
outputs: {loss: out.h5:/loss}
"""


def run_domain(labels, ranks, lanes, argument):
    with runner.Folder(DOMAIN % argument) as folder:
        with h5py.File(folder.file("data.h5"), "w") as file:
            file["x"] = np.random.default_rng(1).normal(size=(len(labels), 5)).astype(np.float32)
            file["labels"] = labels
        return folder.run(ranks, "--lanes", lanes)


def check_domains():
    lanes = ["cpu", "gpu", "both"] if has_device() else ["cpu"]
    count = 0
    for lane in lanes:
        for ranks in (1, 2, 3):
            labels = np.arange(40, dtype=np.int64 if ranks == 2 else np.int32) % 5
            # Computed on a lane or read from a file.
            argument = "shifted" if ranks == 2 or lane == "both" else "labels"
            where = "--lanes %s on %d ranks" % (lane, ranks)
            good = run_domain(labels, ranks, lane, argument)
            runner.expect(good.returncode == 0, "%s: good labels end with %d, %s" % (where, good.returncode, good.stderr))
            position, value = [(37, 5), (33, -1), (2, 2**31 - 1)][ranks - 1]
            labels[position] = value
            bad = run_domain(labels, ranks, lane, argument)
            wanted = ["cross_entropy_of_class", "finds %d at [%d]" % (value, position), "labels", "expected 0 to 4", "box", "on the cpu lane"]
            if ranks > 1:
                wanted.append("on rank %d" % (position * ranks // len(labels)))
            runner.expect(bad.returncode == 70 and all(word in bad.stderr for word in wanted),
                          "%s: a bad label ends with %d, %s" % (where, bad.returncode, bad.stderr))
            count += 1
    return count


LOOP = """maniple: 1
name: domain
inputs: {x: {shape: [12, 5], fill: 1}, labels: {shape: [12], fill: 2, dtype: i64}, fixed: {shape: [12], fill: 4, dtype: i32}}
graph:
  more: labels + 1
  loss: cross_entropy_of_class(x, labels)
  other: cross_entropy_of_class(x + sum(loss), fixed)
loop: {steps: %d, carry: {labels: more, x: x_next}}
outputs: {loss: out.h5:/loss, other: out.h5:/other}
"""


def check_loops():
    """Labels that have left their classes when the last step, the only one whose loss is written, reads them."""
    text = LOOP.replace("  other:", "  x_next: x + 1.0\n  other:")
    count = 0
    for lane in ["cpu", "gpu"] if has_device() else ["cpu"]:
        for ranks in (1, 2):
            for steps, code in ((3, 0), (9, 70)):
                with runner.Folder(text % steps) as folder:
                    run = folder.run(ranks, "--lanes", lane)
                where = "%d steps on %d ranks, --lanes %s" % (steps, ranks, lane)
                good = run.returncode == code and (code == 0 or "finds 10 at" in run.stderr)
                runner.expect(good, "%s end with %d: %s" % (where, run.returncode, run.stderr))
                count += 1
    return count


check_refusals()
runner.finish(len(REFUSED) + check_domains() + check_loops(), "calls")
