#!/usr/bin/python3
"""What `loop` means, case by case, against a slow evaluation in Python of the rules of the job format.

loops_test.py MANIPLE MPIEXEC

One step: evaluate the graph; write what `every` asks; look at `until`; if it holds, stop; else carry, all at once.
"""
import h5py
import numpy as np

import runner

N = 6
START = {"u": np.arange(N, dtype=np.float32), "w": np.full(N, 10, np.float32), "c": np.arange(N, dtype=np.float32) * 2}


def job_text(steps, until, check, carry, outputs):
    lines = ["maniple: 1", "name: loops", "inputs:"]
    lines += ["  u: {shape: [6], fill: iota, dtype: f32}", "  w: {shape: [6], fill: 10}"]
    lines += ["  c: in.h5:/c", "graph:", "  v: u + 1", "  x: v * 2 - w", "  total: sum(v)", "  alias: u",
              "  fixed: c + 0.5", "  level: max(fixed)",
              "  done: max(where(v > 140, 1.0, 0.0) * (u - u + 1))"]
    loop = "steps: %s, carry: {%s}" % (steps, ", ".join("%s: %s" % pair for pair in carry.items()))
    if until:
        loop += ", until: \"%s\"" % until
    if check:
        loop += ", check: %d" % check
    lines += ["loop: {%s}" % loop, "outputs:"]
    for number, (name, every) in enumerate(outputs):
        lines.append("  %s: {to: out%d.h5:/%s%s}" % (name, number, name, ", every: %d" % every if every else ""))
    return "\n".join(lines) + "\n"


def evaluate(inputs):
    values = dict(inputs)
    values["v"] = values["u"] + np.float32(1)
    values["x"] = values["v"] * np.float32(2) - values["w"]
    values["total"] = np.array(np.sum(values["v"], dtype=np.float64).astype(np.float32))
    values["alias"] = values["u"]
    values["fixed"] = values["c"] + np.float32(0.5)
    values["done"] = np.array(np.float64(values["v"].max() > 140))
    values["level"] = np.array(np.max(values["fixed"]))
    return values


def expected(steps, until, check, carry, outputs):
    inputs = dict(START)
    series = {name: [] for name, every in outputs if every}
    for step in range(1, steps + 1):
        values = evaluate(inputs)
        for name, every in outputs:
            if every and step % every == 0:
                series[name].append(values[name])
        stop = until and step % (check or 1) == 0 and until_holds(until, values)
        if stop:
            break
        inputs.update({target: values[source] for target, source in carry.items()})
    final = dict(values)
    final.update({name: inputs[name] for name in START})  # after the last carry performed
    wanted = {}
    for name, every in outputs:
        shape = values[name].shape
        wanted[name] = np.array(series[name], np.float32).reshape((len(series[name]),) + shape) if every else final[name]
    return step, wanted


def until_holds(until, values):
    scope = {name: float(value) for name, value in values.items() if value.ndim == 0}
    return bool(eval(until, {}, scope))  # the operators are Python's


ALL = [("u", 0), ("v", 0), ("x", 0), ("total", 0), ("alias", 0), ("fixed", 0)]
CASES = {
    "one step": (1, None, 0, {"u": "v"}, ALL),
    "several steps": (5, None, 0, {"u": "v"}, ALL),
    "more steps than a block": (53, None, 0, {"u": "v"}, ALL),
    "every step": (7, None, 0, {"u": "v"}, [("total", 1), ("v", 1)]),
    "a carried input in every step": (7, None, 0, {"u": "v"}, [("u", 1)]),
    "a partial interval is not written": (7, None, 0, {"u": "v"}, [("total", 3), ("u", 0)]),
    "every above steps": (4, None, 0, {"u": "v"}, [("total", 5), ("v", 9), ("u", 0)]),
    "every equal to steps": (4, None, 0, {"u": "v"}, [("v", 4)]),
    "several intervals": (12, None, 0, {"u": "v"}, [("total", 2), ("v", 3), ("x", 5), ("u", 0)]),
    "until at step 1": (50, "total > 0", 0, {"u": "v"}, ALL),
    "until at step 1, carried input as series": (50, "total > 0", 0, {"u": "v"}, [("u", 1), ("total", 2)]),
    "until later": (50, "total > 60", 0, {"u": "v"}, ALL),
    "until later with series": (50, "total > 60", 0, {"u": "v"}, [("total", 1), ("v", 2), ("u", 4)]),
    "until never": (9, "total < 0", 0, {"u": "v"}, ALL),
    "until in the last step": (4, "total >= 39", 0, {"u": "v"}, ALL),
    "until of several values": (50, "total > 60 and not level < 5", 0, {"u": "v"}, ALL),
    "until of what does not change": (9, "level > 10", 0, {"u": "v"}, ALL),
    "until of what does not change, looked at late": (30, "level > 10", 20, {"u": "v"}, ALL),
    "until with arithmetic": (50, "total / 2 - 3 > 30 or total == 27", 0, {"u": "v"}, ALL),
    "until looked at every 4 steps": (50, "total > 60", 4, {"u": "v"}, ALL),
    "until looked at less often than there are steps": (6, "total > 0", 40, {"u": "v"}, ALL),
    "until looked at every 20 steps, series": (70, "total > 60", 20, {"u": "v"}, [("total", 3), ("u", 0), ("x", 0)]),
    "two carries that swap": (5, None, 0, {"u": "w", "w": "u"}, [("u", 0), ("w", 0), ("x", 0)]),
    "two carries that swap, stopped": (9, "total > 60", 0, {"u": "w", "w": "u"}, [("u", 0), ("w", 0), ("u", 0)][:2]),
    "a value carried into two inputs": (4, None, 0, {"u": "v", "w": "v"}, ALL + [("w", 0)]),
    "a chain of carries": (6, None, 0, {"u": "v", "w": "u"}, ALL + [("w", 0)]),
    "a chain of carries, stopped": (30, "total > 50", 0, {"u": "v", "w": "u"}, ALL + [("w", 0)]),
    "an input carried into another": (3, None, 0, {"u": "c"}, ALL),
    "nothing carried": (5, None, 0, {}, [("v", 2), ("total", 0)]),
    "an alias of a carried input": (5, None, 0, {"u": "v"}, [("alias", 0), ("alias", 0), ("u", 0)][1:]),
    "an alias as series": (5, None, 0, {"u": "v"}, [("alias", 2)]),
    "an output that does not change": (5, "total > 60", 0, {"u": "v"}, [("c", 0), ("fixed", 2)]),
}


