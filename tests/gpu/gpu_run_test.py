#!/usr/bin/env python3
"""Jobs on gpu lanes through the real program: the main job on 1 and 2 ranks, one lane and two on one device, alone and
beside the cpu; devices that pretend to be less comfortable; a machine without a device; place:; --validate, of pipelines, too.

gpu_run_test.py MANIPLE MPIEXEC SOURCE_DIR FAULT_LIBRARY
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import h5py
import numpy

maniple, mpiexec, source, fault_library = sys.argv[1:5]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
failures = []


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


def run(ranks, job, *options, pretend="", icd="", fault=None):
    extended = dict(environment)
    if pretend:
        extended["MANIPLE_VULKAN_PRETEND"] = pretend
    if icd:
        extended["VK_ICD_FILENAMES"] = icd
    words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "250", "-n", str(ranks)]
    if fault is not None:
        preload = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), fault_library]))
        words += ["-x", "ASAN_OPTIONS=verify_asan_link_order=0", "-x", "LD_PRELOAD=" + preload, "-x", "FAULT=wrong", "-x", "FAULT_RANK=%d" % fault]
    return subprocess.run(words + [maniple, "run", job, "--threads", "1", "--no-history", *options], env=extended, capture_output=True, text=True)


def has_device():
    found = subprocess.run([maniple, "devices", "--json"], capture_output=True, text=True)
    expect(found.returncode == 0, "maniple devices exits 0")
    return any(device["usable"] for device in json.loads(found.stdout)["gpus"])


class Folder:
    def __init__(self, text):
        self.path = tempfile.mkdtemp(prefix="maniple-gpu-")
        os.symlink(os.path.join(source, "jobs", "data"), os.path.join(self.path, "data"))
        self.job = os.path.join(self.path, "job.yaml")
        with open(self.job, "w") as job:
            job.write(text)

    def data(self, file, name):
        with h5py.File(os.path.join(self.path, file)) as opened:
            return opened[name][()]

    def summary(self, name):
        return json.load(open(os.path.join(self.path, name + ".report", "summary.json")))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        shutil.rmtree(self.path)


def terrain_text(steps):
    return open(os.path.join(source, "jobs", "terrain.yaml")).read().replace("steps: 200", "steps: %d" % steps)


def expect_gpu_lanes(summary, ranks, lanes, what, queues=1):
    gpus = [lane for lane in summary["lanes"] if lane["lane"] == "gpu"]
    expect(len(gpus) == ranks * lanes, "%s: %d gpu lanes in the summary" % (what, ranks * lanes))
    expect(all(lane["operations"] > 0 and lane["chunks"] > 0 and lane["busy_seconds"] > 0 and lane["device"] == 0 for lane in gpus),
           what + ": every gpu lane has computed")
    expect(all(lane["queues"] == queues for lane in gpus), "%s: %d queues: %s" % (what, queues, [lane["queues"] for lane in gpus]))
    expect(summary["fallbacks"] == 0, what + ": no fallbacks")


def test_terrain():
    with Folder(terrain_text(40)) as folder:
        results = {}
        ways = [("cpu", "none", 1, ""), ("gpu", "0", 1, ""), ("gpu", "0,0", 1, ""), ("both", "0", 1, ""), ("both", "0,0", 1, ""),
                ("gpu", "0", 2, ""), ("gpu", "0,0", 2, ""), ("both", "0", 2, ""), ("both", "0,0", 2, ""),
                ("gpu", "0", 1, "not-unified"), ("both", "0,0", 2, "not-unified,not-coherent"), ("both", "0", 1, "small-windows"),
                ("gpu", "0", 1, "not-unified,two-queues"), ("both", "0,0", 2, "not-coherent,three-queues,copy-queues")]
        for lanes, gpus, ranks, pretend in ways:
            what = "terrain --lanes %s --gpus %s on %d ranks %s" % (lanes, gpus, ranks, pretend)
            result = run(ranks, folder.job, "--lanes", lanes, "--gpus", gpus, pretend=pretend)
            expect(result.returncode == 0, what + " exits 0" + (": " + result.stderr[-400:] if result.returncode else ""))
            if result.returncode != 0:
                continue
            found = {name: folder.data("terrain.h5", name) for name in ("relief", "slope", "total")}
            results.setdefault("cpu", found)
            want = results["cpu"]
            expect(found["relief"].tobytes() == want["relief"].tobytes(), what + ": an exact stencil is bit-equal")
            for name in ("slope", "total"):
                scale = numpy.abs(want[name]).max()
                expect(numpy.abs(found[name].astype("f8") - want[name]).max() <= 1e-5 * scale, what + ": " + name)
            if gpus != "none":
                queues = 3 if "three" in pretend else 2 if "two" in pretend else 1
                expect_gpu_lanes(folder.summary("terrain"), ranks, len(gpus.split(",")), what, queues)


def test_no_device():
    with Folder(terrain_text(2)) as folder:
        nowhere = "/nonexistent.json"
        result = run(1, folder.job, icd=nowhere)
        lines = [line for line in result.stderr.splitlines() if "no gpu" in line]
        expect(result.returncode == 0 and len(lines) == 1, "without a device a job runs on the cpu, with one line: " + str(lines))
        for options in (["--gpus", "0"], ["--lanes", "gpu"], ["--lanes", "both"], ["--validate"]):
            result = run(2, folder.job, *options, "--overwrite", icd=nowhere)
            errors = [line for line in result.stderr.splitlines() if "error" in line]
            expect(result.returncode == 69 and len(errors) == 1, "%s without a device is 69: %s" % (options, errors))
        found = subprocess.run([maniple, "devices"], env=dict(environment, VK_ICD_FILENAMES=nowhere), capture_output=True, text=True)
        expect(found.returncode == 0 and "no gpu" in found.stdout, "maniple devices says that there is none")


def test_wrong_devices():
    with Folder(terrain_text(2)) as folder:
        for gpus, code in (("99", 69), ("0,99", 69), ("0,", 64), ("x", 64), ("-1", 64)):
            result = run(1, folder.job, "--gpus=" + gpus)
            expect(result.returncode == code, "--gpus %s is %d, got %d" % (gpus, code, result.returncode))


PLACED = """maniple: 1
name: placed
inputs: {a: {shape: [300, 40], fill: uniform(seed=1)}}
graph:
  b: a*a + 1
  c: b + a
  d: sum(c, axis=0)
