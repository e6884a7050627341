"""Constraints, plan files and proofs as users see them.

    commands_test.py MANIPLE MPIEXEC SOURCE [--no-limits]

--no-limits (under sanitizers) does not look at time and memory.
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

maniple, mpiexec, source = sys.argv[1:4]
limits = "--no-limits" not in sys.argv
folder = tempfile.mkdtemp(prefix="maniple-proof-")
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   MANIPLE_CACHE_DIR=os.path.join(folder, "cache"))
failures = []
checks = 0


def expect(condition, what):
    global checks
    checks += 1
    if not condition:
        print("BAD   " + what, flush=True)
        failures.append(what)


def run(*words, ranks=0, **variables):
    command = [maniple, *words]
    if ranks:
        command = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks), *command]
    return subprocess.run(command, env=dict(environment, **variables), capture_output=True, text=True, cwd=folder)


def ends(code, what, *words, ranks=0, has=(), **variables):
    """The result of a command that should end with `code` and say all of `has`."""
    result = run(*words, ranks=ranks, **variables)
    said = result.stdout + result.stderr
    expect(result.returncode == code, "%s: %d, not %d: %s" % (what, result.returncode, code, said))
    for words in has:
        expect(words in said, "%s: says '%s': %s" % (what, words, said))
    return said


def file(name, text):
    with open(os.path.join(folder, name), "w") as out:
        out.write(text)
    return name


def text_of(name):
    with open(os.path.join(folder, name)) as text:
        return text.read()


def edit(name, before, after, to="edited.yaml"):
    text = text_of(name)
    expect(text.count(before) >= 1, "'%s' is in %s: %s" % (before, name, text))
    return file(to, text.replace(before, after, 1))


def remove_results():
    for name in os.listdir(folder):
        if "heat.h5" in name:
            os.remove(os.path.join(folder, name))


QUIET = ("--no-report", "--no-history", "--quiet")
HEAT = file("heat.yaml", """maniple: 1
name: heat
inputs: {u: {shape: [512, 256], fill: "uniform(seed=1)"}}
graph: {v: "heat_step(u, alpha=0.2)", total: sum(v)}
loop: {steps: 20, carry: {u: v}}
outputs: {v: heat.h5:/v, total: {to: heat.h5:/total, every: 5}}
""")
shutil.copytree(os.path.join(source, "jobs"), os.path.join(folder, "jobs"),
                ignore=shutil.ignore_patterns("*.report", "embed", "*-result.h5"))


def test_memory():
    """What the job allows is what it needs: to the byte, on every shipped job."""
    jobs = sorted(name for name in os.listdir(os.path.join(folder, "jobs")) if name.endswith(".yaml"))
    expect(len(jobs) > 10, "the shipped jobs are found")
    for name in jobs:
        ranks = 2 if name in ("terrain.yaml", "deep-mlp.yaml") else 1
        job = os.path.join("jobs", name)
        if name == "climate.yaml" and not os.path.exists(os.path.join(folder, "jobs/data/levitus.h5")):
            print("      climate's data have not been fetched: not run", flush=True)
            continue
        # On several ranks `auto` may find another plan that fits.
        said = ends(0, name, "check", job, "--ranks", str(ranks), "--overwrite", "--plan", "{strategy: data, memory: 1 TiB}")
        found = re.search(r"rank \d+, (\d+) B, with (\d+) thread", said)
        expect(found, "the certificate says how many bytes: " + said)
        if not found:
            continue
        needed, threads = int(found.group(1)), found.group(2)
        for bytes_allowed, code in ((needed, 0), (needed - 1, 69)):
            ends(code, "%s with %d B of %d" % (name, bytes_allowed, needed), "run", job, *QUIET, "--threads", threads,
                 "--plan", "{strategy: data, memory: %d B, memory_use: fast}" % bytes_allowed, ranks=ranks if ranks > 1 else 0,
                 has=["--plan:1:18: error: memory:", "needs at least"] if code else [])


def test_memory_of_stages():
    """What a plan in stages needs without a limit is enough for it: stages are not cut smaller before that is known."""
    sizes = {"transformer-block.yaml": (), "unet-like.yaml": ("--set", "images=8"), "heat3d.yaml": ("--set", "n=12", "--set", "steps=4")}
    for name, sets in sizes.items():
        job = os.path.join("jobs", name)
        for ranks in (2, 3, 4):
            for plan in ("strategy: model", "strategy: pipeline, microbatches: 3", "data: 2, pipeline: 2", "data: 2, model: 2", "model: 2"):
                if plan.startswith("data") and ranks != 4:
                    continue
                what = "%s, %d ranks, %s" % (name, ranks, plan)
                said = ends(0, what, "check", job, *sets, "--ranks", str(ranks), "--overwrite", "--plan", "{%s}" % plan)
                needed, threads = re.search(r"rank \d+, (\d+) B, with (\d+) thread", said).groups()
                exact = "{%s, memory: %s B, memory_use: fast}" % (plan, needed)
                again = ends(0, what + ", exact", "check", job, *sets, "--ranks", str(ranks), "--overwrite", "--plan", exact)
                expect(again.split(" of ")[0] == said.split(" of ")[0], "%s: the same plan is taken: %s" % (what, again))
                if ranks == 3 or plan.startswith("data"):
                    ends(0, what + ", run", "run", job, *sets, *QUIET, "--threads", threads, "--gpus", "none", "--plan", exact, ranks=ranks)


def test_other_memory():
    """What is resident beside the buffers is told apart from them."""
    for ranks in (0, 2):
        found = {}
        for rows in (16, 16384):
            job = file("rows.yaml", text_of(HEAT).replace("[512, 256]", "[%d, 2048]" % rows))
            said = ends(0, "%d rows" % rows, "run", job, "--report", "report", "--no-history", "--overwrite", "--gpus", "none", ranks=ranks)
            found[rows] = json.loads(text_of("report/summary.json"))["memory"]
            expect(re.search(r"memory .* a rank and .* other", said), "the table says it: " + said)
        small, large = found[16], found[16384]
        more = large["host_peak_bytes"] - small["host_peak_bytes"]
        expect(more > 100 << 20, "the larger one's buffers are larger: %s" % found)
        expect(1 << 20 < small["other_bytes"] < 1 << 30, "there is other memory: %s" % small)
        expect(not limits or large["other_bytes"] < small["other_bytes"] + more / 2, "it does not grow with the buffers: %s" % found)


def named_memory(text):
    return re.search(r"needs at (?:least|most) (?:\S+ \S+ \()?(\d+ B)", text).group(1)


def named_time(text):
    return re.search(r"the fastest plan found \(.*\) takes ([0-9.]+ m?s)", text).group(1)


FORK = file("fork.yaml", """maniple: 1
name: fork
inputs: {x: {shape: [17, 8], fill: "normal(seed=1)"}, w: {shape: [8, 8], fill: "he_normal(seed=2)"}}
graph:
  a: matmul(x, w)
  b: tanh(a)
  c: matmul(b, w)
  d: relu(c + a)
  e: matmul(transpose(d, axes=[1, 0]), b)
  f: matmul(d, e)
  g: f - a
  n: norm2(g)
  m: argmin(g, axis=0)
  p: prod(sigmoid(g), axis=1)
  q: mse(g, a)
  r: normalize(g, axis=0)
