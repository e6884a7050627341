#!/usr/bin/env python3
"""Jobs in less memory than they need: fast refuses, balanced and small run, the results are the same.

memory_test.py MANIPLE MPIEXEC SOURCE
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

maniple, mpiexec, source = sys.argv[1:4]
folder = tempfile.mkdtemp(prefix="maniple-memory-")
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   MANIPLE_CACHE_DIR=os.path.join(folder, "cache"))
failures = []


def expect(condition, what):
    if not condition:
        print("BAD   " + what, flush=True)
        failures.append(what)


def maniple_run(*words, ranks=1):
    command = [maniple, *words]
    if ranks > 1:
        command = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks), *command]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)


def plan_text(plan, **keys):
    return "{%s}" % ", ".join([plan] + ["%s: %s" % pair for pair in keys.items()])


def run(job, plan, ranks, **keys):
    """The exit code, what was said, and the summary."""
    report = os.path.join(folder, "report")
    shutil.rmtree(report, ignore_errors=True)
    result = maniple_run("run", job, "--plan", plan_text(plan, **keys), "--threads", "1", "--gpus", "none", "--no-history",
                         "--check", "--report", report, ranks=ranks)
    summary = None
    if result.returncode == 0:
        with open(os.path.join(report, "summary.json")) as text:
            summary = json.load(text)
    return result.returncode, result.stderr, summary


def least(said):
    return int(re.search(r"at least [^()]*\((\d+) B\)", said).group(1))


def values(name):
    found = {}
    with h5py.File(os.path.join(folder, name)) as results:
        results.visititems(lambda path, item: found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def no_scratch_left():
    return not [name for name in os.listdir(folder) if "scratch" in name]


spilled = set()


def smaller_and_smaller(job, result, plan, ranks):
    """From what fast needs downwards: each use refuses, names the least that it can, and runs with just that."""
    what = "%s, %s on %d" % (job, plan, ranks)
    code, said, summary = run(job, plan, ranks, memory_use="fast")
    expect(code == 0, "%s: %d: %s" % (what, code, said))
    if code != 0:
        return
    bytes_before = summary["memory"]["host_peak_bytes"]
    expect(summary["memory"]["recomputed"] == [] and summary["memory"]["spilled_bytes"] == 0, "%s: nothing is done: it fits" % what)
    wanted = values(result)
    # A pipeline that may be folded is a row of stages where only that fits.
    code, said, _ = run(job, plan, ranks, memory_use="fast", memory="1 B")
    bytes_fast = least(said)
    expect(code == 69 and (bytes_fast == bytes_before or ("pipeline" in plan and bytes_fast < bytes_before)),
           "%s: fast in a byte: %d: %s, before %d" % (what, code, said, bytes_before))
    code, said, _ = run(job, plan, ranks, memory_use="fast", memory="%d B" % bytes_fast)
    expect(code == 0, "%s: fast in %d: %d: %s" % (what, bytes_fast, code, said))
    code, said, _ = run(job, plan, ranks, memory_use="fast", memory="%d B" % (bytes_fast - 1))
    expect(code == 69 and "memory" in said, "%s: fast with a byte less: %d: %s" % (what, code, said))
    code, said, summary = run(job, plan, ranks, memory="%d B" % (bytes_fast - 1))
    expect(code == 0 and "fits by" in said, "%s: balanced with a byte less: %d: %s" % (what, code, said))
    bytes_least = bytes_fast
    for use in ("balanced", "small"):
        code, said, _ = run(job, plan, ranks, memory_use=use, memory="1 B")
        expect(code == 69, "%s: %s in a byte: %d: %s" % (what, use, code, said))
        bytes_now = least(said)
        # A plan of stages depends on the memory itself; there may be an operation that needs all that is left.
        in_stages = "pipeline" in plan or "model" in plan
        expect(bytes_now < bytes_least or ((in_stages or job != UNET) and use == "small" and bytes_now == bytes_least),
               "%s: %s needs %d, before %d" % (what, use, bytes_now, bytes_least))
        code, said, _ = run(job, plan, ranks, memory_use=use, memory="%d B" % (bytes_now - 1))
        expect(code == 69 and least(said) == bytes_now, "%s: %s with a byte less: %d: %s" % (what, use, code, said))
        code, said, summary = run(job, plan, ranks, memory_use=use, memory="%d B" % bytes_now)
        expect(code == 0, "%s: %s in %d: %d: %s" % (what, use, bytes_now, code, said))
        expect(no_scratch_left(), "%s: %s leaves a scratch file" % (what, use))
        if code != 0:
            continue
        memory = summary["memory"]
        expect(memory["host_peak_bytes"] == bytes_now or (in_stages and memory["host_peak_bytes"] < bytes_now),
               "%s: %s needs %s, not %d" % (what, use, memory, bytes_now))
        expect((memory["spilled_bytes"] > 0) == ("spilling" in said) and (use == "small" or memory["spilled_bytes"] == 0),
               "%s: %s: %s: %s" % (what, use, memory, said))
        spilled.add((use, memory["spilled_bytes"] > 0))
        expect(memory["recomputed"] or job != UNET, "%s: %s recomputes: %s: %s" % (what, use, memory, said))
        got = values(result)
        for path, value in wanted.items():
            expect(np.array_equal(value, got[path], equal_nan=True), "%s: %s: %s differs" % (what, use, path))
        check = maniple_run("check", job, "--ranks", str(ranks), "--plan",
                            plan_text(plan, memory_use=use, memory="%d B" % bytes_now)) if ranks > 1 else None
        if check is not None and check.returncode == 0:
            expect("fits by" in check.stdout, "%s: check says %s" % (what, check.stdout))
        bytes_least = bytes_now


shutil.copy(os.path.join(source, "jobs", "unet-like.yaml"), folder)
UNET = "unet-like.yaml"
for ranks, plan in ((1, "strategy: data"), (2, "strategy: data"), (3, "strategy: pipeline"), (4, "data: 2, pipeline: 2"),
                    (2, "strategy: model"), (2, "strategy: stealing")):
    smaller_and_smaller(UNET, "unet-like.h5", plan, ranks)

expect(("small", True) in spilled, "small spills")

# In a loop: what a step computes first and reads last; what is carried stays where it is.
with open(os.path.join(folder, "loop.yaml"), "w") as text:
    text.write("""maniple: 1
