#!/usr/bin/env python3
"""Fourier transforms through `maniple run`, with FFTW and without, against NumPy in f64.

fft_test.py MANIPLE MPIEXEC
"""
import os
import subprocess
import sys
import tempfile

import h5py
import numpy

maniple, mpiexec = sys.argv[1:3]
LENGTHS = [1, 2, 3, 97, 128, 360, 1000, 1155, 4096, 9973, 65536]
CALLS = {"plain": ("fft(z{n})", numpy.fft.fft), "real": ("fft(x{n}, real=true)", numpy.fft.fft),
         "back": ("ifft(z{n})", numpy.fft.ifft)}
failures = 0


def expect(good, what):
    global failures
    if not good:
        failures += 1
        print("BAD   " + what, flush=True)


def run(lengths, dtype, ranks, threads, **environment):
    random = numpy.random.default_rng(1)
    eps = numpy.finfo(dtype).eps
    with tempfile.TemporaryDirectory(prefix="maniple-fft-") as folder:
        arrays = {}
        for number, n in enumerate(lengths):
            batch = number % 7 + 1 if n < 9000 else 1
            arrays[f"x{n}"] = random.standard_normal((batch, n)).astype(dtype)
            arrays[f"z{n}"] = random.standard_normal((batch, n, 2)).astype(dtype)
        with h5py.File(os.path.join(folder, "in.h5"), "w") as file:
            for name, array in arrays.items():
                file[name] = array
        calls = {f"{name}{n}": call.format(n=n) for n in lengths for name, (call, _) in CALLS.items()}
        with open(os.path.join(folder, "job.yaml"), "w") as file:
            file.write("maniple: 1\nname: fft\ninputs:\n" + "".join(f"  {name}: in.h5:/{name}\n" for name in arrays))
            file.write("graph:\n" + "".join(f"  {name}: {call}\n" for name, call in calls.items()))
            file.write("outputs:\n" + "".join(f"  {name}: out.h5:/{name}\n" for name in calls))
        words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks)]
        words += [maniple, "run", os.path.join(folder, "job.yaml"), "--no-report", "--lanes", "cpu"]
        result = subprocess.run(words + ["--threads", str(threads)], capture_output=True, text=True,
                                env=dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                                         **environment))
        what = f"{environment or 'FFTW'}, {ranks} ranks x {threads} threads, {dtype}"
        if result.returncode != 0:
            expect(False, f"{what}: exit code {result.returncode}\n{result.stderr}")
            return
        expect("FFTW" not in result.stderr, f"{what}: {result.stderr}")
        with h5py.File(os.path.join(folder, "out.h5")) as file:
            for n in lengths:
                x, z = (arrays[f"{name}{n}"].astype("f8") for name in "xz")
                z = z[..., 0] + 1j * z[..., 1]
                for name, (_, function) in CALLS.items():
                    want = function(x if name == "real" else z, axis=-1)
                    found = file[f"{name}{n}"][()].astype("f8")
                    error = abs(found[..., 0] + 1j * found[..., 1] - want).max()
                    terms = 200 if n == 9973 else 60  # of a prime, own sums have n terms
                    expect(error <= terms * eps * numpy.sqrt((abs(want) ** 2).mean() + 1e-30) + eps,
                           f"{what}: {name} of {n}: off by {error}")


def version(**environment):
    text = subprocess.run([maniple, "--version"], env=dict(os.environ, **environment), capture_output=True, text=True).stdout
    return next((line.split(None, 1)[1] for line in text.splitlines() if line.split()[:1] == ["FFT"]), "")


for dtype in ("f4", "f8"):
    for ranks, threads in ((1, 3), (2, 2)):
        run(LENGTHS, dtype, ranks, threads)
        run([n for n in LENGTHS if n != 9973], dtype, ranks, threads, MANIPLE_FFTW="none")
run([9973], "f8", 1, 2, MANIPLE_FFTW="none")
expect(version(MANIPLE_FFTW="none") == "by hand; no FFTW: MANIPLE_FFTW=none", "--version: " + version(MANIPLE_FFTW="none"))
with_fftw = version().startswith("by hand, with FFTW 3.")
print(f"{failures} failures")
if not failures and not with_fftw:
    print("SKIPPED: " + version())
sys.exit(1 if failures else 0 if with_fftw else 77)