outputs: {g: fork.h5:/g, n: fork.h5:/n, m: fork.h5:/m, p: fork.h5:/p, q: fork.h5:/q, r: fork.h5:/r, e: fork.h5:/e}
""")


def test_named_values():
    """What a refusal says would be enough is enough."""
    for job in (FORK, HEAT, "jobs/transformer-block.yaml"):
        for strategy in ("auto", "data", "model", "pipeline"):
            for use in ("fast", "balanced"):
                words = ("check", job, "--overwrite", "--ranks", "3", "--plan")
                what = "%s, %s, %s" % (job, strategy, use)
                plan = "{strategy: %s, memory_use: %s, memory: %%s}" % (strategy, use)
                needed = named_memory(ends(69, what, *words, plan % "1 B"))
                ends(0, "%s with %s" % (what, needed), *words, plan % needed)
        for plan in ("{max_time: %s}", "{strategy: data, max_ranks: 1, max_time: %s}"):
            words = ("check", job, "--overwrite", "--ranks", "3", "--plan")
            needed = named_time(ends(69, plan, *words, plan % "0.0001 ms"))
            ends(0, "%s with %s" % (job, plan % needed), *words, plan % needed)


def test_a_row_where_a_fold_does_not_fit():
    """A pipeline whose stages nobody has counted may be folded; where only a row fits it is a row."""
    words = ("check", "jobs/unet-like.yaml", "--overwrite", "--ranks", "3", "--plan")
    plan = "{strategy: pipeline, microbatches: 8, memory_use: fast, %smemory: %s}"
    row = named_memory(ends(69, "a row", *words, plan % ("stages: 3, ", "1 B")))
    fold = named_memory(ends(69, "a fold", *words, plan % ("stages: 6, ", "1 B")))
    least = named_memory(ends(69, "either", *words, plan % ("", "1 B")))
    expect(int(row.split()[0]) < int(fold.split()[0]), "the case is one: a row %s, a fold %s" % (row, fold))
    expect(least == row, "%s is named where a row of stages needs %s" % (least, row))
    ends(0, "what a row needs", *words, plan % ("", row))
    ends(0, "a run with it", "run", "jobs/unet-like.yaml", *QUIET, "--gpus", "none", "--plan", plan % ("", row), ranks=3)


def test_large_plans():
    """10,000 layers for 1,024 ranks: in 10 s and 1 GiB, also where a look at the memory is needed to say that they fit."""
    names = ["w%d" % i for i in range(10000)]
    inputs = ["  %s: {shape: [64, 64], fill: he_normal(seed=1)}" % name for name in names]
    layers = ["  h%d: matmul(%s, %s)" % (i + 1, "h%d" % i if i else "x", name) for i, name in enumerate(names)]
    job = file("large.yaml", "\n".join(["maniple: 1", "name: large", "inputs:", "  x: {shape: [512, 64], fill: normal(seed=1)}", *inputs,
                                        "graph:", *layers, "outputs: {h10000: large.h5:/y}"]) + "\n")
    for plan in ("{memory: 24 MB}", "{strategy: stealing, memory: 24 MB}", "model", "pipeline", "{strategy: pipeline, memory: 24 MB}"):
        command = subprocess.Popen([maniple, "plan", job, "--ranks", "1024", "--dump", "plan", "--plan", plan], env=environment,
                                   stdout=subprocess.DEVNULL, cwd=folder)
        _, status, used = os.wait4(command.pid, 0)
        command.returncode = os.waitstatus_to_exitcode(status)
        seconds = used.ru_utime + used.ru_stime  # of a core: others may be busy on the machine
        print("      %s: %.1f s, %d MiB" % (plan, seconds, used.ru_maxrss / 1024), flush=True)
        expect(command.returncode == 0, "%s: %d" % (plan, command.returncode))
        expect(not limits or seconds < 10, "%s: %.1f s" % (plan, seconds))
        expect(not limits or used.ru_maxrss < 1 << 20, "%s: %d KiB" % (plan, used.ru_maxrss))


def test_refused_constraints():
    for command in ("check", "plan", "simulate"):
        ends(69, command, command, HEAT, "--ranks", "2", "--plan", "{memory: 100 KiB}",
             has=["memory: 100 KiB (102400 B) a rank (the job's plan: {memory: …}) is too little: needs at least",
                  "; with 11 ranks"])
        ends(69, command, command, HEAT, "--ranks", "2", "--plan", "{max_time: 1 ms}",
             has=["max_time: 1 ms: the fastest plan found (", ") takes "])
        ends(69, command, command, HEAT, "--ranks", "2", "--plan", "{max_time: 1 ms, strategy: model}", has=["model"])
        ends(0, command, command, HEAT, "--ranks", "2", "--plan", "{max_time: 1 h, memory: 1 GiB}")
    ends(69, "a rank less than is named", "check", HEAT, "--ranks", "10", "--plan", "{memory: 100 KiB}", has=["; with 11 ranks"])
    ends(0, "as many as are named", "check", HEAT, "--ranks", "11", "--plan", "{memory: 100 KiB}")
    remove_results()
    for plan, says in (("{memory: 100 KiB}", "needs at least"), ("{max_time: 1 ms}", "the fastest plan found")):
        ends(69, "run " + plan, "run", HEAT, *QUIET, "--plan", plan, ranks=2, has=[says])
        expect(not os.path.exists(os.path.join(folder, "heat.h5")), "nothing is made")
    job = file("bounded.yaml", text_of(HEAT) + "plan:\n  max_time: 1 ms\n")
    ends(69, "a job's own", "check", job, has=["bounded.yaml:8:3: error: max_time"])
    job = file("hybrid.yaml", text_of(HEAT) + "plan:\n  data: 2\n  pipeline: 2\n  max_ranks: 3\n")
    ends(69, "max_ranks", "check", job, "--ranks", "4", has=["hybrid.yaml:10:3: error: plan: {data: 2, pipeline: 2} takes 4 ranks, max_ranks: 3"])
    rows = json.loads(run("simulate", HEAT, "--ranks", "1,64", "--plan", "{memory: 400 KiB}", "--json").stdout)["rows"]
    expect([row["fits"] for row in rows] == [False, True], "simulate says what fits: " + str(rows))


def test_gpus_are_not_needed():
    """What a plan on this machine is held to is the CPU's: its devices are not looked at."""
    pinned = file("pinned.yaml", text_of(HEAT) + "place: {v: gpu}\n")
    for command in ("check", "plan", "simulate"):
        ends(0, command, command, pinned, "--ranks", "2")
        ends(0, command, command, HEAT, "--ranks", "2", "--plan", "{lanes: both, memory: 1 GiB}")


