#!/usr/bin/env python3
"""The main job through the real program: ranks 1 to 4 against NumPy, lost ranks and messages, a second run on the same output.

run_test.py MANIPLE MPIEXEC SOURCE_DIR FAULT_LIBRARY
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import h5py
import numpy

maniple, mpiexec, source, fault_library = sys.argv[1:5]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
failures = []


def command(ranks, job, *options):
    return [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), maniple, "run", job, "--threads", "1", *options]


def run(ranks, job, *options, timeout=100):
    return subprocess.run(command(ranks, job, *options), env=environment, capture_output=True, text=True, timeout=timeout)


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


def make_folder(steps):
    folder = tempfile.mkdtemp(prefix="maniple-run-test-")
    os.symlink(os.path.join(source, "jobs", "data"), os.path.join(folder, "data"))
    text = open(os.path.join(source, "jobs", "terrain.yaml")).read()
    with open(os.path.join(folder, "terrain.yaml"), "w") as job:
        job.write(text.replace("steps: 200", "steps: %d" % steps))
    return folder


def expect_message_times(folder, ranks, said):
    summary = json.load(open(os.path.join(folder, "terrain.report", "summary.json")))
    net = [lane for lane in summary["lanes"] if lane["lane"] == "net"]
    others = [lane for lane in summary["lanes"] if lane["lane"] != "net"]
    expect(len(net) == (ranks if ranks > 1 else 0), "each of %d ranks that has others has a net lane" % ranks)
    for lane in net:
        hidden, in_flight = lane["hidden_seconds"], lane["in_flight_seconds"]
        expect(0 < hidden < in_flight < summary["wall_seconds"], "messages of rank %d of %d: %g of %g s hidden" % (lane["rank"], ranks, hidden, in_flight))
    expect(not any(lane["in_flight_seconds"] or lane["hidden_seconds"] for lane in others), "other lanes have no messages")
    expect(("hidden behind computing" in said) == (ranks > 1), "the table of %d ranks says how much is hidden" % ranks)


def test_ranks():
    folder = make_folder(200)
    job = os.path.join(folder, "terrain.yaml")
    first = None
    for ranks in (1, 2, 3, 4):
        result = run(ranks, job, "--lanes", "cpu", "--plan", "data")  # left alone some of them may stay idle
        expect(result.returncode == 0, "terrain on %d ranks exits 0: %s" % (ranks, result.stderr[-300:] if result.returncode else ""))
        expect_message_times(folder, ranks, result.stdout + result.stderr)
        check = subprocess.run([sys.executable, os.path.join(source, "tests", "terrain_reference.py"), os.path.join(folder, "terrain.h5")])
        expect(check.returncode == 0, "terrain on %d ranks agrees with NumPy" % ranks)
        with h5py.File(os.path.join(folder, "terrain.h5")) as file:
            stencils = [file[name][()].tobytes() for name in ("relief", "slope")]
        first = first or stencils
        expect(stencils == first, "stencils on %d ranks equal those on one, bit for bit" % ranks)
    shutil.rmtree(folder)


def ranks_of(job):
    """Process ids by rank of a run under way."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open("/proc/%s/cmdline" % pid, "rb").read().decode().split("\0")
            if words[0] != maniple or job not in words:
                continue
            for item in open("/proc/%s/environ" % pid, "rb").read().decode().split("\0"):
                if item.startswith("OMPI_COMM_WORLD_RANK="):
                    found[int(item.split("=")[1])] = int(pid)
        except (OSError, UnicodeDecodeError):
            pass
    return found


def wait_for(folder, name, seconds=30):
    end = time.time() + seconds
    while time.time() < end and not os.path.exists(os.path.join(folder, name)):
        time.sleep(0.05)
    time.sleep(0.5)


