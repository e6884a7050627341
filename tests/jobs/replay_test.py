#!/usr/bin/env python3
"""--record and --replay through the real program: the same schedule again and again, and what is refused.

replay_test.py MANIPLE MPIEXEC
"""
import os
import shutil
import subprocess
import sys
import tempfile

import h5py

maniple, mpiexec = sys.argv[1:3]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", LP_NUM_THREADS="1")
failures = []

PLAIN = """maniple: 1
name: heat
inputs: {u: {shape: [400, 300], fill: uniform(seed=3)}}
graph:
  v: heat_step(u, alpha=0.2)
  t: max(v)
loop: {steps: 40, carry: {u: v}UNTIL}
outputs: {v: out.h5:/v, t: {to: out.h5:/t, every: 7}}
"""
UNTIL = PLAIN.replace("UNTIL", ', until: "t < 0.8"')
LOOP = PLAIN.replace("UNTIL", "")


def expect(condition, what):
    print(("good  " if condition else "BAD   ") + what, flush=True)
    if not condition:
        failures.append(what)


class Folder:
    def __init__(self, text):
        self.path = tempfile.mkdtemp(prefix="maniple-replay-")
        self.write(text)

    def write(self, text):
        with open(self.file("job.yaml"), "w") as job:
            job.write(text)

    def file(self, name):
        return os.path.join(self.path, name)

    def bytes(self, name):
        return open(self.file(name), "rb").read()

    def run(self, ranks, threads, *options):
        words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks)]
        words += [maniple, "run", "job.yaml", "--threads", str(threads), "--no-report", "--no-history", "--quiet", *options]
        return subprocess.run(words, env=environment, capture_output=True, text=True, cwd=self.path)

    def results(self):
        with h5py.File(self.file("out.h5")) as file:
            return file["v"][()].tobytes(), file["t"][()].tobytes()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        shutil.rmtree(self.path)


def test_again(text, name, lanes=()):
    for ranks, threads in ((1, 1), (1, 3), (2, 2)):
        what = "%s on %d ranks x %d threads: " % (name, ranks, threads)
        with Folder(text) as folder:
            first = folder.run(ranks, threads, "--record", "a", *lanes)
            expect(first.returncode == 0, what + "recorded " + first.stderr[-300:])
            if first.returncode != 0:
                continue
            want = folder.results()
            for recorded in "bc":
                again = folder.run(ranks, threads, "--replay", "a", "--record", recorded, *lanes)
                expect(again.returncode == 0, what + "replayed " + again.stderr[-300:])
                same = all(folder.bytes("a.%d" % rank) == folder.bytes("%s.%d" % (recorded, rank)) for rank in range(ranks))
                expect(same and folder.results() == want, what + "the same schedule and the same results")
            workers = {word.split(":")[0] for word in folder.bytes("a.0").decode().split() if ":" in word}
            expect(len(workers) <= threads and "0" in workers, what + "workers %s" % sorted(workers))
            left = [name for name in os.listdir(folder.path) if name.endswith(".tmp")]
            expect(not left, what + "nothing is left: %s" % left)


def fnv(data):
    """What stands in a schedule's last line."""
    value = 0xcbf29ce484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001b3) % 2**64
    return value


def closed(body):
    return body + b"end %016x\n" % fnv(body)


def swapped(text):
    """A schedule whose first chunk comes last, with a checksum that is right."""
    lines = text.splitlines(keepends=True)
    starts = lines[5].split()
    lines[5] = b" ".join(starts[1:] + starts[:1]) + b"\n"
    return closed(b"".join(lines[:-1]))


def test_tampered():
    with Folder(LOOP) as folder:
        expect(folder.run(2, 2, "--record", "a").returncode == 0, "recorded")
        good = folder.bytes("a.1")
        body = good[:good.rindex(b"end ")]
        blocks = body.split(b"block ")
        faults = {
            "another worker": good.replace(b"\n0:", b"\n1:", 1) if b"\n0:" in good else good.replace(b"\n1:", b"\n0:", 1),
            "cut short": good[:len(good) // 2], "no end": body, "empty": b"", "another file": b"maniple: 1\n",
            "an order that cannot be": swapped(good), "a block less": closed(b"block ".join(blocks[:-1])),
            "a block more": closed(body + b"block " + blocks[-1]), "a letter": closed(body.replace(b":", b"x", 1)),
            "another rank": folder.bytes("a.0"), "nothing": None,
        }
        for name, content in faults.items():
            os.remove(folder.file("a.1"))
            if content is not None:
                open(folder.file("a.1"), "wb").write(content)
            result = folder.run(2, 2, "--replay", "a")
            errors = [line for line in result.stderr.splitlines() if "error" in line]
            expect(result.returncode == 66 and len(errors) == 1 and "schedule 'a.1'" in errors[0],
                   "%s is refused with 66 and one line: %d %s" % (name, result.returncode, errors))
            open(folder.file("a.1"), "wb").write(good)
        expect(folder.run(2, 2, "--replay", "a").returncode == 0, "and the good one is followed")


def test_another_run():
    with Folder(LOOP) as folder:
        expect(folder.run(2, 2, "--record", "a").returncode == 0, "recorded")
        before = folder.results()
        os.remove(folder.file("out.h5"))
        expect(folder.run(2, 3, "--replay", "a").returncode == 66, "other threads are refused")
        expect(folder.run(1, 2, "--replay", "a").returncode == 66, "other ranks are refused")
        expect(folder.run(2, 2, "--replay", "a", "--plan", "{strategy: data, max_ranks: 1}").returncode == 66, "another plan is refused")
        for change in (("t: max(v)", "t: min(v)"), ("[400, 300]", "[400, 301]"), ("steps: 40", "steps: 41"), ("every: 7", "every: 5")):
            folder.write(LOOP.replace(*change))
            result = folder.run(2, 2, "--replay", "a")
            errors = [line for line in result.stderr.splitlines() if "error" in line]
            expect(result.returncode == 66 and len(errors) == 1, "%s is refused: %d %s" % (change[1], result.returncode, errors))
        expect(not os.path.exists(folder.file("out.h5")), "and no result appears")
        folder.write(LOOP)
        expect(folder.run(2, 2, "--replay", "a").returncode == 0 and folder.results() == before, "the job itself is followed")


def test_places():
    with Folder(LOOP) as folder:
        result = folder.run(2, 1, "--record", "nowhere/a")
        expect(result.returncode == 73 and result.stderr.count("error") == 1, "a schedule in no folder is 73: %s" % result.stderr[-200:])
        expect(not os.path.exists(folder.file("out.h5")), "before anything is computed")


def has_device():
    return '"usable": true' in subprocess.run([maniple, "devices", "--json"], capture_output=True, text=True).stdout


test_again(LOOP, "a loop")
test_again(UNTIL, "a loop with until")
if has_device():
    test_again(LOOP, "both lanes", ("--lanes", "both", "--gpus", "0"))
test_tampered()
test_another_run()
test_places()
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
