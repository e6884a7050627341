#!/usr/bin/env python3
"""Work shared over lanes by what earlier runs measured: the file in the cache folder, whole or not, and what follows from it.

history_test.py MANIPLE MPIEXEC
"""
import json
import os
import subprocess
import sys

import h5py
import numpy

from runner import Folder, environment, expect, failures, maniple

job = """maniple: 1
name: shares
inputs: {u: in.h5:/u}
graph: {v: "heat_step(u, alpha=0.1)"}
loop: {steps: 5, carry: {u: v}}
outputs: {v: out.h5:/v}
"""


def gpu_busy(report):
    with open(os.path.join(report, "summary.json")) as file:
        return sum(lane["busy_seconds"] for lane in json.load(file)["lanes"] if lane["lane"] == "gpu")


def run(folder, *options):
    words = [maniple, "run", folder.job, "--threads", "1", "--report", folder.file("report"), *options]
    return subprocess.run(words, env=environment, capture_output=True, text=True)


def result(folder):
    with h5py.File(folder.file("out.h5")) as file:
        return file["v"][()]


with Folder(job) as folder:
    environment["MANIPLE_CACHE_DIR"] = folder.file("cache")
    history = os.path.join(folder.file("cache"), "throughput")
    with h5py.File(folder.file("in.h5"), "w") as file:
        file["u"] = numpy.random.default_rng(3).random((1024, 512), dtype="f4")

    plain = run(folder, "--lanes", "cpu", "--no-history")
    expect(plain.returncode == 0, "a run without a history: " + plain.stderr)
    expect(not os.path.exists(history), "--no-history keeps no file")
    want = result(folder)

    first = run(folder, "--lanes", "both")
    if first.returncode == 69 and "gpu" in first.stderr:
        print("no Vulkan device: only the cpu's part is tested")
        expect(run(folder).returncode == 0, "a run on the cpu")
    else:
        expect(first.returncode == 0, "the first run on both lanes: " + first.stderr)
        expect(numpy.allclose(result(folder), want, rtol=1e-6), "both lanes compute what the cpu does")
        slow = gpu_busy(folder.file("report"))
        for _ in range(2):
            expect(run(folder, "--lanes", "both").returncode == 0, "a run on both lanes that knows of others")
        expect(numpy.allclose(result(folder), want, rtol=1e-6), "nor does it with other shares")
        # A history in which the gpu is a thousand times slower than it is leaves it next to nothing.
        raw = open(history, "rb").read()
        lines = raw[16:].decode().splitlines()
        doctored = [lines[0]] + ["\t".join(f[:3] + (["1000"] if f[1].startswith("gpu") else ["1"])) for f in (l.split("\t") for l in lines[1:])]
        body = ("\n".join(doctored) + "\n").encode()
        code = 0xcbf29ce484222325
        for byte in body:
            code = ((code ^ byte) * 0x100000001b3) % 2**64
        open(history, "wb").write(raw[:8] + code.to_bytes(8, "little") + body)
        expect(run(folder, "--lanes", "both").returncode == 0, "a run with a slow gpu in its history")
        fast = gpu_busy(folder.file("report"))
        expect(0 < fast < slow / 2, "a gpu that was slow gets less: %g s, before %g s" % (fast, slow))
        expect(numpy.allclose(result(folder), want, rtol=1e-6), "the results do not depend on the history")

    expect(os.path.exists(history), "the history is kept")
    good = open(history, "rb").read()
    for what, content in (("cut", good[:-5]), ("altered", good[:30] + b"x" + good[31:]), ("foreign", b"something else\n" * 10), ("empty", b"")):
        open(history, "wb").write(content)
        after = run(folder)
        expect(after.returncode == 0, "a run with a history that is %s: %s" % (what, after.stderr))
        expect(after.stderr.count("is damaged or not maniple's") == 1, "one line says that the history is %s: %s" % (what, after.stderr))
        expect(open(history, "rb").read() != content, "the history is replaced where it is %s" % what)
    os.remove(history)
    os.mkdir(history)
    expect(run(folder).returncode == 0, "a run whose history is a folder")
    os.rmdir(history)
    with open(history + ".lock", "w") as lock:
        import fcntl
        fcntl.flock(lock, fcntl.LOCK_EX)
        expect(run(folder).returncode == 0, "a run while another one writes the history")
        expect(not os.path.exists(history), "which is left to that one")
    several = [subprocess.Popen([maniple, "run", folder.job, "--threads", "1", "--no-report", "--quiet", "--dry-run"], env=environment) for _ in range(3)]
    expect(all(process.wait() == 0 for process in several), "several at once")
    expect(folder.run(2).returncode == 0, "two ranks")
    expect("is damaged" not in run(folder).stderr, "what two ranks have written is whole")
    environment["MANIPLE_CACHE_DIR"] = "/proc/none"
    expect(run(folder).returncode == 0, "a run without a folder to write to")

sys.exit(1 if failures else 0)
