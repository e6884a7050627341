#!/usr/bin/env python3
"""How the lanes of a rank share its work, through the real program: `sharing: adaptive` comes to the ratio of the
measured speeds within five executions, `sharing: dynamic` gives a slow lane less, and results are those of the cpu alone.

sharing_test.py MANIPLE MPIEXEC FAULT_LIBRARY
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy

maniple, mpiexec, fault_library = sys.argv[1:4]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
failures = []

HEAD = "maniple: 1\nname: shares\n"
HEAT = HEAD + """inputs: {u: "in.h5:/u"}
graph: {v: "heat_step(u, alpha=0.2, boundary=[clamp, periodic])"}
loop: {steps: %d, carry: {u: v}}
outputs: {v: out.h5:/v}
"""
# What is carried, what does not change (from a file, and computed), folds of both kinds, and what ends the loop.
MIXED = HEAD + """inputs: {u: "in.h5:/small", k: "in.h5:/k", n: {shape: [], fill: 0}}
graph:
  m: n + 1
  damping: blur(k, radius=2) * 0.5
  v: heat_step(u, alpha=0.2, boundary=[clamp, periodic])
  w: v * 0.9 + damping * 0.1
  rows: sum(w, axis=1)
  high: max(w)
loop: {steps: 60, carry: {u: w, n: m}, until: "m >= 43"}
outputs: {w: out.h5:/w, rows: {to: out.h5:/rows, every: 7}, high: {to: out.h5:/high, every: 5}, damping: out.h5:/damping}
"""
# Two values from before, one carried into the other, and a swap that no storage can follow.
WAVE = HEAD + """inputs: {u: "in.h5:/small", before: "in.h5:/small", a: "in.h5:/small", b: "in.h5:/k"}
graph: {next: "wave_step(u, before, c2=0.1) + 0.001 * (a - b)"}
loop: {steps: 40, carry: {before: u, u: next, a: b, b: a}}
outputs: {next: out.h5:/next, before: out.h5:/before, a: out.h5:/a}
"""
# No loop: layers, and work of which nobody knows beforehand how long it takes.
LAYERS = HEAD + """inputs:
  x: {shape: [96, 200], fill: uniform(seed=1)}
  w: {shape: [200, 64], fill: "normal(seed=2, std=0.1)"}
  b: {shape: [64], fill: 0.1}
graph:
  h: relu(dense(x, w, b))
  p: softmax(h, axis=1)
  best: argmax(p, axis=1)
  set: mandelbrot(width=160, height=120, xmin=-2.25, xmax=0.75, ymin=-1, ymax=1, iterations=300)
