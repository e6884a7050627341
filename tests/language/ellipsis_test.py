#!/usr/bin/python3
"""Kernels with an ellipsis before named axes against NumPy, on 1 to 3 ranks and on every lane.

ellipsis_test.py MANIPLE MPIEXEC [SEED]
"""
import sys

import h5py
import numpy as np

import runner

JOB = """maniple: 1
name: ellipsis
inputs: {a: i.h5:/a, b: i.h5:/b, m: i.h5:/m, w: i.h5:/w, table: i.h5:/table, ids: i.h5:/ids, z: i.h5:/z, r: i.h5:/r,
         x: i.h5:/x, n: i.h5:/n}
graph:
  batches: matmul(a, b)
  wide: matmul(m, w)
  rows: embedding(table, ids)
  forward: fft(z)
  backward: ifft(forward)
  of_reals: fft(r, real=true)
  counts: histogram(x, bins=23, min=-1.7, max=2.3)
  whole: histogram(n, bins=7, min=-20, max=20)
  point: histogram(x, bins=4, min=0.5, max=0.5)
outputs:
"""
OUTPUTS = ["batches", "wide", "rows", "forward", "backward", "of_reals", "counts", "whole", "point"]
JOB += "".join("  %s: o.h5:/%s\n" % (name, name) for name in OUTPUTS)


def pairs(values):
    return np.stack([values.real, values.imag], axis=-1)


def make_inputs(rng):
    inputs = {"a": rng.normal(size=(3, 1, 33, 70)).astype("f4"), "b": rng.normal(size=(2, 70, 41)).astype("f4"),
              "m": rng.integers(-2**31, 2**31, (5, 300)).astype("i4"), "w": rng.integers(-9, 9, (300, 2)).astype("i4"),
              "table": rng.normal(size=(50, 9)), "ids": rng.integers(0, 50, (4, 13)),
              "z": rng.normal(size=(5, 60, 2)).astype("f4"), "r": rng.normal(size=(2, 3, 97)),
              "x": np.round(rng.normal(size=(40, 301)), 2).astype("f4"), "n": rng.integers(-25, 25, (4, 5, 60)).astype("i4")}
    inputs["x"].reshape(-1)[:6] = [np.nan, np.inf, -np.inf, 2.3, -1.7, 0.5]
    return inputs


def check(label, inputs, found):
    product = inputs["a"].astype("f8") @ inputs["b"]
    bound = 70 * np.finfo("f4").eps * (np.abs(inputs["a"]) @ np.abs(inputs["b"]))
    runner.expect(np.all(np.abs(found["batches"] - product) <= bound), label + ": matmul of f32")
    z = inputs["z"].astype("f8")
    exact = {"wide": inputs["m"] @ inputs["w"], "rows": inputs["table"][inputs["ids"]],
             "counts": np.histogram(inputs["x"], 23, (-1.7, 2.3))[0], "whole": np.histogram(inputs["n"], 7, (-20, 20))[0],
             "point": np.histogram(inputs["x"], 4, (0.5, 0.5))[0]}
    near = {"forward": (pairs(np.fft.fft(z[..., 0] + 1j * z[..., 1])), 4e-7), "backward": (z, 4e-7),
            "of_reals": (pairs(np.fft.fft(inputs["r"])), 1e-13)}
    for name, want in exact.items():
        runner.expect(found[name].dtype == want.dtype and np.array_equal(found[name], want), label + ": " + name)
    for name, (want, error) in near.items():
        good = found[name].shape == want.shape and np.all(np.abs(found[name] - want) <= error * np.abs(want).max())
        runner.expect(good, label + ": " + name)


def main():
    rng = np.random.default_rng(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    inputs = make_inputs(rng)
    runs = [(1, "cpu"), (2, "cpu"), (3, "cpu"), (1, "gpu"), (3, "gpu"), (2, "both")]
    with runner.Folder(JOB) as folder:
        with h5py.File(folder.file("i.h5"), "w") as file:
            for name, values in inputs.items():
                file[name] = values
        for ranks, lanes in runs:
            label = "%d ranks, %s" % (ranks, lanes)
            result = folder.run(ranks, "--lanes", lanes, "--gpus", "0" if lanes != "cpu" else "none", "--overwrite")
            runner.expect(result.returncode == 0, label + ": " + result.stderr)
            if result.returncode == 0:
                with h5py.File(folder.file("o.h5")) as file:
                    check(label, inputs, {name: file[name][()] for name in OUTPUTS})
    runner.finish(len(runs), "runs")


main()
