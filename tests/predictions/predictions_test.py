"""Predictions as users see them: maniple simulate, plan --json, devices --measure, and the end of a run."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

maniple, mpiexec, source = sys.argv[1:4]
folder = tempfile.mkdtemp(prefix="maniple-predictions-")
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


def run(*words, ranks=0):
    command = [maniple, *words]
    if ranks:
        command = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks), *command]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)


def file(name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as out:
        out.write(text)
    return path


def heat(n, steps, name="heat"):
    return file(name + ".yaml", """maniple: 1
name: %s
inputs: {u: {shape: [%d, %d], fill: "uniform(seed=1)"}}
graph: {v: "heat_step(u, alpha=0.2)"}
loop: {steps: %d, carry: {u: v}}
outputs: {v: %s.h5:/v}
""" % (name, n, n, steps, name))


def cluster(**changes):
    keys = dict(nodes="64", cores="16", memory="64 GiB", links="{between: {alpha_us: 2, beta_gb_per_s: 10}}",
                files="{alpha_us: 100, beta_gb_per_s: 50}")
    keys.update(changes)
    return file("cluster.yaml", "cluster: 1\nname: test\n" + "".join("%s: %s\n" % item for item in keys.items() if item[1]))


def simulated(job, ranks, cluster_file, *options):
    result = run("simulate", job, "--ranks", ranks, "--cluster", cluster_file, "--json", *options)
    expect(result.returncode == 0, "simulate ends with 0: " + result.stderr)
    return json.loads(result.stdout)


def rows_scale_with_the_work():
    large = simulated(heat(8192, 100), "1,4,16", cluster())["rows"]
    expect([row["ranks"] for row in large] == [1, 4, 16], "a row for each number of ranks")
    expect(large[0]["efficiency"] == 1 and large[0]["messages"]["count"] == 0, "one rank is its own measure")
    expect(large[2]["predicted_seconds"] < large[0]["predicted_seconds"] / 8, "a large grid scales")
    expect(large[2]["memory_per_rank_bytes"] < large[0]["memory_per_rank_bytes"] / 10, "so does its memory")
    small = simulated(heat(32, 100), "1,16", cluster())
    expect(small["rows"][1]["efficiency"] < 0.2, "a small one does not: %g" % small["rows"][1]["efficiency"])
    expect("messages" in small["scaling"], "and messages are why: " + small["scaling"])
    text = run("simulate", heat(32, 100), "--ranks", "16,1", "--cluster", cluster())
    expect(text.returncode == 0 and "scales to 1 rank" in text.stdout and "test" in text.stdout, "a table: " + text.stdout)


def three_products(name):
    """Work in three equal parts that no two ranks share evenly."""
    return file(name + ".yaml", """maniple: 1