name: loop
inputs: {u: {shape: [256, 256], fill: "uniform(seed=3)"}}
graph:
  a: softmax(u, axis=1)
  b: softmax(blur(a, radius=1), axis=0)
  c: softmax(blur(b, radius=1), axis=1)
  d: softmax(blur(c, radius=1), axis=0)
  e: softmax(blur(d + c, radius=1), axis=1)
  f: softmax(blur(e + b, radius=1), axis=0)
  v: blur(f + a, radius=1) + u
loop: {steps: 5, carry: {u: v}}
outputs: {v: loop.h5:/v}
""")
for ranks in (1, 2):
    smaller_and_smaller("loop.yaml", "loop.h5", "strategy: data", ranks)

# What is done is said before anything runs, too.
for words in (("plan", UNET), ("check", UNET), ("run", UNET, "--dry-run")):
    ranks_too = [] if words[0] == "run" else ["--ranks", "1"]
    result = maniple_run(*words, *ranks_too, "--overwrite" if words[0] == "check" else "--quiet" if words[0] == "run" else "--json",
                         "--plan", plan_text("strategy: data", memory_use="small", memory="3 MiB"))
    expect(result.returncode == 0 and ("fits by" in result.stdout or words[0] == "run"), "%s: %s" % (words, result.stdout + result.stderr))
result = maniple_run("simulate", UNET, "--ranks", "1,2", "--json", "--plan", plan_text("strategy: data", memory="3 MiB"))
expect(result.returncode == 0 and all(row["fits"] for row in json.loads(result.stdout)["rows"]), "simulate: " + result.stdout + result.stderr)

shutil.rmtree(folder)
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