def test_killed_rank():
    folder = make_folder(20)
    job = os.path.join(folder, "terrain.yaml")
    expect(run(2, job).returncode == 0, "a first result is there")
    before = open(os.path.join(folder, "terrain.h5"), "rb").read()
    text = open(job).read()
    open(job, "w").write(text.replace("steps: 20", "steps: 20000000"))
    process = subprocess.Popen(command(4, job), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(folder, ".terrain.h5.maniple-tmp")
    killed = ranks_of(job).get(2)
    expect(killed is not None, "rank 2 is found")
    if killed is not None:
        os.kill(killed, signal.SIGKILL)
    begin = time.time()
    try:
        code = process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        code = 0
    expect(code == 137, "a killed rank ends the job with 137, got %d after %.1f s" % (code, time.time() - begin))
    expect(open(os.path.join(folder, "terrain.h5"), "rb").read() == before, "the previous output is untouched")
    open(job, "w").write(text)
    expect(run(2, job).returncode == 0, "the next run goes well")
    left = [name for name in os.listdir(folder) if "maniple" in name]
    expect(not left, "nothing is left behind: %s" % left)
    shutil.rmtree(folder)


def test_stopped_rank(victim):
    """A rank that hangs is nobody's signal: only the watch can notice it."""
    folder = make_folder(20000000)
    job = os.path.join(folder, "terrain.yaml")
    process = subprocess.Popen(command(2, job, "--stall", "3s"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(folder, ".terrain.h5.maniple-tmp")
    stopped = ranks_of(job).get(victim)
    if stopped is not None:
        os.kill(stopped, signal.SIGSTOP)
    try:
        code = process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        code = 0
    for pid in ranks_of(job).values():
        os.kill(pid, signal.SIGKILL)
    expect(stopped is not None and code == 76, "rank %d stopped in mid-run ends the job with 76, got %d" % (victim, code))
    expect(not os.path.exists(os.path.join(folder, "terrain.h5")), "and no half-written result appears")
    shutil.rmtree(folder)


def run_with_fault(ranks, victim, fault, steps, *options):
    """The exit code, what was said, the seconds it took and the names left in the folder."""
    folder = make_folder(steps)
    job = os.path.join(folder, "terrain.yaml")
    words = command(ranks, job, *options)
    place = words.index(maniple)
    preload = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), fault_library]))
    words[place:place] = ["-x", "ASAN_OPTIONS=verify_asan_link_order=0", "-x", "LD_PRELOAD=" + preload, "-x", "FAULT=" + fault, "-x", "FAULT_RANK=%d" % victim]
    # What goes through memory that ranks share cannot be lost on the way: there MPI_Isend is not called.
    ways = {"OMPI_MCA_btl": "self,tcp"} if fault == "message" else {}
    begin = time.time()
    result = subprocess.run(words, env=dict(environment, **ways), capture_output=True, text=True, timeout=60)
    seconds = time.time() - begin
    left = sorted(set(os.listdir(folder)) - {"data", "terrain.yaml"})
    shutil.rmtree(folder)
    return result.returncode, result.stderr, seconds, left


def test_lost_message():
    """Every rank lives, none can go on: the table says what each waits for."""
    code, said, seconds, left = run_with_fault(3, 1, "message", 20000, "--stall", "3s")
    expect(code == 76, "a lost message ends the job with 76, got %d after %.1f s" % (code, seconds))
    expect("no rank has made progress" in said, "one message says so")
    for rank in range(3):
        expect("  rank %d: " % rank in said, "and what rank %d waits for" % rank)
    expect("terrain.h5" not in left, "no half-written result appears")


def test_failing_rank():
    """One chunk of one rank fails: all end, with its code and one message."""
    for ranks, victim in ((1, 0), (2, 1), (3, 0), (4, 2)):
        code, said, seconds, left = run_with_fault(ranks, victim, "read", 20)
        expect(code == 74, "a read that fails on rank %d of %d is 74, got %d after %.1f s" % (victim, ranks, code, seconds))
        expect(said.count("error:") == 1 and "terrain" in said, "with one message: %s" % said.splitlines()[:1])
        expect(not left, "nothing is left behind: %s" % left)


