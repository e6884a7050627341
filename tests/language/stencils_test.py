#!/usr/bin/env python3
"""Stencils over 1 to 4 ranks against NumPy: two and three axes, corners, every boundary rule mixed with every other.

stencils_test.py MANIPLE MPIEXEC
"""
import itertools
import subprocess
import sys

import h5py
import numpy

from runner import Folder, expect, failures, maniple

modes = {"clamp": "edge", "zero": "constant", "periodic": "wrap"}
random = numpy.random.default_rng(5)


def padded(u, rules, r=1):
    for axis, rule in enumerate(rules):
        u = numpy.pad(u, [(r, r) if a == axis else (0, 0) for a in range(u.ndim)], modes[rule])
    return u


def shifted(p, offsets, r=1):
    return p[tuple(slice(r + o, p.shape[a] - r + o) for a, o in enumerate(offsets))]


def around(u, rules):
    """The neighbours across faces, axis by axis, the lower one first."""
    p = padded(u, rules)
    return [shifted(p, [o if a == axis else 0 for a in range(u.ndim)]) for axis in range(u.ndim) for o in (-1, 1)]


def laplace(u, rules):
    return sum(around(u, rules)) - 2 * u.ndim * u


def heat(u, rules):
    return u + 0.1 * laplace(u, rules)


def life(u, rules):
    p = padded(u, rules)
    living = sum(shifted(p, o).astype(int) for o in itertools.product((-1, 0, 1), repeat=2) if o != (0, 0))
    return ((living == 3) | ((living == 2) & (u != 0))).astype("u1")


def blur(u, rules):
    p = padded(u, rules, 2)
    return sum(shifted(p, o, 2) for o in itertools.product(range(-2, 3), repeat=2)) / 25


def text_of(inputs, graph, steps, carry):
    values = list(dict.fromkeys(name.strip() for entry in graph for name in entry.split(":")[0].split(",")))
    lines = ["maniple: 1", "name: stencil", "inputs:"] + ["  %s: in.h5:/%s" % (n, n) for n in inputs]
    lines += ["graph:"] + ["  %s: \"%s\"" % tuple(entry.split(": ", 1)) for entry in graph]
    lines += ["loop: {steps: %d, carry: {%s}}" % (steps, carry), "outputs:"]
    return "\n".join(lines + ["  %s: out.h5:/%s" % (n, n) for n in values]) + "\n"


def check(what, inputs, graph, steps, carry, expected, ranks=(1, 2, 3, 4)):
    with Folder(text_of(inputs, graph, steps, carry)) as folder:
        with h5py.File(folder.file("in.h5"), "w") as file:
            for name, value in inputs.items():
                file[name] = value
        for count in ranks:
            result = folder.run(count)
            expect(result.returncode == 0, "%s on %d ranks: %s" % (what, count, result.stderr))
            if result.returncode:
                continue
            with h5py.File(folder.file("out.h5")) as file:
                for name, value in expected.items():
                    error = numpy.abs(file[name][()].astype(float) - value).max()
                    expect(error <= 1e-12 * max(1, numpy.abs(value).max()), "%s on %d ranks: %s is off by %g" % (what, count, name, error))
        plan = subprocess.run([maniple, "plan", folder.job, "--ranks", "4"], capture_output=True, text=True).stdout
        return plan


def repeated(step, u, steps):
    for _ in range(steps):
        u = step(u)
    return u


def listed(rules):
    return "boundary=[%s]" % ", ".join(rules)


def test_planes():
    for number, rules in enumerate(itertools.product(modes, repeat=2)):
        ranks = (4,) if number != 1 else (1, 2, 3, 4)
        u = random.random((300, 280))
        plan = check("heat_step " + listed(rules), {"u": u}, ["v: heat_step(u, alpha=0.1, %s)" % listed(rules)], 40, "u: v",
                     {"v": repeated(lambda x: heat(x, rules), u, 40)}, ranks)
        if "periodic" not in rules:
            expect("2x2 blocks of [y, x]" in plan, "heat_step is not cut into 2x2 blocks:\n" + plan)
        u = (random.random((61, 47)) < 0.4).astype("u1")
        check("life " + listed(rules), {"u": u}, ["v: life(u, %s)" % listed(rules)], 17, "u: v",
              {"v": repeated(lambda x: life(x, rules), u, 17)}, ranks)
        if number % 4:
            continue
        u = random.random((600, 500))
        check("blur " + listed(rules), {"u": u}, ["v: blur(u, radius=2, %s)" % listed(rules)], 30, "u: v",
              {"v": repeated(lambda x: blur(x, rules), u, 30)}, ranks[-1:])


def test_cubes():
    for rules in (("clamp", "zero", "periodic"), ("periodic", "clamp", "zero"), ("zero", "periodic", "clamp")):
        u = random.random((28, 30, 32))
        check("heat_step3d " + listed(rules), {"u": u}, ["v: heat_step3d(u, alpha=0.1, %s)" % listed(rules)], 12, "u: v",
              {"v": repeated(lambda x: heat(x, rules), u, 12)}, (4,))


def test_two_carried():
    u, v = random.random((200, 210)), random.random((200, 210))
    rules = ("clamp", "zero")
    a, b = u, v
    for _ in range(20):
        a, b = 2 * a - b + 0.2 * laplace(a, rules), a
    check("wave_step", {"u": u, "before": v}, ["w: wave_step(u, before, c2=0.2, %s)" % listed(rules)], 20, "u: w, before: u", {"w": a}, (1, 4))
    a, b = u, v
    for _ in range(20):
        reaction = a * b * b
        a, b = (a + 0.16 * laplace(a, rules) - reaction + 0.04 * (1 - a), b + 0.08 * laplace(b, rules) + reaction - 0.1 * b)
    check("gray_scott", {"u": u, "v": v}, ["u2, v2: gray_scott(u, v, %s)" % listed(rules)], 20, "u: u2, v: v2", {"u2": a, "v2": b}, (3, 4))


test_planes()
test_cubes()
test_two_carried()
sys.exit(1 if failures else 0)