def test_why_not():
    said = ends(0, "plan", "plan", HEAT, "--ranks", "4", "--plan", "{max_ranks: 2}")
    expect("takes 4 ranks, max_ranks: 2" in said, "the table says what max_ranks rules out: " + said)
    # What one rank needs is too much, what four need is not.
    said = ends(0, "plan", "plan", HEAT, "--ranks", "4", "--plan", "{memory: 600 KiB}", "--json")
    alone = [one for one in json.loads(said)["alternatives"] if one["ranks"] == 1]
    expect(alone and alone[0]["why_not"] == "does not fit the job's plan: {memory: …}", "and what memory: " + said)
    slow = file("slow.yaml", "cluster: 1\nnodes: 8\ncores: 2\nmemory: 8 GiB\nlinks: {between: {alpha_us: 100000, beta_gb_per_s: 0.001}}\n")
    times = {one["plan"]: one["predicted_seconds"] for one in json.loads(
        run("plan", HEAT, "--ranks", "4", "--cluster", slow, "--json").stdout)["alternatives"]}
    bound = "%.6f s" % (2 * min(times.values()))
    said = ends(0, "plan", "plan", HEAT, "--ranks", "4", "--cluster", slow, "--plan", "{max_time: %s}" % bound, "--json")
    over = [one for one in json.loads(said)["alternatives"] if one["predicted_seconds"] > 2 * min(times.values())]
    expect(over and all("longer than max_time" in one["why_not"] for one in over), "and what time: " + said)