name: %s
inputs: {a: {shape: [1024, 1024], fill: "uniform(seed=1)"}, b: {shape: [1024, 1024], fill: "uniform(seed=2)"}}
graph: {p: "matmul(a, b)", q: "matmul(b, a)", r: "matmul(a, a)", s: "sum(p) + sum(q) + sum(r)"}
outputs: {s: %s.h5:/s}
""" % (name, name))


def what_ends_scaling_is_named():
    """In each case most of the time of the last row may well go to something else."""
    fast = "{between: {alpha_us: 0.001, beta_gb_per_s: 100000}}"
    for what, job, ranks, strategy, changes in (
            ("messages", heat(2048, 100), "1,2,8", "data", dict(links="{between: {alpha_us: 5000, beta_gb_per_s: 10}}")),
            ("too little to do side by side", heat(64, 100, "little"), "1,8,64", "data", dict(links=fast, cores="64")),
            ("uneven work", three_products("uneven"), "1,2", "model", dict(links=fast, cores="1")),
            ("files", heat(8192, 2, "filed"), "1,8", "data", dict(files="{alpha_us: 100, beta_gb_per_s: 0.5}"))):
        said = simulated(job, ranks, cluster(**changes), "--plan", strategy)["scaling"]
        expect("what grew most is %s" % what in said, "%s: %s" % (what, said))


def rows_say_what_they_are_of():
    rows = simulated(heat(2048, 10), "2,8", cluster(), "--plan", "{strategy: data, max_ranks: 4}")["rows"]
    expect([row["plan"] for row in rows] == ["data", "data on 4 ranks"] and rows[1]["strategy"] == "data",
           "how many ranks a plan uses: %s" % rows)
    expect([row["efficiency_relative_to_ranks"] for row in rows] == [2, 2] and rows[0]["efficiency"] == 1, "%s" % rows)
    text = run("simulate", heat(2048, 10), "--ranks", "2,8", "--cluster", cluster(), "--plan", "data").stdout
    expect("efficiency is relative to 2 ranks\n" in text and "bubble" not in text, "as text, too: " + text)
    text = run("simulate", heat(2048, 10), "--ranks", "1,8", "--cluster", cluster(), "--plan", "data").stdout
    expect("relative to" not in text, "of one rank that goes without saying: " + text)
    stages = shutil.copy(os.path.join(source, "jobs", "deep-mlp.yaml"), folder)
    for row in simulated(stages, "1,2,4", cluster(), "--plan", "{strategy: pipeline, microbatches: 16}")["rows"]:
        ranks = row["ranks"]
        expect(abs(row["bubble"] - (ranks - 1) / (16 + ranks - 1)) < 1e-12, "bubble of %d: %s" % (ranks, row))
    text = run("simulate", stages, "--ranks", "1,4", "--cluster", cluster(), "--plan", "{strategy: pipeline, microbatches: 16}").stdout
    expect(" bubble " in text and " 16 % " in text, "a column: " + text)
    none = run("simulate", heat(2048, 10), "--ranks", "1,2", "--cluster", cluster(), "--plan", "{memory: 10 KiB}")
    expect(none.returncode == 69 and "scales to" not in none.stdout and "could be run" in none.stdout,
           "what fits nowhere scales nowhere: %d %s" % (none.returncode, none.stdout))


def rates_of_the_cluster_count():
    job = heat(4096, 100)
    plain = simulated(job, "8", cluster())["rows"][0]["predicted_seconds"]
    slow = simulated(job, "8", cluster(core="{gflops: 1, gb_per_s: 1}"))["rows"][0]["predicted_seconds"]
    expect(slow > 3 * plain, "slow cores take longer")
    slow_link = cluster(links="{between: {alpha_us: 5000, beta_gb_per_s: 10}}")
    far = simulated(job, "8", slow_link, "--plan", "data")["rows"][0]
    expect(far["predicted_seconds"] > 0.4 and far["critical_seconds"]["messages"] > 0.3, "100 steps over a slow link")
    expect(far == simulated(job, "8", slow_link, "--plan", "data")["rows"][0], "twice the same")
    chosen = json.loads(run("plan", job, "--ranks", "8", "--cluster", slow_link, "--json").stdout)
    best = min(one["predicted_seconds"] for one in chosen["alternatives"])
    expect(chosen["predicted_seconds"] == best < 0.5 * far["predicted_seconds"], "auto takes another way there")
    gpus = cluster(gpus="{count: 2, name: g, gflops: 20000, gb_per_s: 2000, copy_gb_per_s: 50}", ranks_per_node="2")
    on_gpus = simulated(job, "2", gpus, "--plan", "{lanes: gpu}")["rows"][0]["predicted_seconds"]
    on_cpus = simulated(job, "2", gpus, "--plan", "{lanes: cpu}")["rows"][0]["predicted_seconds"]
    expect(on_gpus < on_cpus, "gpus are faster: %g, %g" % (on_gpus, on_cpus))


def wrong_clusters_are_refused():
    job = heat(32, 10)
    for text, line, word in (("cluster: 1\nnodes: 4\ncores: 0\nmemory: 1 GiB\n", 3, "1"),
                             ("cluster: 1\nnodes: 4\nkores: 2\ncores: 2\nmemory: 1 GiB\n", 3, "cores"),
                             ("cluster: 1\nnodes: 4\ncores: 2\nmemory: 12\n", 4, "GiB"),
                             ("cluster: 1\nnodes: 4\ncores: 2\nmemory: 1 GiB\ncore: {gflops: -1}\n", 5, "above 0"),
                             ("cluster: 2\nnodes: 4\ncores: 2\nmemory: 1 GiB\n", 1, "format 1"),
                             ("cluster: 1\nnodes: 4\n", 1, "missing")):
        result = run("simulate", job, "--cluster", file("wrong.yaml", text))
        expect(result.returncode == 65 and "wrong.yaml:%d:" % line in result.stderr and word in result.stderr,
               "%d, not 65 with line %d and '%s': %s" % (result.returncode, line, word, result.stderr))
    expect(run("simulate", job, "--cluster", "nowhere.yaml").returncode == 66, "a cluster file that is not there")
    result = run("simulate", job, "--ranks", "65", "--cluster", cluster())
    expect(result.returncode == 69 and "64 nodes" in result.stderr, "more ranks than nodes: " + result.stderr)
    for ranks in ("0", "1,,2", "2,", "x", "1.5"):
        expect(run("simulate", job, "--ranks", ranks).returncode == 64, "--ranks " + ranks)


def plans_are_compared():
    result = run("plan", heat(8192, 100), "--ranks", "8", "--cluster", cluster(), "--json")
    plan = json.loads(result.stdout)
    chosen = [one for one in plan["alternatives"] if one["chosen"]]
    expect(len(chosen) == 1 and chosen[0]["ranks"] == 8 and chosen[0]["why_not"] is None, "one is chosen")
    expect(plan["predicted_seconds"] == chosen[0]["predicted_seconds"] and 0.5 < plan["efficiency"] <= 1.05,
           "efficiency %g" % plan["efficiency"])
    expect(all(one["why_not"] for one in plan["alternatives"] if not one["chosen"]), "the others say why not")
    text = run("plan", heat(8192, 100), "--ranks", "8", "--cluster", cluster())
    expect("predicted for test" in text.stdout and "taken; most of it is" in text.stdout, "as text: " + text.stdout)
    expect(run("plan", heat(32, 1), "--json", "--dump", "plan").returncode == 64, "--json and --dump")
    little = run("check", heat(8192, 1), "--cluster", cluster(memory="100 MiB"))
    expect(little.returncode == 69 and "node of 'test'" in little.stderr, "a node's memory: " + little.stderr)


def machines_are_measured():
    result = run("devices", "--measure", "--json", ranks=2)
    expect(result.returncode == 0, "devices --measure: " + result.stderr)
    rates = json.loads(result.stdout)
    expect(rates["core"]["gflops"] > 0.1 and 0.1 < rates["core"]["gb_per_s"] < 1000, "a core: %s" % rates["core"])
    expect(0 < rates["within"]["alpha_us"] < 10000 and rates["within"]["beta_gb_per_s"] > 0.01, "%s" % rates["within"])
    for gpu in rates["gpus"]:
        expect(gpu["gflops"] > 0.1 and gpu["gb_per_s"] > 0.01 and gpu["copy_gb_per_s"] > 0.01 and gpu["chunk_us"] > 0,
               "a gpu: %s" % gpu)
    devices = json.loads(run("devices", "--json").stdout)["gpus"]
    expect([gpu["device"] for gpu in rates["gpus"]] == [one["device"] for one in devices if one["usable"]], "all gpus")
    expect(rates["kept"] and os.path.exists(rates["kept"]), "kept in a file")
    planned = json.loads(run("plan", heat(512, 10), "--json").stdout)
    expect("measured" in planned["machine"], "and used: " + planned["machine"])
    with open(rates["kept"], "w") as damaged:
        damaged.write("nonsense")
    planned = json.loads(run("plan", heat(512, 10), "--json").stdout)
    expect(planned["machine"] == "an ordinary node", "a damaged file is not used")


def history_lines():
    with open(os.path.join(folder, "cache", "throughput"), errors="replace") as text:
        return text.read()


def runs_measure_what_is_no_kernel():
    job = file("numbers.yaml", """maniple: 1
