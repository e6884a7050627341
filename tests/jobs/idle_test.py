#!/usr/bin/env python3
"""A rank that waits for another one leaves its cores to others: after a second it uses less than 2 % of one. Through the real
program, where it waits for a message, where its part of the run is over, and where it looks for something to claim.

idle_test.py MANIPLE MPIEXEC
"""
import glob
import os
import signal
import subprocess
import sys
import tempfile
import time

maniple, mpiexec = sys.argv[1:3]
SHARE, SETTLES_SECONDS, WATCHED_SECONDS = 0.02, 1, 2.5
TRIES = 3  # beside other programs each waking takes longer: then it is watched once more
# A chunk of rank 0 takes longer than all else; it sleeps, so that it takes no core from anybody.
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", MANIPLE_SLOW_RANK="0:10000000")
failures = []

HEAD = "maniple: 1\nname: idle\ninputs: {u: {shape: [400, 400], fill: iota, dtype: f32}}\n"
TAIL = "outputs: {v: idle.h5:/v}\n"
MESSAGES = HEAD + 'graph: {v: "heat_step(u, alpha=0.2)"}\nloop: {steps: 64, carry: {u: v}}\n' + TAIL
APART = HEAD + "graph: {v: sin(u)}\n" + TAIL
CLAIMS = """maniple: 1
name: idle
graph: {v: "mandelbrot(width=400, height=400, xmin=-2.25, xmax=0.75, ymin=-1, ymax=1, iterations=100)"}
""" + TAIL
WAYS = [("a message", MESSAGES, "data", 64), ("the end", APART, "data", 2), ("something to claim", CLAIMS, "stealing", 16)]


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


def ranks_of(launcher):
    """Process ids of the ranks that a launcher has started, by rank."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            parent = int(open(path.replace("environ", "stat")).read().rpartition(")")[2].split()[1])
            words = open(path).read().split("\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        rank = [word.partition("=")[2] for word in words if word.startswith("OMPI_COMM_WORLD_RANK=")]
        if rank and parent == launcher:
            found[int(rank[0])] = int(path.split("/")[2])
    return found


def seconds_of(process):
    """On a core so far, over all of its threads."""
    return sum(int(open(path).read().split()[0]) for path in glob.glob("/proc/%d/task/*/schedstat" % process)) / 1e9


class Run:
    def __init__(self, folder, number, way):
        self.what, text, plan, threads = way
        job = os.path.join(folder, "idle%d.yaml" % number)
        with open(job, "w") as file:
            file.write(text.replace("idle", "idle%d" % number))
        words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "60", "-n", "2", maniple, "run", job, "--threads", str(threads),
                 "--lanes", "cpu", "--no-history", "--no-report", "--plan", plan]
        self.launcher = subprocess.Popen(words, env=environment, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True)

    def wait_for_begin(self):
        """It says so just before its first chunks."""
        line = self.launcher.stdout.readline()
        while line and "on 2 ranks" not in line:
            line = self.launcher.stdout.readline()
        self.ranks = ranks_of(self.launcher.pid)
        expect(sorted(self.ranks) == [0, 1], "waiting for %s: two ranks run" % self.what)

    def begin_watch(self):
        self.begin, self.before = time.monotonic(), seconds_of(self.ranks[1])

    def end_watch(self):
        """The share of a core that it has taken since."""
        expect(self.before > 0.005 and self.launcher.poll() is None, "waiting for %s: it has run, and has not ended" % self.what)
        return (seconds_of(self.ranks[1]) - self.before) / (time.monotonic() - self.begin)

    def kill(self):
        for process in self.ranks.values():
            os.kill(process, signal.SIGKILL)


def watch(runs):
    """Those that take too much."""
    for run in runs:
        run.begin_watch()
    time.sleep(WATCHED_SECONDS)
    shares = [(run.end_watch(), run) for run in runs]
    for share, run in shares:
        print("      waiting for %s: %.2f %% of a core" % (run.what, 100 * share), flush=True)
    return [run for share, run in shares if share >= SHARE]


with tempfile.TemporaryDirectory(prefix="maniple-idle-") as folder:
    runs = [Run(folder, number, way) for number, way in enumerate(WAYS)]
    for run in runs:
        run.wait_for_begin()
    time.sleep(SETTLES_SECONDS)
    eager = runs if not failures else []
    for _ in range(TRIES):
        eager = watch(eager) if eager else []
    expect(not eager, "who waits takes less than 2 %% of a core, but for %s" % [run.what for run in eager])
    for run in runs:
        run.kill()
    for run in runs:
        run.launcher.communicate(timeout=30)
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