def test_max_ranks_above_the_ranks():
    for ranks in ("1", "2"):
        for strategy in ("auto", "data"):
            bounded, free = (json.loads(ends(0, "plan", "plan", HEAT, "--no-history", "--ranks", ranks, "--plan", plan, "--json"))
                             for plan in ("{strategy: %s, max_ranks: 7}" % strategy, strategy))
            expect(bounded == free, "max_ranks that binds nothing changes nothing: %s, not %s" % (bounded, free))
            expect(bounded["alternatives"][-1]["efficiency"] is not None, "and there is an efficiency: %s" % bounded)


def test_dry_run_is_of_the_run():
    """As many threads, and the memory that they take."""
    job = file("wide.yaml", """maniple: 1
name: wide
inputs: {a: {shape: [300, 200], fill: "uniform(seed=1)"}, b: {shape: [200, 100], fill: "uniform(seed=2)"}}
graph: {c: "matmul(a, b)", d: "softmax(c)", s: "sum(d)"}
outputs: {s: wide.h5:/s}
""")
    for threads in (1, 8):
        said = ends(0, "%d threads" % threads, "run", job, "--dry-run", "--threads", str(threads), "--lanes", "cpu")
        expect("with %d thread" % threads in said, "--dry-run has the run's threads: " + said)
        needed = int(re.search(r"rank 0, (\d+) B", said).group(1))
        for allowed, code in ((needed, 0), (needed - 1, 69)):
            plan = "{strategy: data, memory: %d B, memory_use: fast}" % allowed
            for words in (("--dry-run",), QUIET):
                ends(code, "%s with %d B" % (words, allowed), "run", job, *words, "--lanes", "cpu", "--threads", str(threads),
                     "--overwrite", "--plan", plan)
    said = ends(0, "MANIPLE_THREADS", "check", job, MANIPLE_THREADS="1")
    expect("with 1 thread each" in said, "check keeps to MANIPLE_THREADS: " + said)


