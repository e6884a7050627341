#!/usr/bin/python3
"""Every job of jobs/examples: good in the eyes of `check`, the same results on 1, 2 and 3 ranks, and what NumPy says.

examples_test.py MANIPLE MPIEXEC SOURCE_DIR
"""
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

import runner

source = sys.argv[3]
with h5py.File(os.path.join(source, "jobs", "data", "etopo20.h5")) as file:
    RELIEF = file["ROSE"][()]


def heat(u, alpha, pad):
    p = pad(u)
    return u + np.float32(alpha) * ((((p[:-2, 1:-1] + p[2:, 1:-1]) + p[1:-1, :-2]) + p[1:-1, 2:]) - np.float32(4) * u)


def clamp(u):
    return np.pad(u, 1, "edge")


def around(u):
    return np.pad(np.pad(u, ((1, 1), (0, 0)), "edge"), ((0, 0), (1, 1)), "wrap")


def newton():
    a, r, error = np.arange(1, 51.0), np.full(50, 10.0), []
    while len(error) % 2 or not error or error[-1] >= 1e-12:
        r = (r + a / r) / 2
        error.append(np.max(np.abs(r * r - a) / a))
    return r, error


WIDE = RELIEF.astype(np.float64)
METERS = np.trunc(RELIEF).astype(np.int32)
CLOSE = 1e-6
# For each file: data sets with what they should hold, and the relative error that they may have.
WANTED = {
    "slices.h5": {"highest": (RELIEF[270:].max(), 0), "coarse": (RELIEF[::10, ::10], 0),
                  "coarse_mean": (WIDE[::10, ::10].mean(), CLOSE), "greenwich_highest": (RELIEF[:, 60].max(), 0)},
    "types.h5": {"fraction": (WIDE - METERS, 0), "weighted": (METERS * np.arange(540.0).reshape(-1, 1), 0),
                 "half": ((WIDE / 10000).astype(np.float16), 0), "thirds": (METERS / 3, 0),
                 "land": (np.int64((METERS > 0).sum()), 0)},
    "generated.h5": {"both": (1.0 + np.arange(20).reshape(4, 5), 0)},
    "expressions.h5": {"coast": ((RELIEF > -200) & (RELIEF < 200), 0), "clipped": (np.clip(RELIEF, -1000, 1000), 0),
                       "anomaly": (RELIEF - WIDE.mean(axis=1, keepdims=True), CLOSE),
                       "deepest": (np.maximum(-RELIEF, 0).max(axis=0), 0)},
    "until.h5": {"roots": (newton()[0], 0), "error": (np.array(newton()[1]), 0)},
    "boundaries.h5": {"clamped": (heat(RELIEF, 0.25, clamp), 0),
                      "zeroed": (heat(RELIEF, 0.25, lambda u: np.pad(u, 1)), 0),
                      "round": (heat(RELIEF, 0.25, around), 0)},
    "outputs.h5": {"grids/kilometers": (RELIEF / np.float32(1000), 0), "highest": (RELIEF.max() / np.float32(1000), 0)},
    "outputs-copy.h5": {"ROSE": (RELIEF, 0)},
    "compression.h5": {"land": (np.maximum(RELIEF, 0), 0)},
    "order.h5": {"early": (heat(RELIEF, 0.1, clamp), 0), "late": (np.abs(RELIEF), 0)},
    "plan.h5": {"smooth": (heat(RELIEF, 0.2, clamp), 0)},
}


def contents(folder):
    found = {}
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".h5"):
            continue
        with h5py.File(os.path.join(folder, name)) as file:
            def note(path, item, name=name):
                if isinstance(item, h5py.Dataset) and not path.startswith("maniple"):
                    found[name, path] = item[()]
            file.visititems(note)
    return found


def compare(job, ranks, got, want, error, what):
    got, want = np.asarray(got), np.asarray(want)
    same = got.shape == want.shape and got.dtype == want.dtype
    if same and error:
        same = np.max(np.abs(got.astype(float) - want), initial=0) <= error * np.max(np.abs(want), initial=0)
    elif same:
        same = np.array_equal(got, want)
    runner.expect(same, "%s on %d ranks, %s: %s %s, want %s %s" % (job, ranks, what, got.dtype, got, want.dtype, want))


def run_example(jobs, job):
    folder = os.path.join(jobs, "examples")
    path = os.path.join(folder, job + ".yaml")
    checked = subprocess.run([runner.maniple, "check", path, "--ranks", "2"],
                             capture_output=True, text=True)
    runner.expect(checked.returncode == 0 and not checked.stderr, "check %s: %s" % (job, checked.stderr))
    first = None
    for ranks in (1, 2, 3):
        words = [runner.mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), runner.maniple]
        result = subprocess.run(words + ["run", path, "--threads", "1", "--quiet"], env=runner.environment,
                                capture_output=True, text=True)
        runner.expect(result.returncode == 0 and not result.stderr, "%s on %d ranks: %s" % (job, ranks, result.stderr))
        found = contents(folder)
        runner.expect(bool(found), "%s on %d ranks writes something" % (job, ranks))
        for (file, data_set), value in found.items():
            if data_set in WANTED.get(file, {}):
                want, error = WANTED[file][data_set]
                want = np.asarray(want).astype(value.dtype) if error else want
                compare(job, ranks, value, want, error, data_set)
            compare(job, ranks, value, (first or found)[file, data_set], CLOSE, data_set + " as on one rank")
        missing = [item for file, sets in WANTED.items() if any(file == name for name, _ in found)
                   for item in sets if (file, item) not in found]
        runner.expect(not missing, "%s lacks %s" % (job, missing))
        first = first or found
        for name in os.listdir(folder):
            if name.endswith(".h5"):
                os.remove(os.path.join(folder, name))


jobs = tempfile.mkdtemp(prefix="maniple-examples-")
shutil.copytree(os.path.join(source, "jobs"), jobs, dirs_exist_ok=True)
names = sorted(name[:-5] for name in os.listdir(os.path.join(jobs, "examples")) if name.endswith(".yaml"))
for leftover in os.listdir(os.path.join(jobs, "examples")):
    if leftover.endswith(".h5"):
        os.remove(os.path.join(jobs, "examples", leftover))
for name in names:
    run_example(jobs, name)
shutil.rmtree(jobs)
runner.finish(len(names), "examples")