place: {b: gpu, c: cpu, d: "gpu:1"}
outputs: {b: placed.h5:/b, c: placed.h5:/c, d: placed.h5:/d}
"""


def test_dry_run():
    with Folder(terrain_text(2)) as folder:
        for options, code in ((["--gpus", "0"], 0), (["--gpus", "99"], 69), (["--lanes", "gpu", "--gpus", "none"], 69)):
            result = run(1, folder.job, "--dry-run", *options)
            expect(result.returncode == code, "--dry-run %s exits %d: %s" % (" ".join(options), code, result.stderr[-300:]))


def test_place():
    with Folder(PLACED) as folder:
        result = run(1, folder.job, "--gpus", "0,0")
        expect(result.returncode == 0, "place: exits 0: " + result.stderr[-300:])
        b, c, d = (folder.data("placed.h5", name) for name in "bcd")
        expect(numpy.allclose(d, c.sum(axis=0, dtype="f8"), rtol=1e-6), "place: the numbers are right")
        operations = {(lane["lane"], i): lane["operations"] for i, lane in enumerate(folder.summary("placed")["lanes"])}
        counts = [count for (lane, _), count in operations.items() if lane in ("cpu", "gpu")]
        expect(len(counts) == 3 and all(counts), "place: every lane has computed: " + str(counts))
        result = run(1, folder.job, "--gpus", "0")
        place = "job.yaml:8:"
        expect(result.returncode == 69 and place in result.stderr, "place: gpu:1 with one gpu lane is 69 at its line: " + result.stderr[-200:])


def test_validate():
    text = PLACED.replace('place: {b: gpu, c: cpu, d: "gpu:1"}\n', "")
    with Folder(text) as folder:
        for ranks, options in ((1, ()), (2, ()), (1, ("--lanes", "gpu", "--gpus", "0,0")), (1, ("--lanes", "both", "--gpus", "0"))):
            result = run(ranks, folder.job, "--validate", *options)
            expect(result.returncode == 0, "--validate %s on %d ranks exits 0: %s" % (options, ranks, result.stderr[-300:]))
            if result.returncode == 0:
                lanes = [lane for lane in folder.summary("placed")["lanes"] if lane["lane"] in ("cpu", "gpu")]
                expect(all(lane["operations"] > 0 for lane in lanes), "--validate %s: every lane has computed" % (options,))
    with Folder(terrain_text(10)) as folder:
        result = run(2, folder.job, "--validate")
        expect(result.returncode == 0, "terrain --validate exits 0: " + result.stderr[-300:])


def job_text(name, **constants):
    """A job of jobs/ with other constants and a loop of two steps; its plan is to be appended."""
    text = re.sub(r"(?m)^plan:.*\n", "", open(os.path.join(source, "jobs", name + ".yaml")).read())
    for constant, value in constants.items():
        text, count = re.subn(r"\b%s: \d+" % constant, "%s: %d" % (constant, value), text)
        assert count == 1, (name, constant)
    return text


def test_validate_pipelines():
    """Twins are cut into microbatches where their originals are, also where no input says which rows belong together."""
    jobs = (("nbody", job_text("nbody", n=96, steps=2)), ("mandelbrot", job_text("mandelbrot", width=60, height=50, iterations=40)),
            ("transformer-block", job_text("transformer-block", tokens=16)), ("unet-like", job_text("unet-like", images=6, size=8)))
    for name, text in jobs:
        for ranks, plan in ((1, "{strategy: pipeline, stages: 1}"), (1, "{strategy: pipeline, microbatches: 3}"),
                            (2, "{strategy: pipeline}"), (2, "{pipeline: 2}"), (2, "{from: plan.yaml}")):
            with Folder(text + "\nplan: %s\n" % plan) as folder:
                if "from" in plan:
                    words = [maniple, "plan", folder.job, "--ranks", "2", "--plan", "pipeline", "--dump", os.path.join(folder.path, "plan.yaml")]
                    subprocess.run(words, env=environment, check=True, capture_output=True)
                result = run(ranks, folder.job, "--validate", "--quiet")
                expect(result.returncode == 0, "%s --validate with plan: %s on %d ranks exits 0%s" %
                       (name, plan, ranks, ": %d %s" % (result.returncode, result.stderr[-300:]) if result.returncode else ""))
    with Folder(job_text("nbody", n=96, steps=2) + "plan: {strategy: model, memory: 700 B}\n") as folder:
        result = run(3, folder.job, "--validate")
        expect(result.returncode == 69, "a memory that is too small for any plan is 69 with --validate: %d" % result.returncode)


TANH = """maniple: 1
name: tanh
inputs: {x: "numbers.h5:/x", w: {shape: [128, 128], fill: "uniform(seed=1, low=0.1, high=0.2)"}}
graph: {t: tanh(x), y: "matmul(t, w)", z: "matmul(y, w)"}
outputs: {z: tanh.h5:/z}
plan: {strategy: pipeline, microbatches: 4}
"""


def test_validate_finds_faults():
    """One row of one microbatch is wrong on one lane of the first stage's rank."""
    for ranks in (1, 2):
        for row in (0, 13, 23):
            with Folder(TANH) as folder:
                x = numpy.zeros((24, 128), dtype="f4")
                x[row] = 3
                with h5py.File(os.path.join(folder.path, "numbers.h5"), "w") as file:
                    file["x"] = x
                result = run(ranks, folder.job, "--validate", "--quiet", fault=0)
                expect(result.returncode == 70 and "tanh gives" in result.stderr and "at [%d, 0] of 't'" % row in result.stderr,
                       "--validate of a pipeline on %d ranks finds what is wrong in row %d: %d %s" %
                       (ranks, row, result.returncode, result.stderr[-200:]))