def test_cluster_files():
    good = "cluster: 1\nnodes: 4\ncores: 8\nmemory: 8 GiB\n"
    job = ("simulate", HEAT, "--ranks", "1,4", "--cluster")
    ends(0, "good", *job, file("good.yaml", good))
    for line, says in (("nodes: 9223372036854775807", "expected at most 1000000000, found '9223372036854775807'"),
                       ("cores: 4294967296", "expected at most 65536"),
                       ("ranks_per_node: 4294967297", "expected at most 65536"),
                       ("gpus: {count: 4294967295}", "expected at most 1024"),
                       ("core: {gflops: 1e300}", "expected a number above 0 and below 1e12, found '1e300'")):
        kept = [known for known in good.splitlines() if known.split(":")[0] != line.split(":")[0]]
        ends(65, line, *job, file("wrong.yaml", "\n".join(kept + [line]) + "\n"), has=[says])
    ends(69, "too few nodes", *job, file("few.yaml", good.replace("nodes: 4", "nodes: 3")), has=["4 ranks are more than"])


def test_ranks_of_a_cluster():
    """As many ranks as a refusal names do, and there are so many; those of a node share its memory."""
    for nodes, on_each, memory in ((8, 1, 600), (8, 2, 900), (2, 4, 900), (1, 2, 800)):
        machine = file("small.yaml", "cluster: 1\nnodes: %d\nranks_per_node: %d\ncores: 4\nmemory: %d KiB\n" % (nodes, on_each, memory))
        for plan in ("data", "model"):
            words = ("check", HEAT, "--cluster", machine, "--plan", "{strategy: %s, memory_use: fast}" % plan, "--ranks")
            said = ends(69, "%d nodes, %s" % (nodes, plan), *words, "1", has=["is too little"])
            named = re.search(r"with (\d+) ranks (still )?", said)
            if named:
                expect(int(named.group(1)) <= nodes * on_each, "there are so many: " + said)
            if named and not named.group(2):
                ends(0, "as many ranks as are named: " + said, *words, named.group(1))
            expect(named or plan == "model" or nodes * on_each == 2, "a number of ranks is named: " + said)


def test_empty_values():
    """A variable of a shell that is not set is not the same as nothing asked for."""
    for words in (("simulate", HEAT, "--cluster", ""), ("check", HEAT, "--plan", ""), ("run", HEAT, "--report", ""),
                  ("run", HEAT, "--threads", "")):
        ends(64, " ".join(words), *words, has=[words[2] + " takes ", "found ''"])


def test_devices():
    listed = json.loads(run("devices", "--json").stdout)
    usable = [device for device in listed.get("devices", listed.get("gpus", [])) if device.get("usable", True)]
    if not usable:
        print("      no Vulkan device at all: max_devices is not run", flush=True)
        return
    def lanes(*words):
        ends(0, "run " + " ".join(words), "run", HEAT, "--report", "report", "--no-history", "--quiet", "--overwrite", *words)
        return sum(lane["lane"] == "gpu" for lane in json.loads(text_of("report/summary.json"))["lanes"])
    expect(lanes("--lanes", "gpu", "--gpus", "0,0") == 2, "two lanes on one device")
    expect(lanes("--lanes", "gpu", "--gpus", "0,0", "--plan", "{max_devices: 1}") == 1, "max_devices leaves one idle")
    ends(69, "none", "run", HEAT, *QUIET, "--lanes", "gpu", "--plan", "{max_devices: 0}",
         has=["max_devices: 0: --lanes gpu needs a gpu lane on each rank, at least 1"])