name: numbers
inputs: {u: {shape: [1500, 1024], fill: "normal(seed=1)"}}
graph: {v: "u + u", w: "u * u"}
outputs: {v: numbers.h5:/v, w: numbers.h5:/w}
""")
    shutil.rmtree(os.path.join(folder, "cache"), ignore_errors=True)
    result = run("run", job, "--lanes", "cpu", "--plan", "model", ranks=2)
    expect(result.returncode == 0, "a run of numbers: " + result.stderr)
    known = history_lines()
    for what in ("bytes of normal numbers\tcpu", "bytes written\tfile x2"):
        expect(what in known, "after a run '%s' is known: %s" % (what, known))
    if len(os.sched_getaffinity(0)) < 2:
        expect("of a message" not in known, "two ranks on one core cannot measure messages")
        return
    for what in ("latency of a message\twithin a node", "byte of a message\twithin a node"):
        expect(what in known, "after a run '%s' is known: %s" % (what, known))
    for _ in range(4):
        run("run", job, "--lanes", "cpu", "--plan", "model", ranks=2)
    links = [line for line in history_lines().split("\n") if "of a message" in line]
    expect(len(links) == 2 and all(1 <= len(line.split("\t")[3].split()) <= 3 for line in links), "links are measured in three runs: %s" % links)
    planned = json.loads(run("plan", job, "--ranks", "2", "--json").stdout)
    expect("messages as in earlier runs" in planned["machine"], "a plan says where links are from: " + planned["machine"])


def planned_for_two(job):
    """What is taken, and the predicted seconds of each plan."""
    planned = json.loads(run("plan", job, "--ranks", "2", "--json").stdout)
    return planned["strategy"], {one["plan"]: one["predicted_seconds"] for one in planned["alternatives"]}


def claims_are_predicted():
    job = file("skewed.yaml", """maniple: 1