def test_second_run():
    folder = make_folder(50000)
    job = os.path.join(folder, "terrain.yaml")
    first = subprocess.Popen(command(2, job), env=environment, stderr=subprocess.DEVNULL)
    wait_for(folder, ".terrain.h5.maniple-tmp")
    # Held still meanwhile: where starting takes long (a slow name server), it would be over before the second one looks.
    held = ranks_of(job).values()
    expect(len(held) == 2, "the first run is still there when the second begins")
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    try:
        second = run(2, job, timeout=50)  # less than the watch waits
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)
    expect(second.returncode == 73, "a second run on the same output is 73, got %d" % second.returncode)
    expect(second.stderr.count("error:") == 1, "with one message")
    expect(first.wait(timeout=100) == 0, "and the first is unharmed")
    with h5py.File(os.path.join(folder, "terrain.h5")) as file:
        expect(file["total"].shape == (5000,) and bool(numpy.isfinite(file["relief"][()]).all()), "its result is whole")
    shutil.rmtree(folder)


def test_alone():
    """A process that no launcher has started, or mpirun as its only one, does without MPI, which cannot start here; one with
    another sign of a launcher does not."""
    folder = make_folder(200)
    job = os.path.join(folder, "terrain.yaml")
    signs = ("OMPI_", "PMI", "SLURM_", "PALS_", "ALPS_", "MV2_", "MPI_", "FLUX_", "JSM_")
    alone = {name: value for name, value in environment.items() if not name.startswith(signs)}
    alone.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    ours = [maniple, "run", job, "--threads", "1", "--lanes", "cpu"]
    result = subprocess.run(ours, env=alone, capture_output=True, timeout=100)
    expect(result.returncode == 0, "a process alone, where MPI could start")
    with h5py.File(os.path.join(folder, "terrain.h5")) as file:
        first = [file[name][()].tobytes() for name in ("relief", "slope", "total")]
    alone["OMPI_MCA_pml"] = "nothing"
    result = subprocess.run(ours, env=alone, capture_output=True, text=True, timeout=100)
    expect(result.returncode == 0, "a process alone does without MPI: %s" % result.stderr[-300:])
    with h5py.File(os.path.join(folder, "terrain.h5")) as file:
        expect([file[name][()].tobytes() for name in ("relief", "slope", "total")] == first, "with the same bits")
    launched = run(1, job)
    with h5py.File(os.path.join(folder, "terrain.h5")) as file:
        expect(launched.returncode == 0 and [file[name][()].tobytes() for name in ("relief", "slope", "total")] == first,
               "and those of a rank that was launched")
    for sign in ("PMIX_RANK", "PMI_RANK", "SLURM_PROCID"):
        result = subprocess.run(ours, env=dict(alone, **{sign: "0"}), capture_output=True, timeout=100)
        expect(result.returncode != 0, "with %s MPI is asked" % sign)
    one = dict(alone, OMPI_COMM_WORLD_SIZE="1")
    result = subprocess.run(ours, env=one, capture_output=True, text=True, timeout=100)
    expect(result.returncode == 0, "the only process of mpirun does without MPI: %s" % result.stderr[-300:])
    for more in ({"OMPI_COMM_WORLD_SIZE": "2"}, {"PMI_RANK": "0"}, {"SLURM_STEP_NUM_TASKS": "2"}):
        result = subprocess.run(ours, env=dict(one, **more), capture_output=True, timeout=100)
        expect(result.returncode != 0, "with %s MPI is asked" % more)
    wrong = subprocess.run(ours + ["--gpus", "99"], env=alone, capture_output=True, text=True, timeout=100)
    expect(wrong.returncode == 69 and wrong.stderr.count("error:") == 1, "an error of a process alone is told once: %s" % wrong.stderr)
    expect(not [name for name in os.listdir(folder) if name.startswith(".")], "nothing is left behind")
    shutil.rmtree(folder)


def test_networks():
    """Ranks of one node have MPI look for no network, whatever a site's settings say, unless the user says how messages go."""
    folder = make_folder(10)
    job = os.path.join(folder, "terrain.yaml")
    os.mkdir(os.path.join(folder, ".openmpi"))
    with open(os.path.join(folder, ".openmpi", "mca-params.conf"), "w") as settings:
        settings.write("pml = cm\nbtl = self\n")
    home = dict(environment, HOME=folder)
    result = subprocess.run(command(2, job), env=home, capture_output=True, text=True, timeout=100)
    expect(result.returncode == 0, "two ranks here need no network: %s" % result.stderr[-300:])
    for words in (["--mca", "btl", "self,vader"], ["--mca", "mtl", "psm2"]):
        mine = command(2, job)
        result = subprocess.run(mine[:1] + words + mine[1:], env=home, capture_output=True, timeout=100)
        expect(result.returncode != 0, "where the user says %s, the settings hold" % " ".join(words))
    result = subprocess.run(command(2, job, "--dry-run"), env=home, capture_output=True, text=True, timeout=100)
    expect(result.returncode == 0, "nor does --dry-run: %s" % result.stderr[-300:])
    shutil.rmtree(folder)


