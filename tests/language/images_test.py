#!/usr/bin/python3
"""Kernels whose subscripts and extents follow from parameters, against NumPy and SciPy: cross-correlation with strides
and padding, pools, the Mandelbrot set, gravity, cross entropy; on 1 to 3 ranks, on the cpu, on gpus, on both.

images_test.py MANIPLE MPIEXEC [SEED]
"""
import json
import random
import subprocess
import sys

import h5py
import numpy as np
import scipy.signal
import scipy.special

import runner

TYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16}


def correlate(x, w, stride, pad):
    """In f64: by SciPy over the whole image, then every stride-th place."""
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    places = [[sum(scipy.signal.correlate2d(image[c], filter[c].astype(np.float64), mode="valid")
                   for c in range(image.shape[0]))[::stride, ::stride] for filter in w] for image in padded]
    return np.array(places).reshape((x.shape[0], w.shape[0]) + np.array(places).shape[2:])


def windows(x, size, stride):
    rows, columns = [(extent - size) // stride + 1 for extent in x.shape[2:]]
    return np.array([[x[:, :, stride * i:stride * i + size, stride * j:stride * j + size]
                      for j in range(columns)] for i in range(rows)]).transpose(2, 3, 0, 1, 4, 5)


def mandelbrot(width, height, xmin, xmax, ymin, ymax, iterations):
    """The formulas of the format in f32, an operation at a time."""
    f = np.float32
    dx, dy = f((xmax - xmin) / width), f((ymax - ymin) / height)
    cx = (f(xmin) + (np.arange(width, dtype=f) + f(0.5)) * dx)[None, :] + np.zeros((height, 1), f)
    cy = (f(ymin) + (np.arange(height, dtype=f) + f(0.5)) * dy)[:, None] + np.zeros((1, width), f)
    x, y = np.zeros_like(cx), np.zeros_like(cx)
    turns, near = np.zeros(cx.shape, np.int32), np.ones(cx.shape, bool)
    for _ in range(iterations):
        x, y = np.where(near, (x * x - y * y) + cx, x), np.where(near, (f(2) * x) * y + cy, y)
        near &= x * x + y * y <= f(4)
        turns += near
    return turns


def forces(positions, masses, softening):
    r, m = positions.astype(np.float64), masses.astype(np.float64)
    apart = r[None, :, :] - r[:, None, :]
    near = (apart**2).sum(axis=2)
    with np.errstate(all="ignore"):
        pull = np.where(near == 0, 0, m[None, :] / (near + softening**2) ** 1.5)
    return (pull[:, :, None] * apart).sum(axis=1), (pull[:, :, None] * np.abs(apart)).sum(axis=1)


class Cases:
    """Calls with what they must give: within `bound` of `expected`, or exactly where it is None."""

    def __init__(self, seed):
        self.choice = random.Random(seed)
        self.rng = np.random.default_rng(seed)
        self.inputs, self.graph, self.expected = {}, {}, {}
        for _ in range(6):
            self.add_correlation()
            self.add_pools()
        for _ in range(3):
            self.add_chain()
        self.add_mandelbrot()
        self.add_forces(33, 0.125, False)
        self.add_forces(20, 0.0, True)
        self.add_entropies()

    def input(self, array):
        name = "x%d" % len(self.inputs)
        self.inputs[name] = array
        return name

    def call(self, text, expected, bound=None):
        name = "r%d" % len(self.graph)
        self.graph[name] = text
        self.expected[name] = (expected, bound)

    def dtype(self):
        return self.choice.choice(list(TYPES.values()))

    def add_correlation(self):
        dtype, pick = self.dtype(), self.choice.randint
        stride, pad, p, q = pick(1, 3), pick(0, 3), pick(1, 4), pick(1, 4)
        height, width = max(1, p - 2 * pad) + pick(0, 9), max(1, q - 2 * pad) + pick(0, 9)
        x = self.rng.normal(size=(pick(1, 3), pick(1, 3), height, width)).astype(dtype)
        w = self.rng.normal(size=(pick(1, 4), x.shape[1], p, q)).astype(dtype)
        terms = x.shape[1] * p * q
        eps = np.finfo(np.float32 if dtype == np.float16 else dtype).eps
        bound = terms * eps * correlate(abs(x), abs(w), stride, pad) + np.finfo(dtype).eps * 100
        parameters = ("" if stride == 1 else ", stride=%d" % stride) + ("" if pad == 0 else ", pad=%d" % pad)
        self.call("cross_correlation2d(%s, %s%s)" % (self.input(x), self.input(w), parameters),
                  correlate(x, w, stride, pad).astype(dtype), bound)

    def add_pools(self):
        dtype, pick = self.dtype(), self.choice.randint
        size, stride = pick(1, 4), pick(1, 4)
        x = self.rng.normal(size=(pick(1, 3), pick(1, 3), size + pick(0, 9), size + pick(0, 9))).astype(dtype)
        whole = (x * 100).astype(np.int32)
        name = self.input(x)
        cut = windows(x, size, stride)
        self.call("max_pool2d(%s, size=%d, stride=%d)" % (name, size, stride), cut.max(axis=(4, 5)))
        self.call("max_pool2d(%s, size=%d, stride=%d)" % (self.input(whole), size, stride),
                  windows(whole, size, stride).max(axis=(4, 5)))
        mean = cut.astype(np.float64).mean(axis=(4, 5))
        self.call("avg_pool2d(%s, size=%d, stride=%d)" % (name, size, stride), mean.astype(dtype),
                  size * size * np.finfo(dtype).eps * abs(cut.astype(np.float64)).mean(axis=(4, 5)))

    def whole_numbers(self, *shape):
        """Numbers whose products and sums are exact."""
        return self.rng.integers(-2, 3, shape).astype(np.float32)

    def add_chain(self):
        """What one rank or lane makes is read with strides and edges by others."""
        pick = self.choice.randint
        x, first = self.whole_numbers(pick(1, 2), 2, pick(9, 20), pick(9, 20)), self.whole_numbers(3, 2, 3, 3)
        second = self.whole_numbers(2, 3, pick(1, 3), pick(1, 3))
        pads, strides, size = [pick(0, 2), pick(0, 2)], [pick(1, 2), pick(1, 2)], pick(1, 2)
        names = [self.input(array) for array in (x, first, second)]
        text = "cross_correlation2d(cross_correlation2d(abs(%s), %s, pad=%d, stride=%d), %s, pad=%d, stride=%d)" % (
            names[0], names[1], pads[0], strides[0], names[2], pads[1], strides[1])
        middle = correlate(abs(x), first, strides[0], pads[0])
        expected = windows(correlate(middle, second, strides[1], pads[1]), size, 1).max(axis=(4, 5))
        self.call("max_pool2d(%s, size=%d, stride=1)" % (text, size), expected.astype(np.float32))

    def add_mandelbrot(self):
        for width, height, iterations in ((61, 40, 300), (1, 1, 0), (7, 0, 5)):
            text = "mandelbrot(width=%d, height=%d, xmin=-2.1, xmax=0.7, ymin=-1.3, ymax=1.2, iterations=%d)"
            self.call(text % (width, height, iterations),
                      mandelbrot(width, max(height, 1), -2.1, 0.7, -1.3, 1.2, iterations)[:height])

    def add_forces(self, count, softening, twins):
        positions = self.rng.normal(size=(count, 3)).astype(np.float32)
        if twins:
            positions[3] = positions[7]
        masses = self.rng.uniform(0.1, 2, count).astype(np.float32)
        expected, scale = forces(positions, masses, softening)
        self.call("nbody_forces(%s, %s, softening=%r)" % (self.input(positions), self.input(masses), softening),
                  expected.astype(np.float32), 64 * np.finfo(np.float32).eps * scale)

    def add_entropies(self):
        for dtype, labels_type, spread in ((np.float32, np.int64, 3), (np.float64, np.int32, 900)):
            logits = (self.rng.normal(size=(9, 7)) * spread).astype(dtype)
            labels = self.rng.integers(0, 7, 9).astype(labels_type)
            shares = scipy.special.softmax(self.rng.normal(size=(9, 7)), axis=1).astype(dtype)
            shares[0, 1:] = 0
            rows = -scipy.special.log_softmax(logits.astype(np.float64), axis=1)
            name, bound = self.input(logits), 64 * np.finfo(dtype).eps * spread
            self.call("cross_entropy_of_class(%s, %s)" % (name, self.input(labels)), rows[np.arange(9), labels], bound)
            self.call("cross_entropy_of_probabilities(%s, %s)" % (name, self.input(shares)),
                      (shares * rows).sum(axis=1), bound)

    def job(self):
        lines = ["maniple: 1", "name: images", "inputs:"]
        lines += ["  %s: data.h5:/%s" % (name, name) for name in self.inputs]
        lines += ["graph:"] + ["  %s: %s" % item for item in self.graph.items()]
        return "\n".join(lines + ["outputs:"] + ["  %s: out.h5:/%s" % (name, name) for name in self.graph]) + "\n"


LOOP = """maniple: 1
name: again
inputs: {u: data.h5:/u, w: data.h5:/w}
graph: {next: "cross_correlation2d(u, w, pad=1)"}
loop: {steps: 4, carry: {u: next}}
outputs: {next: out.h5:/next}
"""


def check_loop(ranks, lanes):
    rng = np.random.default_rng(ranks)
    u, w = rng.integers(-1, 2, (1, 2, 11, 12)).astype(np.float32), rng.integers(-1, 2, (2, 2, 3, 3)).astype(np.float32)
    with runner.Folder(LOOP) as folder:
        with h5py.File(folder.file("data.h5"), "w") as file:
            file["u"], file["w"] = u, w
        run = folder.run(ranks, "--lanes", lanes)
        expected = u
        for _ in range(4):
            expected = correlate(expected, w, 1, 1)
        good = run.returncode == 0
        if good:
            with h5py.File(folder.file("out.h5")) as file:
                good = np.array_equal(file["next"][()], expected)
        runner.expect(good, "a loop on %d ranks, --lanes %s: %s" % (ranks, lanes, run.stderr))


def close(found, expected, bound):
    if found.shape != expected.shape:
        return False
    if bound is None:
        return found.dtype == expected.dtype and np.array_equal(found, expected)
    return bool(np.all(np.abs(found.astype(np.float64) - expected) <= bound))


def has_device():
    found = subprocess.run([runner.maniple, "devices", "--json"], capture_output=True, text=True)
    return any(device["usable"] for device in json.loads(found.stdout)["gpus"])


def main():
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    runs = [(1, "cpu"), (2, "cpu"), (3, "cpu")]
    if has_device():
        runs += [(1, "gpu"), (1, "both"), (2, "gpu"), (3, "both")]
    compared = 0
    for number, (ranks, lanes) in enumerate(runs):
        cases = Cases(100 * seed + number)
        with runner.Folder(cases.job()) as folder:
            with h5py.File(folder.file("data.h5"), "w") as file:
                for name, array in cases.inputs.items():
                    file[name] = array
            check_loop(ranks, lanes)
            where = "seed %d on %d ranks, --lanes %s" % (100 * seed + number, ranks, lanes)
            run = folder.run(ranks, "--lanes", lanes)
            runner.expect(run.returncode == 0, "%s ends with %d: %s" % (where, run.returncode, run.stderr))
            if run.returncode != 0:
                continue
            with h5py.File(folder.file("out.h5")) as file:
                for name, (expected, bound) in cases.expected.items():
                    compared += 1
                    found = file[name][()]
                    runner.expect(close(found, expected, bound),
                                  "%s: %s is\n%s, not\n%s" % (where, cases.graph[name], found, expected))
    runner.finish(compared, "results")


main()
