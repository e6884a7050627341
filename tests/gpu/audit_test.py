#!/usr/bin/env python3
"""`--check` looks at what a device says of its timelines, also where a schedule is followed: planted by a layer, it is found.

audit_test.py MANIPLE LAYERS_DIR
"""
import json
import os
import subprocess
import sys
import tempfile

maniple, layers = sys.argv[1:3]
failures = []

JOB = """maniple: 1
name: audited
inputs: {u: {shape: [32, 32], fill: iota, dtype: f32}}
graph: {v: "heat_step(u, alpha=0.2)", m: max(v)}
loop: {steps: 64, carry: {u: v}, until: m < 0}
outputs: {v: audited.h5:/v}
"""


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


def run(job, *options, ahead=0):
    """On a device whose semaphores are said to be so much further than they are."""
    environment = dict(os.environ, VK_ADD_LAYER_PATH=layers, VK_INSTANCE_LAYERS="VK_LAYER_MANIPLE_queues",
                       MANIPLE_QUEUES_LAYER_AHEAD=str(ahead))
    words = [maniple, "run", job, "--threads", "1", "--no-history", "--no-report", "--lanes", "gpu", "--gpus", "0", *options]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=100)


found = subprocess.run([maniple, "devices", "--json"], capture_output=True, text=True, timeout=100)
if not any(device["usable"] for device in json.loads(found.stdout)["gpus"]):
    print("no Vulkan device")
    sys.exit(77)
with tempfile.TemporaryDirectory(prefix="maniple-audit-") as folder:
    job = os.path.join(folder, "audited.yaml")
    with open(job, "w") as file:
        file.write(JOB)
    schedule = os.path.join(folder, "schedule")
    expect(run(job, "--record", schedule).returncode == 0, "a schedule is kept")
    for options in ([], ["--host-complete"], ["--replay", schedule]):
        result = run(job, "--check", *options)
        expect(result.returncode == 0, "--check %s finds nothing: %s" % (" ".join(options), result.stderr[-300:]))
        result = run(job, *options, ahead=1)
        expect(result.returncode == 0, "nobody looks without --check: " + result.stderr[-300:])
        result = run(job, "--check", *options, ahead=1)
        expect(result.returncode != 0 and "a timeline is to be 1 after 0, and is 1" in result.stderr,
               "--check %s finds a semaphore that is ahead: %s" % (" ".join(options), result.stderr[-300:]))
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
