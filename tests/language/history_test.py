#!/usr/bin/env python3
"""Work shared over lanes by what earlier runs measured: the file in the cache folder, whole or not, and what follows from it.

history_test.py MANIPLE MPIEXEC
"""
import fcntl
import json
import os
import subprocess
import sys

import h5py
import numpy

from runner import Folder, environment, expect, failures, maniple, mpiexec

job = """maniple: 1
name: shares
inputs: {u: in.h5:/u}
graph: {v: "heat_step(u, alpha=0.1)", low: min(v)}
loop: {steps: 5, carry: {u: v}}
outputs: {v: out.h5:/v, low: out.h5:/low}
"""
measured_nothing = "is damaged or not maniple's"


def words(folder, *options):
    return [maniple, "run", folder.job, "--threads", "1", "--report", folder.file("report"), *options]


def run(folder, *options):
    return subprocess.run(words(folder, *options), env=environment, capture_output=True, text=True)


def result(folder):
    with h5py.File(folder.file("out.h5")) as file:
        return file["v"][()], file["low"][()]


def same(folder, want):
    return all(numpy.array_equal(one, other) for one, other in zip(result(folder), want))


def gpu_busy(folder):
    with open(os.path.join(folder.file("report"), "summary.json")) as file:
        return sum(lane["busy_seconds"] for lane in json.load(file)["lanes"] if lane["lane"] == "gpu")


def prepare(folder):
    with h5py.File(folder.file("in.h5"), "w") as file:
        file["u"] = numpy.random.default_rng(3).random((1024, 512), dtype="f4")


def with_times(content, gpu, cpu):
    """The history with other samples: nanoseconds per point."""
    lines = content[16:].decode().splitlines()
    fields = [line.split("\t") for line in lines[1:]]
    lines[1:] = ["\t".join(f[:3] + [gpu if f[1].startswith("gpu") else cpu]) for f in fields]
    body = ("\n".join(lines) + "\n").encode()
    code = 0xcbf29ce484222325
    for byte in body:
        code = ((code ^ byte) * 0x100000001b3) % 2**64
    return content[:8] + code.to_bytes(8, "little") + body


def test_shares(folder, history, want):
    first = run(folder, "--lanes", "both")
    if first.returncode == 69 and "gpu" in first.stderr:
        print("no Vulkan device: only the cpu's part is tested")
        return expect(run(folder).returncode == 0, "a run on the cpu")
    expect(first.returncode == 0, "the first run on both lanes: " + first.stderr)
    expect(same(folder, want), "both lanes compute what the cpu does")
    expect(run(folder, "--lanes", "both").returncode == 0, "a run on both lanes that knows of another")
    expect(same(folder, want), "nor does it compute anything else with other shares")
    busy = {}
    for gpu, cpu in (("1", "1000"), ("1000", "1")):
        with open(history, "rb") as file:
            content = file.read()
        with open(history, "wb") as file:
            file.write(with_times(content, gpu, cpu))
        after = run(folder, "--lanes", "both")
        expect(after.returncode == 0 and measured_nothing not in after.stderr, "a run with a history: " + after.stderr)
        expect(same(folder, want), "the results do not depend on the history")
        busy[gpu] = gpu_busy(folder)
        expect(run(folder, "--lanes", "both", "--validate").returncode == 0, "twins agree, whatever the shares")
    expect(0 < busy["1000"] < busy["1"] / 2, "a gpu that was slow gets less: %s seconds" % busy)


def test_bad_files(folder, history):
    with open(history, "rb") as file:
        good = file.read()
    contents = {"cut": good[:-5], "altered": good[:30] + b"x" + good[31:], "foreign": b"something else\n" * 10, "empty": b""}
    for what, content in contents.items():
        with open(history, "wb") as file:
            file.write(content)
        after = run(folder)
        expect(after.returncode == 0, "a run with a history that is %s: %s" % (what, after.stderr))
        expect(after.stderr.count(measured_nothing) == 1, "one line says that it is %s: %s" % (what, after.stderr))
        expect(measured_nothing not in run(folder).stderr, "a history that is %s is replaced" % what)
    os.remove(history)
    os.mkdir(history)
    after = run(folder)
    expect(after.returncode == 0 and after.stderr.count(measured_nothing) == 1, "a folder for a history: " + after.stderr)
    os.rmdir(history)


def test_several(folder, history):
    with open(history + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        expect(run(folder).returncode == 0, "a run while another one writes the history")
        expect(not os.path.exists(history), "which is left to that one")
    others = [Folder(job) for _ in range(3)]
    for other in others:
        prepare(other)
    runs = [subprocess.Popen(words(other, "--quiet"), env=environment) for other in others]
    expect(all(process.wait() == 0 for process in runs), "several at once")
    for other in others:
        other.__exit__()
    after = run(folder)
    expect(os.path.exists(history) and measured_nothing not in after.stderr, "what they have written is whole: " + after.stderr)
    launch = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", "3"]
    ranks = subprocess.run(launch + words(folder), env=environment, capture_output=True, text=True)
    expect(ranks.returncode == 0, "three ranks: " + ranks.stderr)
    expect(measured_nothing not in run(folder).stderr, "what three ranks have written is whole")
    left = sorted(name for name in os.listdir(os.path.dirname(history)) if name.startswith("throughput"))
    expect(left == ["throughput", "throughput.lock"], "nothing else is left: %s" % left)


with Folder(job) as folder:
    prepare(folder)
    environment["MANIPLE_CACHE_DIR"] = folder.file("cache")
    history = os.path.join(folder.file("cache"), "throughput")
    plain = run(folder, "--lanes", "cpu", "--no-history")
    expect(plain.returncode == 0, "a run without a history: " + plain.stderr)
    expect(not os.path.exists(history), "--no-history keeps no file")
    test_shares(folder, history, result(folder))
    expect(os.path.exists(history), "the history is kept")
    test_bad_files(folder, history)
    test_several(folder, history)
    environment["MANIPLE_CACHE_DIR"] = "/proc/none"
    expect(run(folder).returncode == 0, "a run without a folder to write to")

sys.exit(1 if failures else 0)
