#!/usr/bin/env python3
"""What the chunk scheduler has to carry out, case by case: each on every set of lanes that it makes sense on, on 1 and 2
ranks, with inputs from files, results in files, and messages between the ranks. Everything against NumPy, with --check.

matrix_test.py cpu|gpu MANIPLE MPIEXEC FAULT_LIBRARY
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

kind, maniple, mpiexec, fault_library = sys.argv[1:5]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", LP_NUM_THREADS="1")
failures = []
ROWS, COLUMNS = 48, 31

# Where the lanes that a case names, A, B and C, are: on the cpu alone, beside one gpu, beside two lanes on one device.
LANES = {
    "cpu": ({"A": "cpu", "B": "cpu", "C": "cpu"}, ["--gpus", "none"]),
    "gpu": ({"A": "gpu:0", "B": "gpu:0", "C": "cpu"}, ["--gpus", "0"]),
    "two gpus": ({"A": "gpu:0", "B": "gpu:1", "C": "cpu"}, ["--gpus", "0,0"]),
    "two gpus that the host orders": ({"A": "gpu:0", "B": "gpu:1", "C": "cpu"}, ["--gpus", "0,0", "--host-complete"]),
}
EVERYWHERE = ["cpu", "gpu", "two gpus"]
ORDERED_BY_HOST = EVERYWHERE + ["two gpus that the host orders"]


def expect(condition, what):
    if not condition:
        print("BAD   " + what, flush=True)
        failures.append(what)


# --- Kernels in NumPy ------------------------------------------------------------------------------------------------

def heat_step(u):
    around = np.pad(u, 1, mode="edge")
    north, south, west, east = around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]
    return u + np.float32(0.25) * ((((north + south) + west) + east) - np.float32(4) * u)


KERNELS = {
    "add": np.add, "sub": np.subtract, "maximum": np.maximum, "neg": np.negative, "relu": lambda x: np.maximum(x, np.float32(0)),
    "heat_step": heat_step, "sum": lambda x: np.float32(np.sum(x, dtype=np.float64)), "max": np.max,
}


class Case:
    """A graph as (name, kernel, arguments, lane): one operation each. Inputs are u and w, [ROWS, COLUMNS], from a file."""

    def __init__(self, operations, outputs, carry=None, steps=1, every=None):
        self.operations, self.outputs, self.carry, self.steps = operations, outputs, carry or {}, steps
        self.every = every or {}
        ours = {argument for _, _, arguments, _ in operations for argument in arguments}
        self.inputs = [name for name in ("u", "w") if name in ours]

    def text(self, places):
        lines = ["maniple: 1", "name: matrix", "inputs:"] + ["  %s: in.h5:/%s" % (name, name) for name in self.inputs] + ["graph:"]
        for name, kernel, arguments, _ in self.operations:
            extra = ", alpha=0.25" if kernel == "heat_step" else ""
            lines.append("  %s: %s(%s%s)" % (name, kernel, ", ".join(arguments), extra))
        lines.append("place: {%s}" % ", ".join('%s: "%s"' % (name, places[lane]) for name, _, _, lane in self.operations))
        if self.carry:
            lines.append("loop: {steps: %d, carry: {%s}}" % (self.steps, ", ".join("%s: %s" % pair for pair in self.carry.items())))
        lines.append("outputs:")
        for name in self.outputs:
            every = ", every: %d" % self.every[name] if name in self.every else ""
            lines.append("  %s: {to: out.h5:/%s%s}" % (name, name, every))
        return "\n".join(lines) + "\n"

    def reference(self, inputs):
        values, series = dict(inputs), {name: [] for name in self.every}
        for step in range(1, self.steps + 1):
            for name, kernel, arguments, _ in self.operations:
                values[name] = KERNELS[kernel](*(values[argument] for argument in arguments))
            for name, every in self.every.items():
                if step % every == 0:
                    series[name].append(values[name])
            if step < self.steps:
                values.update({target: values[source] for target, source in self.carry.items()})
        return {name: np.array(series[name]) if name in series else values[name] for name in self.outputs}

    def needs_messages(self):
        return any(kernel in ("heat_step", "sum", "max") for _, kernel, _, _ in self.operations)

    def operations_on(self, places, place, rank, ranks):
        """On one rank in one step. What ranks fold is brought together by the cpu of rank 0."""
        pinned = sum(places[lane] == place for _, _, _, lane in self.operations)
        if place != "cpu" or rank > 0 or ranks == 1:
            return pinned
        return pinned + sum(kernel in ("sum", "max") and places[lane] != "cpu" for _, kernel, _, lane in self.operations)


# --- The cases -------------------------------------------------------------------------------------------------------

def single_gpu_chain():
    kernels = ["heat_step", "relu", "neg", "heat_step", "neg", "relu", "heat_step"]
    chain = [("c%d" % i, kernel, ["c%d" % (i - 1) if i else "u"], "A") for i, kernel in enumerate(kernels)]
    return Case(chain + [("top", "max", [chain[-1][0]], "A")], [chain[-1][0], "top"])


def disjoint_branches():
    branch = lambda name, start, lane: [(name + "0", "heat_step", [start], lane), (name + "1", "neg", [name + "0"], lane),
                                        (name + "2", "heat_step", [name + "1"], lane), (name + "3", "sum", [name + "2"], lane)]
    return Case(branch("a", "u", "A") + branch("b", "w", "B"), ["a2", "a3", "b2", "b3"])


def gpu_cpu_gpu():
    return Case([("a", "heat_step", ["u"], "A"), ("b", "heat_step", ["a"], "C"), ("c", "heat_step", ["b"], "B"),
                 ("d", "sum", ["c"], "B")], ["a", "b", "c", "d"])


def diamond():
    return Case([("top", "heat_step", ["u"], "A"), ("left", "heat_step", ["top"], "A"), ("right", "neg", ["top"], "B"),
                 ("bottom", "add", ["left", "right"], "C"), ("size", "sum", ["bottom"], "A")], ["bottom", "size", "right"])


def fan_out_fan_in():
    width, lanes = 60, "ABC"
    operations = [("root", "heat_step", ["u"], "A")]
    operations += [("f%d" % i, "relu" if i % 2 else "neg", ["root"], lanes[i % 3]) for i in range(width)]
    level = ["f%d" % i for i in range(width)]
    while len(level) > 1:  # joined in pairs, each pair where its number falls
        joined = ["j%d" % (len(operations) + i) for i in range(len(level) // 2)]
        operations += [(name, "add", level[2 * i:2 * i + 2], lanes[i % 3]) for i, name in enumerate(joined)]
        level = joined + level[2 * len(joined):]
    return Case(operations + [("total", "sum", [level[0]], "B")], [level[0], "total", "f7"])


def long_chain():
    chain = [("c%d" % i, "sub" if i % 3 else "add", ["c%d" % (i - 1) if i else "u", "w"], "A") for i in range(400)]
    return Case(chain + [("last", "heat_step", [chain[-1][0]], "A")], ["c399", "last"])


def loop(steps):
    """Every step on every lane, a row of a series every 8 steps."""
    return Case([("a", "heat_step", ["u"], "A"), ("b", "maximum", ["a", "w"], "C"), ("v", "heat_step", ["b"], "B"),
                 ("t", "sum", ["v"], "B")], ["v", "t"], carry={"u": "v"}, steps=steps, every={"t": 8})


# --- Runs ------------------------------------------------------------------------------------------------------------

class Folder:
    def __init__(self, text):
        self.path = tempfile.mkdtemp(prefix="maniple-matrix-")
        self.job = os.path.join(self.path, "job.yaml")
        with open(self.job, "w") as job:
            job.write(text)
        random = np.random.default_rng(7)
        # Integers: sums are exact in any order.
        self.inputs = {name: random.integers(-64, 64, (ROWS, COLUMNS)).astype(np.float32) for name in "uw"}
        with h5py.File(os.path.join(self.path, "in.h5"), "w") as file:
            for name, values in self.inputs.items():
                file[name] = values

    def run(self, ranks, options, fault="", no_device=False):
        words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks)]
        extended = dict(environment)
        if fault:
            preload = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), fault_library]))
            victim = 1 if ranks > 1 else 0
            words += ["-x", "ASAN_OPTIONS=verify_asan_link_order=0", "-x", "LD_PRELOAD=" + preload, "-x", "FAULT=" + fault]
            words += ["-x", "FAULT_RANK=%d" % victim]
        if no_device:
            extended["VK_ICD_FILENAMES"] = "/nonexistent.json"
        words += [maniple, "run", self.job, "--plan", "data", "--no-history", "--check", *options]
        return subprocess.run(words, env=extended, capture_output=True, text=True)

    def results(self, names):
        with h5py.File(os.path.join(self.path, "out.h5")) as file:
            return {name: file[name][()] for name in names}

    def summary(self):
        return json.load(open(os.path.join(self.path, "matrix.report", "summary.json")))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        shutil.rmtree(self.path)


def expect_results(folder, case, what):
    want = case.reference(folder.inputs)
    for name, got in folder.results(case.outputs).items():
        expect(np.shape(got) == np.shape(want[name]) and np.allclose(got, want[name], rtol=1e-6, atol=0),
               "%s: %s is wrong" % (what, name))


def expect_lanes(summary, case, lanes, ranks, what):
    """Each operation ran on the lane that it is pinned to, in each step (those of a series alone in steps with a row)."""
    places = LANES[lanes][0]
    for place in set(places.values()):
        name, _, number = place.partition(":")
        for rank in range(ranks):
            mine = [lane for lane in summary["lanes"] if lane["rank"] == rank and lane["lane"] == name]
            lane = mine[int(number or 0)]
            want = case.operations_on(places, place, rank, ranks)
            if case.steps == 1:
                expect(lane["operations"] == want, "%s: %d operations on %s of rank %d, not %d" % (what, lane["operations"], place, rank, want))
            expect((lane["operations"] > 0) == (want > 0), "%s: whether %s of rank %d computes" % (what, place, rank))


def run_case(name, case, lanes, ranks, threads=1, more=(), **ways):
    places, options = LANES[lanes]
    what = "%s on %s, %d ranks x %d threads" % (name, lanes, ranks, threads)
    with Folder(case.text(places)) as folder:
        result = folder.run(ranks, options + ["--threads", str(threads), *more], **ways)
        expect(result.returncode == 0, "%s exits %d: %s" % (what, result.returncode, result.stderr[-400:]))
        if result.returncode != 0:
            return result, None
        expect_results(folder, case, what)
        summary = folder.summary()
        expect_lanes(summary, case, lanes, ranks, what)
        expect((summary["messages"]["count"] > 0) == (ranks > 1 and case.needs_messages()), what + ": messages")
        expect(summary["io"]["read_bytes"] >= len(case.inputs) * ROWS * COLUMNS * 4, what + ": reads")
        expect(summary["io"]["written_bytes"] > 0, what + ": writes")
        return result, summary


def check_graph(name, case, sets):
    for lanes in sets:
        for ranks in (1, 2):
            for threads in (1, 3) if lanes == "cpu" else (1,):
                run_case(name, case, lanes, ranks, threads)


def check_wakeups(sets):
    """Futexes and condition variables that return for no reason, half of the time, on one rank."""
    for lanes in sets:
        for ranks in (1, 2):
            result, _ = run_case("spurious wake-ups", loop(24), lanes, ranks, 3, fault="wakeups")
            counts = [int(line.split()[1]) for line in result.stderr.splitlines() if line.startswith("wakeups ")]
            expect(len(counts) == 1 and counts[0] > 0, "spurious wake-ups on %s, %d ranks: there were some: %s" % (lanes, ranks, counts))


def check_failing_kernel(sets):
    """The kernel before the last of GPU0 -> CPU -> GPU1: one message that names it, or the signal; no result appears."""
    text = gpu_cpu_gpu().text({"A": "%(A)s", "B": "%(B)s", "C": "cpu"}).replace("b: heat_step(a, alpha=0.25)", "b: tanh(a)")
    for lanes in sets:
        places, options = LANES[lanes]
        for ranks in (1, 2):
            for fault, codes in (("throw", (70,)), ("crash", (139, -11))):
                what = "a kernel with FAULT=%s on %s, %d ranks" % (fault, lanes, ranks)
                with Folder(text % places) as folder:
                    result = folder.run(ranks, options + ["--threads", "2"], fault=fault)
                    expect(result.returncode in codes, "%s exits %d: %s" % (what, result.returncode, result.stderr[-400:]))
                    expect(not os.path.exists(os.path.join(folder.path, "out.h5")), what + ": no result appears")
                    said = [line for line in result.stderr.splitlines() if "error" in line]
                    if fault == "throw":
                        named = len(said) == 1 and "tanh" in said[0] and "cpu lane" in said[0] and "box [" in said[0]
                        expect(named and ("rank 1" in said[0]) == (ranks > 1), "%s names it, once: %s" % (what, said))
                        left = sorted(os.listdir(folder.path))
                        expect(left == ["in.h5", "job.yaml"], "%s leaves nothing: %s" % (what, left))


def check_execution_again(sets):
    """A loop runs one program many times: what a step costs in chunks stays the same, and so do the bits of two runs."""
    for lanes in sets:
        for ranks in (1, 2):
            what = "re-execution on %s, %d ranks" % (lanes, ranks)
            chunks = []
            for steps in (64, 96, 128, 128):
                # Whose order is recorded is not cut anew by what has been measured.
                _, summary = run_case("re-execution", loop(steps), lanes, ranks, 2, more=["--record", "order"])
                chunks.append(summary["chunks"] if summary else 0)
            # The first blocks load inputs, the last one writes the results; what lies between is alike.
            expect(chunks[2] - chunks[1] == chunks[1] - chunks[0] > 0 and chunks[3] == chunks[2], "%s: chunks %s" % (what, chunks))


def check_cpu_only():
    """On a machine without a device."""
    for name, case in (("diamond", diamond()), ("fan", fan_out_fan_in()), ("loop", loop(20))):
        for ranks in (1, 2):
            for threads in (1, 2, 4):
                _, summary = run_case("CPU only, " + name, case, "cpu", ranks, threads, no_device=True)
                expect(summary and not any(lane["lane"] == "gpu" for lane in summary["lanes"]), "CPU only: no gpu lane")


MATRIX = {
    "single-GPU chain": (lambda sets: check_graph("single-GPU chain", single_gpu_chain(), sets), ["cpu", "gpu"]),
    "disjoint branches on several GPUs": (lambda sets: check_graph("disjoint branches", disjoint_branches(), sets), ORDERED_BY_HOST),
    "GPU0 -> CPU -> GPU1": (lambda sets: check_graph("GPU0 -> CPU -> GPU1", gpu_cpu_gpu(), sets), ORDERED_BY_HOST),
    "diamond": (lambda sets: check_graph("diamond", diamond(), sets), ORDERED_BY_HOST),
    "large fan-out and fan-in": (lambda sets: check_graph("fan-out and fan-in", fan_out_fan_in(), sets), EVERYWHERE),
    "long chains on one GPU": (lambda sets: check_graph("long chain", long_chain(), sets), ["cpu", "gpu"]),
    "spurious wake-ups": (check_wakeups, EVERYWHERE),
    "a kernel that throws and one that crashes": (check_failing_kernel, EVERYWHERE),
    "re-execution": (check_execution_again, ORDERED_BY_HOST),
    "CPU only": (lambda sets: check_cpu_only(), ["cpu"]),
}


def has_device():
    found = subprocess.run([maniple, "devices", "--json"], capture_output=True, text=True)
    return any(device["usable"] for device in json.loads(found.stdout)["gpus"])


if kind == "gpu" and not has_device():
    print("SKIPPED: no Vulkan device")
    sys.exit(77)
ran = 0
for name, (check, sets) in MATRIX.items():
    wanted = [lanes for lanes in sets if (lanes == "cpu") == (kind == "cpu")]
    if not wanted:
        continue
    before = len(failures)
    check(wanted)
    ran += 1
    print("%s  %s: %s" % ("good" if len(failures) == before else "BAD ", name, ", ".join(wanted)), flush=True)
print("%d cases, %d failures" % (ran, len(failures)))
sys.exit(1 if failures or ran == 0 else 0)