def test_validate_tails():
    """Lanes agree on gelu down to where it vanishes."""
    text = "maniple: 1\nname: tail\ninputs: {x: numbers.h5:/x}\ngraph: {y: gelu(x)}\noutputs: {y: tail.h5:/y}\n"
    with Folder(text) as folder:
        with h5py.File(os.path.join(folder.path, "numbers.h5"), "w") as file:
            file["x"] = numpy.linspace(-15, 15, 30001, dtype="f4")
        result = run(1, folder.job, "--validate", "--quiet")
        expect(result.returncode == 0, "gelu --validate over its range exits 0: " + result.stderr[-300:])


def test_hang():
    with Folder(terrain_text(2)) as folder:
        begin = time.time()
        result = run(1, folder.job, "--lanes", "gpu", "--gpus", "0", "--stall", "3s", pretend="hangs")
        expect(result.returncode == 76 and time.time() - begin < 40, "a gpu that hangs ends the run with 76: %d after %.0f s: %s" %
               (result.returncode, time.time() - begin, result.stderr[-200:]))
        expect(not os.path.exists(os.path.join(folder.path, "terrain.h5")), "a gpu that hangs leaves no result")


HALVES = """maniple: 1
name: halves
inputs: {wide: "numbers.h5:/wide", single: "numbers.h5:/single"}
graph: {a: "cast(wide, dtype=f16)", b: "cast(single, dtype=f16)"}
outputs: {a: "halves.h5:/a", b: "halves.h5:/b"}
"""