def results(name):
    with h5py.File(os.path.join(folder, name)) as opened:
        found = {}
        opened.visititems(lambda key, item: found.update({key: item[()]}) if isinstance(item, h5py.Dataset) and
                          not key.startswith("maniple/") else None)
        return found


def equal(one, other):
    return one.keys() == other.keys() and all(numpy.array_equal(one[key], other[key]) for key in one)


def test_plan_files():
    mlp = "jobs/layers.yaml"
    shutil.copy(os.path.join(source, "tests/proof/layers.yaml"), os.path.join(folder, mlp))
    pipeline = "{strategy: pipeline, microbatches: 4, stages: 2}"
    ends(0, "dump", "plan", mlp, "--ranks", "2", "--plan", pipeline, "--dump", "mlp.plan.yaml", has=["--plan '{from: mlp.plan.yaml}'"])
    expect("mpirun -n 2 maniple run JOB --plan '{from: mlp.plan.yaml}'" in text_of("mlp.plan.yaml"), "the file says how it is used")
    ends(0, "check", "check", mlp, "--ranks", "2", "--overwrite", "--plan", "{from: mlp.plan.yaml}", has=["plan pipeline"])
    plan = run("plan", mlp, "--ranks", "2", "--plan", pipeline, "--dump", "program").stdout
    again = run("plan", mlp, "--ranks", "2", "--plan", "{from: mlp.plan.yaml}", "--dump", "program").stdout
    expect(plan == again and "send" in plan, "the programs are the same")
    written = []
    edit("mlp.plan.yaml", '"0:0 0:1 0:2 0:3   ."', '"0:0 . 0:1 0:2 0:3 ."')
    edit("edited.yaml", '"  . 1:0 1:1 1:2 1:3"', '". 1:0 . 1:1 1:2 1:3"')
    for words in (pipeline, "{from: mlp.plan.yaml}", "{from: edited.yaml}"):
        ends(0, "run " + words, "run", mlp, *QUIET, "--overwrite", "--plan", words, ranks=2)
        written.append(results("jobs/layers.h5"))
    expect(equal(written[0], written[1]), "a dumped plan computes the same")
    expect(equal(written[0], written[2]), "and so does an edited one")
    # Whole operations and cuts put elsewhere by hand.
    ends(0, "dump", "plan", mlp, "--ranks", "3", "--plan", "data", "--dump", "data.plan.yaml")
    text = text_of("data.plan.yaml")
    keys = re.findall(r"(?m)^  (h\d+\.relu): +\{cut: \{i0: 3\}, rank: 0\}", text)
    expect(len(keys) > 8, "the layers are cut: " + text)
    for number, key in enumerate(keys):
        by_hand = ("{rank: 2}", "{cut: {i1: 3}, rank: 0}", "{cut: {i1: 2}, rank: 1}")[number % 3]
        text = re.sub(r"(?m)^(  %s: +)\{cut: \{i0: 3\}, rank: 0\}" % re.escape(key), r"\1" + by_hand, text)
    file("by-hand.yaml", text)
    ends(0, "run by hand", "run", mlp, *QUIET, "--overwrite", "--plan", "{from: by-hand.yaml}", ranks=3)
    expect(all(numpy.allclose(written[0][key], value, rtol=1e-5, atol=1e-6)
               for key, value in results("jobs/layers.h5").items()), "it computes the same")
    # In the job: as seen from its folder.
    shutil.copy(os.path.join(folder, "mlp.plan.yaml"), os.path.join(folder, "jobs", "mine.yaml"))
    text = re.sub(r"(?m)^plan:.*\n", "", text_of(mlp))
    file("jobs/with-plan.yaml", text + "\nplan: {from: mine.yaml}\n")
    ends(0, "from in a job", "check", "jobs/with-plan.yaml", "--ranks", "2", "--overwrite", has=["plan pipeline"])
    file("jobs/with-both.yaml", text + "\nplan: {from: mine.yaml, stages: 2}\n")
    ends(65, "from and stages", "check", "jobs/with-both.yaml", has=["'stages' and 'from' exclude each other"])
    os.remove(os.path.join(folder, "jobs/mine.yaml"))


