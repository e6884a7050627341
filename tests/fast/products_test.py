#!/usr/bin/env python3
"""Products of matrices through `maniple run`, with OpenBLAS and without, against NumPy in f64; what is said about it.

products_test.py MANIPLE MPIEXEC
"""
import os
import subprocess
import sys
import tempfile

import h5py
import numpy

maniple, mpiexec = sys.argv[1:3]
failures = 0
SHAPES = [  # a, b: one tile and many, rows and columns alone, leading axes broadcast on either side, nothing to add
    ((3, 4), (4, 5)), ((700, 300), (300, 500)), ((1, 3000), (3000, 900)), ((900, 3000), (3000, 1)),
    ((5, 2, 60, 30), (30, 70)), ((60, 30), (4, 30, 70)), ((6, 1, 20, 30), (1, 7, 30, 25)), ((4, 0), (0, 3)),
]


def expect(good, what):
    global failures
    if not good:
        failures += 1
        print("BAD   " + what, flush=True)


def environment(**more):
    return dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", **more)


def job_of(folder, dtype, random):
    """One operation for each pair of shapes, in one job."""
    arrays = []
    with h5py.File(os.path.join(folder, "in.h5"), "w") as file:
        for number, shapes in enumerate(SHAPES):
            arrays.append([random.standard_normal(shape).astype(dtype) for shape in shapes])
            for name, array in zip("ab", arrays[-1]):
                file[f"{name}{number}"] = array
    numbers = range(len(SHAPES))
    text = "maniple: 1\nname: products\ninputs:\n"
    text += "".join(f"  {name}{n}: in.h5:/{name}{n}\n" for n in numbers for name in "ab")
    text += "graph:\n" + "".join(f"  c{n}: matmul(a{n}, b{n})\n" for n in numbers)
    text += "outputs:\n" + "".join(f"  c{n}: out.h5:/c{n}\n" for n in numbers)
    with open(os.path.join(folder, "job.yaml"), "w") as file:
        file.write(text)
    return arrays


def check(folder, arrays, what):
    with h5py.File(os.path.join(folder, "out.h5")) as file:
        for number, (a, b) in enumerate(arrays):
            found = file[f"c{number}"][()]
            wide_a, wide_b = a.astype("f8"), b.astype("f8")
            bound = max(a.shape[-1], 1) * numpy.finfo(a.dtype).eps * (abs(wide_a) @ abs(wide_b))
            expected = wide_a @ wide_b
            good = found.shape == expected.shape and found.dtype == a.dtype and (abs(found - expected) <= bound).all()
            expect(good, f"{what}: {a.dtype} {a.shape} x {b.shape}")


def run(blas, dtype, ranks, threads, random):
    with tempfile.TemporaryDirectory(prefix="maniple-products-") as folder:
        arrays = job_of(folder, dtype, random)
        words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks)]
        words += [maniple, "run", os.path.join(folder, "job.yaml"), "--no-report", "--lanes", "cpu"]
        result = subprocess.run(words + ["--threads", str(threads)], env=environment(**blas), capture_output=True,
                                text=True)
        what = f"{blas or 'OpenBLAS'}, {ranks} ranks x {threads} threads"
        if result.returncode != 0:
            expect(False, f"{what}: exit code {result.returncode}\n{result.stderr}")
            return
        lines = [line for line in result.stderr.splitlines() if "OpenBLAS" in line]
        wanted = [f"no OpenBLAS: MANIPLE_BLAS={blas['MANIPLE_BLAS']}; matmul runs without it"] if blas else []
        expect([line.strip() for line in lines] == wanted, f"{what}: said {lines}")
        check(folder, arrays, what)


def version(**blas):
    text = subprocess.run([maniple, "--version"], env=environment(**blas), capture_output=True, text=True).stdout
    return next((line.split(None, 1)[1] for line in text.splitlines() if line.split()[:1] == ["BLAS"]), "")


random = numpy.random.default_rng(1)
for dtype in ("f4", "f8"):
    for ranks, threads in ((1, 3), (2, 2)):
        run({}, dtype, ranks, threads, random)
        run({"MANIPLE_BLAS": "none"}, dtype, ranks, threads, random)
expect(version().startswith("OpenBLAS "), "--version: " + version())
expect(version(MANIPLE_BLAS="none") == "none: MANIPLE_BLAS=none", "--version: " + version(MANIPLE_BLAS="none"))
print(f"{8 * len(SHAPES)} products, {failures} failures")
sys.exit(1 if failures else 0)