def test_halves():
    """Every half, the middle between it and the next one, and the numbers beside: rounded once, ties to even."""
    halves = numpy.arange(0x7c00, dtype=numpy.uint16).view(numpy.float16).astype(numpy.float64)
    ends = numpy.append(halves[1:], 65536.0)
    middles = (halves + ends) / 2
    wide = numpy.concatenate([halves, middles, numpy.nextafter(middles, 0), numpy.nextafter(middles, 1e9)])
    wide = numpy.concatenate([wide, -wide])
    single = wide.astype(numpy.float32)
    with Folder(HALVES) as folder:
        with h5py.File(os.path.join(folder.path, "numbers.h5"), "w") as file:
            file["wide"], file["single"] = wide, single
        result = run(1, folder.job, "--lanes", "gpu", "--gpus", "0")
        expect(result.returncode == 0, "casts to f16 on a gpu exit 0: " + result.stderr[-300:])
        expect_gpu_lanes(folder.summary("halves"), 1, 1, "casts to f16")
        with numpy.errstate(over="ignore"):
            for name, numbers in (("a", wide), ("b", single)):
                want, got = numbers.astype(numpy.float16), folder.data("halves.h5", name)
                different = numpy.flatnonzero(want.view(numpy.uint16) != got.view(numpy.uint16))
                expect(different.size == 0, "%s to f16 on a gpu rounds as NumPy does: %d differ, the first of %s" %
                       (numbers.dtype, different.size, numbers[different[:1]]))


LARGE = """maniple: 1
name: large
inputs: {a: {shape: [52428800], fill: uniform(seed=3)}}
graph: {b: a + a, t: max(b)}
outputs: {t: large.h5:/t}
"""


def test_large():
    """200 MiB: more than one storage-buffer window of many devices."""
    with Folder(LARGE) as folder:
        result = run(1, folder.job, "--lanes", "cpu")
        want = folder.data("large.h5", "t")
        result = run(1, folder.job, "--lanes", "gpu", "--gpus", "0")
        expect(result.returncode == 0, "a tensor of 200 MiB on a gpu exits 0: " + result.stderr[-300:])
        expect(folder.data("large.h5", "t") == want, "a tensor of 200 MiB on a gpu is right")


if not has_device():
    print("SKIPPED: no Vulkan device")
    sys.exit(77)
test_terrain()
test_no_device()
test_wrong_devices()
test_dry_run()
test_place()
test_validate()
test_validate_pipelines()
test_validate_finds_faults()
test_validate_tails()
test_hang()
test_halves()
test_large()
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
