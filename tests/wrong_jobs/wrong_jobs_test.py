#!/usr/bin/env python3
"""Every wrong job of jobs/ against its golden text: exit code and standard error, the same on 1 and 2 ranks.

    wrong_jobs_test.py MANIPLE MPIEXEC [--update] [--command check|plan] [--only WORD]

jobs/NAME.yaml is a job with something wrong in it, jobs/NAME.expected what maniple says about it. A job whose first
line is `# maniple WORDS` is called with these words (JOB stands for its file), any other one as `run JOB`. --update
writes the golden texts anew: read what changed.
With `--command check` (or plan) the jobs are given to that command, without MPI; those that need a run to fail, or
have words of their own, are left out.
"""
import argparse
import concurrent.futures
import hashlib
import os
import queue
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
JOBS = os.path.join(HERE, "jobs")
AT_ONCE = 6  # mpirun takes a second to notice a failure and sleeps meanwhile
NEEDS_A_RUN = ("# needs a run", "# maniple")
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
for name in ("NO_COLOR", "MANIPLE_THREADS"):
    ENVIRONMENT.pop(name, None)


def make_inputs(folder):
    """The files that the jobs name."""
    with h5py.File(os.path.join(folder, "in.h5"), "w") as file:
        file["u"] = (numpy.arange(24, dtype="f4") / 2).reshape(4, 6)
        file["v"] = numpy.arange(6, dtype="f4")
        file["w"] = numpy.zeros((3, 4), "f4")
        file["integers"] = numpy.zeros((4, 6), "i4")
        file["one"] = numpy.int32(1)
        file["bytes"] = numpy.arange(4, dtype="u1")
        file["u64"] = numpy.arange(4, dtype="u8")
        file["empty"] = numpy.zeros((0, 3), "f4")
        file["nan"] = numpy.array([1, numpy.nan], "f4")
        file["large"] = numpy.array([1, 3e9], "f4")
        file["string"] = "text"
        file["compound"] = numpy.zeros(2, [("x", "f4"), ("y", "i4")])
        file["nine"] = numpy.zeros((1,) * 9, "f4")
        file.create_group("group")
    with h5py.File(os.path.join(folder, "odd.h5"), "w") as file:
        file.create_dataset("absurd", (1 << 40,), "f4", chunks=(1 << 20,))
        file["link"] = h5py.ExternalLink("nowhere.h5", "/x")
        layout = h5py.VirtualLayout((3,), "f4")
        layout[:] = h5py.VirtualSource("nowhere.h5", "/x", shape=(3,))
        file.create_virtual_dataset("virtual", layout)
    with h5py.File(os.path.join(folder, "foreign.h5"), "w") as file:
        file["precious"] = numpy.arange(3)
    with open(os.path.join(folder, "text.h5"), "w") as file:
        file.write("this is a text\n")
    os.mkdir(os.path.join(folder, "folder"))


def first_line(job):
    with open(os.path.join(JOBS, job + ".yaml"), "rb") as file:
        return file.readline().decode(errors="replace").strip()


def words_of(job, command):
    """The words behind `maniple`."""
    line = first_line(job)
    if line.startswith("# maniple"):
        return [word.replace("JOB", job + ".yaml") for word in shlex.split(line[len("# maniple"):])]
    return [command, job + ".yaml"] + (["--quiet", "--threads", "1"] if command == "run" else [])


def expected_of(job):
    """The golden file's path and text; None if there is none."""
    path = os.path.join(JOBS, job + ".expected")
    if not os.path.exists(path):
        return path, None
    with open(path, "rb") as file:
        return path, file.read().decode()


class Runs:
    def __init__(self, options, folders):
        self.options = options
        self.folders = queue.SimpleQueue()  # one for each run at a time: two would meet at one output
        for folder in folders:
            self.folders.put(folder)
        self.repeated = 0
        with open(os.path.join(folders[0], "in.h5"), "rb") as file:  # other versions of HDF5 write other bytes
            self.digest = hashlib.sha256(file.read()).hexdigest()

    def call(self, job, ranks):
        """The exit code and standard error as a golden text, and what is wrong whatever the text is."""
        words = words_of(job, self.options.command)
        command = [self.options.maniple] + words
        if words[:1] == ["run"] and ranks > 1:  # alone it needs no launcher, and mpirun takes a second to notice a failure
            command[:0] = [self.options.mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]
        folder = self.folders.get()
        try:
            for attempt in (1, 2, 3):
                result = subprocess.run(command, env=ENVIRONMENT, cwd=folder, capture_output=True, timeout=100)
                if result.returncode != 139 or attempt == 3:  # about one abort in 190 crashes mpirun itself
                    break
                self.repeated += 1
        finally:
            self.folders.put(folder)  # or the others would wait for it
        faults = []
        if result.stdout:
            faults.append("something on standard output: %r" % result.stdout[:200])
        if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", result.stderr):
            faults.append("control characters on standard error: %r" % result.stderr[:400])
        said = result.stderr.decode(errors="replace").replace(self.digest, "<SHA-256 of in.h5>")
        said = re.sub(r"^\[warn\] Epoll .*\n", "", said, flags=re.MULTILINE)  # mpirun's own, now and then, after an abort
        said = re.sub(r" \(on rank \d+\)$", "", said, flags=re.MULTILINE)
        return "exit %d\n%s" % (result.returncode, said), faults

    def check(self, job):
        """All that is wrong with what is said about `job`; the golden text is written if that is asked for."""
        path, expected = expected_of(job)
        faults = []
        said = None
        by_ranks = self.options.command == "run" and words_of(job, "run")[:1] == ["run"]
        for ranks in (1, 2) if by_ranks else (1,):
            text, wrong = self.call(job, ranks)
            faults += wrong
            if said is not None and text != said:
                faults.append("on 2 ranks it is\n%s--- and on one\n%s" % (text, said))
            said = said or text
        if self.options.update and not faults:
            with open(path, "w") as file:
                file.write(said)
        elif said != expected:
            faults.append("expected\n%s--- found\n%s" % (expected, said))
        if said.startswith("exit 0\n"):
            faults.append("it was taken for a good job")
        return faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("maniple")
    parser.add_argument("mpiexec")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--command", default="run", choices=("run", "check", "plan"))
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    options.maniple = os.path.abspath(options.maniple)
    names = sorted(name[:-5] for name in os.listdir(JOBS) if name.endswith(".yaml"))
    jobs = [name for name in names if options.only in name]
    if options.command != "run":
        jobs = [name for name in jobs if not first_line(name).startswith(NEEDS_A_RUN)]
    folder = tempfile.mkdtemp(prefix="maniple-wrong-jobs-")
    make_inputs(folder)
    for job in jobs:
        shutil.copy(os.path.join(JOBS, job + ".yaml"), folder)
    before = sorted(os.listdir(folder))
    folders = [folder] + ["%s-%d" % (folder, copy) for copy in range(1, AT_ONCE)]
    for copy in folders[1:]:
        shutil.copytree(folder, copy)
    runs = Runs(options, folders)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for job, faults in zip(jobs, pool.map(runs.check, jobs)):
            failed += bool(faults)
            for fault in faults:
                print("BAD   %s: %s" % (job, fault), flush=True)
    left = sorted({name for copy in folders for name in os.listdir(copy)} - set(before))
    if left:
        print("BAD   left behind: %s" % left)
    for copy in folders:
        shutil.rmtree(copy)
    print("%d wrong jobs, %d failures, %d runs repeated" % (len(jobs), failed + bool(left), runs.repeated))
    return 1 if failed or left else 0


if __name__ == "__main__":
    sys.exit(main())