def after(steps):
    """A condition that holds from so many steps on."""
    return "total >= %d" % (15 + 6 * steps)


# Where a loop has gone on for long enough its steps run before it is known that they are wanted: all that is written is as if
# they had not.
SERIES = [("total", 1), ("v", 7), ("u", 5), ("x", 0)]
for stop in (31, 33, 36, 37, 128, 129, 143, 144):
    CASES["until after %d steps" % stop] = (400, after(stop), 0, {"u": "v"}, ALL)
for stop in (34, 137):
    CASES["until after %d steps with series" % stop] = (400, after(stop), 0, {"u": "v"}, SERIES[1:])
    CASES["until after %d steps, every step written" % stop] = (400, after(stop), 0, {"u": "v"}, SERIES)
    CASES["until after %d steps of a swap" % stop] = (400, "level > 5 and " + after(1) if stop == 34 else "total > 90", 0,
                                                      {"u": "w", "w": "u"}, [("u", 0), ("w", 0), ("x", 0)])
    CASES["until after %d steps, a chain of carries" % stop] = (400, after(stop), 0, {"u": "v", "w": "u"}, ALL + [("w", 0)])
    CASES["until after %d steps, two copies" % stop] = (400, after(stop), 0, {"u": "v", "w": "v"}, ALL + [("w", 30)])
for stop, check in ((70, 2), (71, 2), (150, 3), (151, 3), (170, 4), (171, 5), (200, 8)):
    CASES["until after %d steps, looked at every %d" % (stop, check)] = (400, after(stop), check, {"u": "v"}, SERIES[1:])
CASES["until never in many steps"] = (150, "total < 0", 0, {"u": "v"}, SERIES[1:])
CASES["until in the last of many steps"] = (150, after(150), 0, {"u": "v"}, SERIES[1:])
CASES["until in the last but one of many steps"] = (150, after(149), 0, {"u": "v"}, SERIES[1:])
CASES["until of a value that is written, too"] = (150, "done == 1", 0, {"u": "v"}, [("v", 0), ("done", 0), ("done", 3)][:2])


def run_case(name, case, ranks):
    steps, until, check, carry, outputs = case
    performed, wanted = expected(*case)
    with runner.Folder(job_text(steps, until, check, carry, outputs)) as folder:
        with h5py.File(folder.file("in.h5"), "w") as file:
            file["c"] = START["c"]
        result = folder.run(ranks)
        runner.expect(result.returncode == 0, "%s on %d ranks: %s" % (name, ranks, result.stderr[-500:]))
        if result.returncode != 0:
            return
        for number, (output, _) in enumerate(outputs):
            with h5py.File(folder.file("out%d.h5" % number)) as file:
                got = np.array(file[output][()])
            want = wanted[output]
            runner.expect(got.shape == want.shape and got.dtype == want.dtype and np.array_equal(got, want),
                          "%s on %d ranks, %s after %d steps:\n  got %s %s\n  want %s %s" %
                          (name, ranks, output, performed, got.shape, got.tolist(), want.shape, want.tolist()))


for position, (name, case) in enumerate(CASES.items()):
    for ranks in (1, 2 + position % 3):
        run_case(name, case, ranks)
runner.finish(len(CASES), "loops against their rules")
