#!/usr/bin/env python3
"""Computes jobs/terrain.yaml with NumPy and compares a result file with it.

    tests/terrain_reference.py RESULT.h5

Written from the job format's formulas, sharing nothing with maniple. The stencils are evaluated in float32 in the
order that the formulas give, so that maniple's values should be the same to the last bit; what is demanded is
max|got - want| <= 1e-5 max|want|. Exit status 1 where that does not hold, 2 for wrong usage.
"""
import pathlib
import sys

import h5py
import numpy as np

TOLERANCE = 1e-5
STEPS = 200
EVERY = 10
ALPHA = np.float32(0.2)
DATA = pathlib.Path(__file__).resolve().parent.parent / "jobs" / "data" / "etopo20.h5"


def with_halo(u):
    """u with one more element on each side: rows clamped, columns periodic."""
    return np.pad(np.pad(u, ((1, 1), (0, 0)), mode="edge"), ((0, 0), (1, 1)), mode="wrap")


def heat_step(u):
    h = with_halo(u)
    north, south, west, east = h[:-2, 1:-1], h[2:, 1:-1], h[1:-1, :-2], h[1:-1, 2:]
    return u + ALPHA * ((((north + south) + west) + east) - np.float32(4) * u)


def gradient_magnitude(u):
    h = with_halo(u)
    gx = (h[1:-1, 2:] - h[1:-1, :-2]) / np.float32(2)
    gy = (h[2:, 1:-1] - h[:-2, 1:-1]) / np.float32(2)
    return np.sqrt(gx * gx + gy * gy)


def reference():
    """The data sets of the result file by name."""
    with h5py.File(DATA) as file:
        u = file["ROSE"][...]
    assert u.dtype == np.float32 and u.shape == (540, 1081)
    totals = []
    for step in range(1, STEPS + 1):
        u = heat_step(u)
        if step % EVERY == 0:
            totals.append(np.float32(u.sum(dtype=np.float64)))
    return {"relief": u, "slope": gradient_magnitude(u), "total": np.array(totals)}


def compare(name, got, want):
    """True if they agree; prints how well."""
    if got is None:
        print(f"{name:8} MISSING")
        return False
    if got.shape != want.shape or got.dtype != want.dtype:
        print(f"{name:8} WRONG   is {got.dtype} {got.shape}, should be {want.dtype} {want.shape}")
        return False
    error = np.abs(got.astype(np.float64) - want.astype(np.float64)).max()
    bound = TOLERANCE * np.abs(want.astype(np.float64)).max()
    good = bool(error <= bound)  # false for NaN
    print(f"{name:8} {'good ' if good else 'WRONG'}   max|got - want| = {error:.3g}, allowed {bound:.3g}")
    return good


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with h5py.File(sys.argv[1]) as file:
        found = {name: file[name][...] if name in file else None for name in ("relief", "slope", "total")}
    return 0 if all([compare(name, found[name], want) for name, want in reference().items()]) else 1


if __name__ == "__main__":
    sys.exit(main())