def test_refused_plan_files():
    ends(0, "dump", "plan", HEAT, "--ranks", "2", "--plan", "data", "--dump", "./heat.plan")
    ends(0, "dump again", "plan", HEAT, "--ranks", "2", "--plan", "data", "--dump", "heat.plan")
    edit("heat.plan", "cut: {y: 2}", "cut: {z: 2}")
    for ranks, command in ((2, "run"), (0, "check")):
        words = [*QUIET] if command == "run" else ["--ranks", "2"]
        said = ends(65, "an index that is none", command, HEAT, *words, "--plan", "{from: edited.yaml}", ranks=ranks)
        expect(re.search(r"edited.yaml:\d+:\d+: error: 'heat_step' has no index 'z'", said), "with its place: " + said)
        expect(said.count("error:") == 1, "once: " + said)
    edit("heat.plan", "rank: 0}", "rank: 1}")
    ends(65, "a rank too many", "check", HEAT, "--ranks", "2", "--plan", "{from: edited.yaml}", has=["ranks 1 to 2"])
    ends(69, "too few ranks", "check", HEAT, "--plan", "{from: heat.plan}", has=["the plan takes 2 ranks, there is 1"])
    ends(69, "too few allowed", "check", HEAT, "--ranks", "2", "--plan", "{from: heat.plan, max_ranks: 1}", has=["max_ranks: 1"])
    ends(65, "another graph", "check", "jobs/terrain.yaml", "--overwrite", "--ranks", "2", "--plan", "{from: heat.plan}", has=["another graph"])
    ends(66, "no such file", "check", HEAT, "--plan", "{from: nowhere.yaml}", has=["cannot read the plan file 'nowhere.yaml'"])
    ends(64, "from and a strategy", "check", HEAT, "--plan", "{from: heat.plan, strategy: data}", has=["exclude each other"])
    precious = file("precious.txt", "mine\n")
    ends(73, "a file that is no plan", "plan", HEAT, "--dump", precious, has=["no plan file"])
    expect(text_of(precious) == "mine\n", "it is left as it was")
    ends(64, "no stage", "plan", HEAT, "--dump", "programm", has=["did you mean 'program'?"])


def test_tampered():
    remove_results()
    for victim in ("0", "2"):
        ends(76, "a tampered plan", "run", HEAT, *QUIET, ranks=3, MANIPLE_TAMPER_PLAN=victim, has=["the plan differs between ranks"])
        expect(not [name for name in os.listdir(folder) if "heat.h5" in name], "no output was begun")
    ends(0, "nobody's rank", "run", HEAT, *QUIET, ranks=2, MANIPLE_TAMPER_PLAN="7")
    copies = file("copies.yaml", "maniple: 1\nname: copies\ninputs: {x: {shape: [8], fill: iota}}\noutputs: {x: copies.h5:/x}\n")
    ends(76, "a plan without operations", "run", copies, *QUIET, ranks=2, MANIPLE_TAMPER_PLAN="1", has=["the plan differs between ranks"])


def test_certificate():
    said = ends(0, "check", "check", HEAT, "--ranks", "4", "--overwrite")
    for words in ("memory by rank: 0 ", "(this machine's memory shared by 4 ranks)", "each with its receive of the same bytes",
                  "nothing waits for itself", "each written once", "HDF5's chunk cache", "MPI's buffers"):
        expect(words in said, "the certificate says '%s': %s" % (words, said))


for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        print(name, flush=True)
        test()
shutil.rmtree(folder, ignore_errors=True)
print("%d checks, %d failures" % (checks, len(failures)))
sys.exit(1 if failures else 0)