name: skewed
graph:
  image: mandelbrot(width=300, height=400, xmin=-2.25, xmax=0.75, ymin=-3.5, ymax=1, iterations=3000)
  inside: sum(image == 3000)
outputs: {inside: skewed.h5:/inside}
""")
    shutil.rmtree(os.path.join(folder, "cache"), ignore_errors=True)
    strategy, seconds = planned_for_two(job)
    expect(strategy == "stealing" and seconds["stealing"] < seconds["data"] < 2 * seconds["stealing"],
           "who knows nothing of irregular work has it claimed: %s, %s" % (strategy, seconds))
    result = run("run", job, "--lanes", "cpu", "--plan", "data", ranks=2)
    expect(result.returncode == 0, "a run of even blocks: " + result.stderr)
    strategy, seconds = planned_for_two(job)  # the set lies in the rows of the last rank
    expect(strategy == "stealing" and 1.6 < seconds["data"] / seconds["stealing"] < 2.1, "what it has measured says what "
           "claims gain: %s, %s" % (strategy, seconds))
    rows = json.loads(run("simulate", job, "--ranks", "2,4", "--json").stdout)["rows"]
    expect([row["strategy"] for row in rows] == ["stealing"] * 2, "also in a simulation: %s" % rows)
    result = run("run", job, "--lanes", "cpu", ranks=2)
    expect(result.returncode == 0 and "auto: stealing" in result.stderr, "a run takes it: " + result.stderr)
    with open(os.path.join(folder, "skewed.report", "summary.json")) as text:
        summary = json.load(text)
    ratio = summary["predicted_seconds"] / summary["wall_seconds"]
    expect(summary["strategy"] == "stealing" and 0.02 < ratio < 10, "predicted %g of what it took" % ratio)
    print("claims: predicted %g of the wall time" % ratio)
    regular = heat(512, 20, "regular")
    strategy, seconds = planned_for_two(regular)
    expect(strategy != "stealing" and "stealing" in seconds, "regular work is not claimed: %s, %s" % (strategy, seconds))
    shutil.rmtree(os.path.join(folder, "cache"))  # whoever comes next finds no choice that is not its own


def auto_keeps_its_choice():
    job = shutil.copy(os.path.join(source, "jobs", "unet-like.yaml"), folder)
    kept = []
    for _ in range(5):
        result = run("run", job, "--lanes", "cpu", ranks=2)
        expect(result.returncode == 0, "a run that chooses: " + result.stderr)
        with open(os.path.join(folder, "unet-like.report", "summary.json")) as text:
            strategy = json.load(text)["strategy"]
        with open(os.path.join(folder, "cache", "choices"), "rb") as text:
            lines = text.read()[16:].decode().splitlines()  # behind what tells whether the file is whole
        expect(len(lines) <= 1, "one graph, one choice: %s" % lines)
        if lines:  # else the run took much longer than the one before
            kept.append(lines[0].split(" ", 4))
            expect(kept[-1][4].split(" ")[0] == strategy, "what was taken is kept: %s, %s" % (kept[-1], strategy))
    expect(kept and all(1 <= int(entry[1]) <= 2 for entry in kept), "and is not weighed again and again: %s" % kept)


def runs_are_predicted():
    job = heat(512, 50, "again")
    summaries = []
    for number in range(4):
        result = run("run", job, "--lanes", "cpu", ranks=2)
        expect(result.returncode == 0 and "predicted" in result.stderr, "a run says what was predicted: " + result.stderr)
        expect(("the run before" in result.stderr) == (number > 0), "run %d and the one before: %s" % (number, result.stderr))
        with open(os.path.join(folder, "again.report", "summary.json")) as text:
            summaries.append(json.load(text))
    last = summaries[-1]
    expect(last["predicted_seconds"] > 0 and last["previous_wall_seconds"] == summaries[-2]["wall_seconds"], "in summary.json")
    expect(summaries[0]["previous_wall_seconds"] is None, "the first run has none before it")
    ratio = last["predicted_seconds"] / last["wall_seconds"]
    expect(0.1 < ratio < 10, "with a history the prediction is of the right size: %g of %s" % (ratio, last["wall_seconds"]))
    shown = run("kernels", "show", "heat_step").stdout
    expect("measured, medians of runs" in shown and "cpu x" in shown, "what was measured is shown: " + shown)
    expect("time as points^" not in shown, "of one size nothing follows for others: " + shown)
    expect(run("run", heat(2048, 5, "larger"), "--lanes", "cpu", ranks=2).returncode == 0, "another size")
    shown = run("kernels", "show", "heat_step").stdout
    expect("time as points^" in shown and "(2 sizes)" in shown, "of two sizes it does: " + shown)
    expect("nothing yet" in run("kernels", "show", "blur").stdout, "and of others that nothing was")


try:
    for test in (rows_scale_with_the_work, what_ends_scaling_is_named, rows_say_what_they_are_of,
                 rates_of_the_cluster_count, wrong_clusters_are_refused, plans_are_compared, machines_are_measured, runs_measure_what_is_no_kernel,
                 claims_are_predicted, auto_keeps_its_choice, runs_are_predicted):
        test()
finally:
    shutil.rmtree(folder)
print("%d checks, %d failures" % (checks, len(failures)))
sys.exit(1 if failures or checks == 0 else 0)
