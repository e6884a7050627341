#!/usr/bin/env python3
"""Jobs on gpu lanes under Vulkan's validation layer, which must be silent: core and thread safety over many ways to run,
shaders with their accesses checked (GPU-assisted) over one small grid for each kernel. One misuse of each kind, planted,
must be reported: else the silence says nothing.

validation_test.py MANIPLE SOURCE_DIR MISUSE LAYERS_DIR
"""
import os
import subprocess
import sys
import tempfile

maniple, source, misuse, layers = sys.argv[1:5]
failures = []
folder = tempfile.mkdtemp(prefix="maniple-validation-")


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


def under_layer(words, enables="", pretend="", queues=False):
    """Runs `words` with the layer, on a device with queues that only copy if so asked; the exit code and what the layer has
    logged."""
    log = os.path.join(folder, "log.txt")
    settings = os.path.join(folder, "vk_layer_settings.txt")
    if os.path.exists(log):
        os.remove(log)
    with open(settings, "w") as file:
        file.write("khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG\n")
        file.write("khronos_validation.report_flags = error,warn\n")
        file.write("khronos_validation.log_filename = %s\n" % log)
        file.write("khronos_validation.disables =\n")
        file.write("khronos_validation.enables = %s\n" % enables)
    environment = dict(os.environ, VK_INSTANCE_LAYERS="VK_LAYER_KHRONOS_validation", VK_LAYER_SETTINGS_PATH=settings)
    if pretend:
        environment["MANIPLE_VULKAN_PRETEND"] = pretend
    if queues:
        environment["VK_ADD_LAYER_PATH"] = layers
        environment["VK_INSTANCE_LAYERS"] += ":VK_LAYER_MANIPLE_queues"
    result = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=280)
    text = open(log).read() if os.path.exists(log) else None
    return result, text


def complaints(text):
    """Lines of the log that are about a use of Vulkan, not about the layer itself."""
    found = []
    for block in (text or "").split("\n"):
        if "Validation" in block and "UNASSIGNED-GPU-Assisted Validation Setup" not in block and "is adding" not in block:
            found.append(block[:300])
    return found


SHADERS = "VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT,VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_RESERVE_BINDING_SLOT_EXT"

KERNELS = """maniple: 1
name: kernels
inputs:
  u: {shape: [20, 30], fill: "uniform(seed=1, low=0.1)"}
  v: {shape: [30], fill: "uniform(seed=2, low=0.1)"}
  i: {shape: [20, 30], fill: iota}
graph:
  a: u + v*2 - u/v
  b: maximum(minimum(a, u), -v)
  c: where(u < v and not (a >= b) or a == b, abs(a), sqrt(u))
  d: heat_step(c, alpha=0.1, boundary=[clamp, periodic])
  e: gradient_magnitude(d, boundary=zero)
  f: square(cast(i, dtype=f32)) + e
  s: sum(f)
  t: sum(f, axis=1)
  m: max(f, axis=0)
  n: min(f)
  mean, variance: moments(f)
  z: (u <= v) != (u > v)
outputs: {f: k.h5:/f, s: k.h5:/s, t: k.h5:/t, m: k.h5:/m, n: k.h5:/n, mean: k.h5:/mean, variance: k.h5:/variance, z: k.h5:/z}
"""


# The layer cannot instrument shaders that merge states (creating their pipelines fails): small folds need none.
INSTRUMENTED = KERNELS
for fold in ("sum(f)", "sum(f, axis=1)", "max(f, axis=0)", "min(f)", "moments(f)"):
    INSTRUMENTED = INSTRUMENTED.replace(fold, fold.replace("f", "w"))
INSTRUMENTED = INSTRUMENTED.replace("graph:", '  w: {shape: [4, 5], fill: "uniform(seed=3)"}\ngraph:')


def test_planted():
    for kind, enables in (("core", ""), ("threads", ""), ("shader", SHADERS)):
        result, text = under_layer([misuse, kind], enables)
        expect(text is not None, "the layer is loaded (%s): %s" % (kind, result.stderr[-200:]))
        expect(len(complaints(text)) > 0, "a planted misuse is reported: " + kind)
        result, text = under_layer([misuse, "none"], enables)
        expect(result.returncode == 0 and complaints(text) == [], "right use is not reported (%s): %s" % (kind, complaints(text)[:2]))


def test_silent():
    job = os.path.join(folder, "kernels.yaml")
    instrumented = os.path.join(folder, "instrumented.yaml")
    for path, text in ((job, KERNELS), (instrumented, INSTRUMENTED)):
        with open(path, "w") as file:
            file.write(text)
    terrain = os.path.join(folder, "terrain.yaml")
    os.symlink(os.path.join(source, "jobs", "data"), os.path.join(folder, "data"))
    with open(terrain, "w") as file:
        file.write(open(os.path.join(source, "jobs", "terrain.yaml")).read().replace("steps: 200", "steps: 20"))
    ways = [("gpu", "0", "", "", False), ("both", "0,0", "", "", False), ("both", "0,0", "not-unified,not-coherent", "", False),
            ("gpu", "0", "small-windows", "", False), ("both", "0", "not-unified,two-queues", "", False),
            ("gpu", "0", "not-unified,three-queues", "", False), ("both", "0,0", "not-unified", "", True),
            ("both", "0", "not-coherent,three-queues", "", True), ("gpu", "0", "", SHADERS, False), ("gpu", "0", "not-unified", SHADERS, False)]
    for path in (job, terrain, instrumented):
        for lanes, gpus, pretend, enables, queues in ways:
            if (path == instrumented) != (enables != ""):
                continue
            what = "%s --lanes %s --gpus %s %s%s%s" % (os.path.basename(path), lanes, gpus, pretend, " GPU-assisted" if enables else "",
                                                       " with queues for copies" if queues else "")
            words = [maniple, "run", path, "--threads", "2", "--no-history", "--no-report", "--lanes", lanes, "--gpus", gpus]
            result, text = under_layer(words, enables, pretend, queues)
            expect(result.returncode == 0, what + " exits 0: " + result.stderr[-300:] if result.returncode else what + " exits 0")
            expect(text is not None, what + ": the layer was there")
            expect(complaints(text) == [], what + ": the layer is silent: " + "\n".join(complaints(text)[:3]))


def test_queues():
    result, text = under_layer([maniple, "devices"], pretend="not-unified", queues=True)
    expect("uploads on queue 0 of family 1, which copies only; downloads on queue 1 of family 1" in result.stdout,
           "maniple devices names the queues for copies: " + result.stdout)


test_planted()
test_queues()
test_silent()
subprocess.run(["rm", "-rf", folder])
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