def test_other_files():
    """What ranks prepare before they know each other is forgotten where rank 0 has another job."""
    folder = tempfile.mkdtemp(prefix="maniple-run-test-")
    text = "maniple: 1\nname: one\ninputs: {u: {shape: [40, 8], fill: 1}}\ngraph: {v: %s}\noutputs: {v: one.h5:/v}\n"
    names = {"one.yaml": "u * 2 + 1", "other.yaml": "u * 3", "longer.yaml": "u * 3 + u / 2"}
    for name, formula in names.items():
        with open(os.path.join(folder, name), "w") as job:
            job.write(text % formula)
    for other in list(names) + ["missing.yaml"]:
        words = command(1, os.path.join(folder, "one.yaml"))
        words += [":"] + words[words.index("-n"):]
        words[-3] = os.path.join(folder, other)
        result = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=100)
        expect(result.returncode == 0, "rank 1 finds %s: %s" % (other, result.stderr[-300:] if result.returncode else "exits 0"))
        with h5py.File(os.path.join(folder, "one.h5")) as file:
            expect(bool((file["v"][()] == 3).all()) and file["v"].shape == (40, 8), "the job is rank 0's")
    pipe = os.path.join(folder, "pipe.yaml")
    os.mkfifo(pipe)
    for turn in range(5):  # another rank that reads it, too, does not always come first
        result = subprocess.Popen(command(3, pipe), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        with open(pipe, "w") as job:
            job.write(text % "u * 4")
        said = result.communicate(timeout=100)[1]
        with h5py.File(os.path.join(folder, "one.h5")) as file:
            expect(result.returncode == 0 and bool((file["v"][()] == 4).all()), "rank 0 alone reads from a pipe: %s" % said[-300:])
    shutil.rmtree(folder)


def test_dry_run():
    """One voice, whatever the number of ranks (wrong options: tests/wrong_jobs)."""
    folder = make_folder(20)
    job = os.path.join(folder, "terrain.yaml")
    for ranks in (1, 2, 3):
        good = run(ranks, job, "--dry-run", "--lanes", "cpu")
        expect(good.returncode == 0 and good.stdout.count("good: ") == 1 and "on %d rank" % ranks in good.stdout and not good.stderr,
               "--dry-run on %d ranks says it once: %s%s" % (ranks, good.stdout, good.stderr))
        wrong = run(ranks, job, "--dry-run", "--gpus", "99")
        expect(wrong.returncode == 69 and wrong.stderr.count("error:") == 1 and not wrong.stdout,
               "--dry-run --gpus 99 on %d ranks is one error, 69: %s%s" % (ranks, wrong.stdout, wrong.stderr))
        environment["MANIPLE_LANES"] = "foo"
        wrong = run(ranks, job, "--dry-run")
        del environment["MANIPLE_LANES"]
        expect(wrong.returncode == 64 and wrong.stderr.count("error:") == 1 and "MANIPLE_LANES" in wrong.stderr,
               "--dry-run with MANIPLE_LANES=foo on %d ranks is one error, 64: %s" % (ranks, wrong.stderr))
        helped = run(ranks, job, "--help")
        expect(helped.returncode == 0 and helped.stdout.count("--dry-run") == 1, "--help on %d ranks is printed once" % ranks)
    expect(sorted(os.listdir(folder)) == ["data", "terrain.yaml"], "--dry-run leaves nothing")
    shutil.rmtree(folder)


test_ranks()
test_alone()
test_networks()
test_other_files()
test_dry_run()
test_killed_rank()
test_stopped_rank(1)
test_stopped_rank(0)
test_lost_message()
test_failing_rank()
test_second_run()
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