outputs: {p: out.h5:/p, best: out.h5:/best, set: out.h5:/set}
"""


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


def run(folder, job, sharing, ranks=1, slow="", pretend="", options=("--lanes", "both"), history="", code=0,
        fault=()):
    """The results, the summary and what was said; with `history` in a cache of its own."""
    with open(folder + "/job.yaml", "w") as file:
        file.write(job + "plan: {strategy: data, sharing: %s}\n" % sharing)
    changed = dict(environment)
    if slow:
        changed["MANIPLE_SLOW_LANE"] = slow
    if pretend:
        changed["MANIPLE_VULKAN_PRETEND"] = pretend
    words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks)]
    for name in fault:
        words += ["-x", name + "=" + fault[name]]
    words += [maniple, "run", "job.yaml", "--threads", "1", "--check", *options]
    if history:
        changed["MANIPLE_CACHE_DIR"] = history
    else:
        words.append("--no-history")
    done = subprocess.run(words, cwd=folder, env=changed, capture_output=True, text=True)
    if done.returncode != code:
        expect(False, "exit %d: %s" % (done.returncode, done.stderr[-2000:]))
        return {}, {"lanes": [], "share_changes": -1}, ""
    if code:
        return {}, {}, done.stderr
    with h5py.File(folder + "/out.h5") as file:
        results = {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
    with open(folder + "/shares.report/summary.json") as file:
        return results, json.load(file), done.stderr


def same(got, want):
    return len(want) > 0 and got.keys() == want.keys() and all(
        got[name].shape == want[name].shape and numpy.allclose(got[name], want[name], rtol=2e-5, atol=1e-6)
        for name in want)


def shares(summary):
    """Of the cpu and the gpu lanes of rank 0."""
    return [lane["share"] for lane in summary["lanes"] if lane["rank"] == 0 and lane["share"] is not None]


def measured_shares(history):
    """What each lane should have by the times that the run has measured: of the cpu, then of the gpu."""
    shown = subprocess.run([maniple, "kernels", "show", "heat_step"], env=dict(environment, MANIPLE_CACHE_DIR=history),
                           capture_output=True, text=True).stdout
    times = dict(re.findall(r"heat_step f32, (cpu|gpu) .*: (\S+) ns a point", shown))
    speeds = [1 / float(times[lane]) for lane in ("cpu", "gpu")]
    return [speed / sum(speeds) for speed in speeds]


def follows(folder, slow, options):
    """The shares in the sixth step, those that follow from the speeds measured, and how often they have changed."""
    history = tempfile.mkdtemp(dir=folder)
    _, summary, _ = run(folder, HEAT % 6, "adaptive", slow=slow, history=history, options=options)
    if options[1] == "both":
        return shares(summary), measured_shares(history), summary["share_changes"]
    # Two lanes on one device are one to the history: their speeds are those of equal parts.
    _, even, _ = run(folder, HEAT % 6, "round-robin", slow=slow, options=options)
    speeds = [1 / lane["busy_seconds"] for lane in even["lanes"] if lane["lane"] == "gpu"]
    return shares(summary)[1:], [speed / sum(speeds) for speed in speeds], summary["share_changes"]


def check_convergence(folder):
    """The sixth step is shared by what the five before have shown. Other work on this machine disturbs what is measured:
    one of three attempts has to do."""
    both, two = ("--lanes", "both"), ("--lanes", "gpu", "--gpus", "0,0")
    for slow, options in ("cpu:3", both), ("cpu:30", both), ("0:3", both), ("1:3", two), ("0:3", two):
        attempts = []
        good = False
        while not good and len(attempts) < 3:
            attempts.append(follows(folder, slow, options))
            got, want, changes = attempts[-1]
            good = changes >= 1 and abs(got[0] - want[0]) < 0.12
        expect(good, "%s slowed, %s: after five steps shares are as measured speeds: %s" % (slow, options[1], "; ".join(
            "%.2f, measured %.2f, %d changes" % (got[0], want[0], changes) for got, want, changes in attempts)))
    _, summary, _ = run(folder, HEAT % 6, "weighted", slow="cpu:3")
    expect(summary["share_changes"] == 0, "weighted: shares stay as they are")


def check_dynamic(folder):
    """Who is slow takes less. Nothing is known of the lanes beforehand."""
    _, fast, _ = run(folder, HEAT % 6, "dynamic", slow="cpu:20")
    _, slow, _ = run(folder, HEAT % 6, "dynamic", slow="0:60")
    if fast["lanes"] and slow["lanes"]:
        expect(shares(fast)[0] < shares(slow)[0] - 0.1, "dynamic: the slow lane takes less: cpu %r, gpu %r" %
               (shares(fast), shares(slow)))
        lanes = [lane for lane in slow["lanes"] if lane["share"] is not None]
        expect(all(lane["operations"] > 0 for lane in lanes), "dynamic: every lane has computed something")


def check_results(folder):
    alone = ("--lanes", "cpu")
    both, two = ("--lanes", "both"), ("--lanes", "gpu", "--gpus", "0,0")
    for name, job in ("mixed", MIXED), ("wave", WAVE), ("layers", LAYERS):
        want, _, _ = run(folder, job, "weighted", options=alone)
        looped = "loop" in job
        for sharing in "adaptive", "dynamic", "round-robin":
            got, _, _ = run(folder, job, sharing, options=alone)
            expect(same(got, want), "%s, %s, the cpu alone" % (name, sharing))
        for sharing, ranks, options, pretend, slow in (
                ("adaptive", 1, both, "", "cpu:5"), ("adaptive", 1, two, "not-unified", "1:5"),
                ("adaptive", 2, both, "not-unified", "0:5"), ("dynamic", 1, both, "", "0:5"),
                ("dynamic", 1, two, "", ""), ("dynamic", 2, both, "not-unified", ""),
                ("dynamic", 2, two, "not-coherent,not-unified", ""), ("adaptive", 3, two, "", "0:5"),
                ("dynamic", 1, two, "not-unified,two-queues", ""),
                ("dynamic", 1, both, "not-coherent,three-queues,copy-queues", "cpu:5"),
                ("adaptive", 1, both, "not-unified,three-queues", "0:5")):
            got, summary, _ = run(folder, job, sharing, ranks, slow, pretend, options)
            expect(same(got, want), "%s, %s, %d ranks, %s %s: the results of the cpu alone; %r, %r changes" %
                   (name, sharing, ranks, options[1], pretend, shares(summary), summary.get("share_changes")))
            if sharing == "adaptive" and not looped:
                expect(summary["share_changes"] == 0, "without a loop there is nothing to follow")


def check_failures(folder):
    """A kernel that throws on the cpu while a gpu lane computes other tiles ends the run, on all ranks, with its name."""
    job = HEAD + ('inputs: {u: "in.h5:/u"}\ngraph: {v: tanh(u)}\nloop: {steps: 9, carry: {u: v}}\n'
                  'outputs: {v: out.h5:/v}\n')
    for sharing in "adaptive", "dynamic":
        for ranks in 1, 2:
            preload = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), fault_library]))
            fault = {"FAULT": "throw", "FAULT_RANK": "0", "LD_PRELOAD": preload}
            _, _, said = run(folder, job, sharing, ranks, code=70, fault=fault)
            expect("tanh" in said and "on the cpu lane" in said,
                   "%s, %d ranks, a kernel that throws: %r" % (sharing, ranks, said[-200:]))


def check_commands(folder):
    """The words are known wherever a plan is read."""
    _, _, _ = run(folder, HEAT % 6, "adaptive")
    call = lambda *words: subprocess.run([maniple, *words], cwd=folder, env=environment, capture_output=True, text=True)
    for words in (["check", "job.yaml", "--ranks", "2"], ["plan", "job.yaml", "--ranks", "2", "--dump", "mine.yaml"],
                  ["run", "job.yaml", "--dry-run"],
                  ["plan", "job.yaml", "--ranks", "2", "--plan", "{sharing: dynamic}"]):
        done = call(*words)
        expect(done.returncode == 0, "%s: %s" % (" ".join(words), done.stderr[-300:] if done.returncode else "good"))
    want, _, _ = run(folder, HEAT % 6, "weighted", options=("--lanes", "cpu"))
    for sharing in "adaptive", "dynamic":
        plan = "{from: mine.yaml, sharing: %s}" % sharing
        got, _, _ = run(folder, HEAT % 6, sharing, 2, options=("--lanes", "both", "--plan", plan))
        expect(same(got, want), "%s with a plan file" % sharing)


def check_company(folder):
    """What decides otherwise which lane computes what is said, and decides."""
    for sharing in "adaptive", "dynamic":
        _, _, said = run(folder, MIXED, sharing, options=("--lanes", "both", "--record", "order"))
        expect("sharing: %s does not go with --record" % sharing in said, "%s beside --record: %r" % (sharing, said[:300]))
    got, _, said = run(folder, MIXED, "dynamic", options=("--lanes", "both", "--validate"))
    expect("does not go with --validate" in said and "w" in got, "dynamic beside --validate")
    got, _, _ = run(folder, MIXED, "adaptive", slow="cpu:4", options=("--lanes", "both", "--validate"))
    expect("w" in got, "adaptive beside --validate: lanes agree")
    _, _, said = run(folder, HEAT % 6, "dynamic", pretend="hangs", options=("--lanes", "both", "--stall", "3s"), code=76)
    expect("stall" in said or "progress" in said, "dynamic on a device that hangs ends: %r" % said[-300:])
    _, _, said = run(folder, HEAT % 6, "adaptive", slow="gpu:3", code=64)
    expect("MANIPLE_SLOW_LANE takes" in said, "a lane that there is not")


found = subprocess.run([maniple, "devices", "--json"], capture_output=True, text=True)
if found.returncode != 0 or not any(device["usable"] for device in json.loads(found.stdout)["gpus"]):
    print("no Vulkan device: skipped")
    sys.exit(77)
where = tempfile.mkdtemp(prefix="maniple-sharing-")
random = numpy.random.default_rng(3)
with h5py.File(where + "/in.h5", "w") as inputs:
    inputs["u"] = random.random((1500, 2000), dtype=numpy.float32)
    for data_set in "small", "k":
        inputs[data_set] = random.random((180, 150), dtype=numpy.float32)
check_results(where)
check_convergence(where)
check_dynamic(where)
check_commands(where)
check_failures(where)
check_company(where)
shutil.rmtree(where)
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
