#!/usr/bin/env python3
"""No file, whatever its bytes, does more than end a run with 66 and one line, soon, on 1 and on 2 ranks.

    hostile_test.py MANIPLE MPIEXEC [--no-limits] [--only WORD]

Each run may take 2 s more of real or of processor time (the smaller one: the machine may be busy) than that of a job
whose file is missing. --no-limits (under sanitizers) does not look at the time.
"""
import concurrent.futures
import os
import re
import shutil
import sys
import tempfile
import time

from hostile_files import hostile_files

AT_ONCE = 4  # mpirun takes a second to notice a failure and sleeps meanwhile
SECONDS = 2.0
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_opal_signal="")
MPIRUN = ["--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "60", "-n"]


class Runs:
    def __init__(self, maniple, mpiexec, folder):
        self.maniple = maniple
        self.mpiexec = mpiexec
        self.folder = folder

    def run(self, name, source, ranks):
        """Exit code, standard error and seconds."""
        base = os.path.join(self.folder, "%s.%d" % (name, ranks))
        with open(base + ".yaml", "w") as job:
            job.write("maniple: 1\nname: hostile\ninputs: {u: '%s'}\ngraph: {v: u + 1}\n" % source)
            job.write("outputs: {v: %s.%d.out.h5:/v}\n" % (name, ranks))
        words = [self.maniple, "run", base + ".yaml", "--quiet", "--no-report", "--threads", "1", "--lanes", "cpu"]
        if ranks > 1:
            words[:0] = [self.mpiexec] + MPIRUN + [str(ranks)]
        begin = time.time()
        with open(base + ".said", "wb") as said:
            files = [(os.POSIX_SPAWN_DUP2, said.fileno(), 1), (os.POSIX_SPAWN_DUP2, said.fileno(), 2)]
            child = os.posix_spawnp(words[0], words, ENVIRONMENT, file_actions=files)
            _, status, usage = os.wait4(child, 0)
        seconds = min(time.time() - begin, usage.ru_utime + usage.ru_stime)
        with open(base + ".said", "rb") as said:
            return os.waitstatus_to_exitcode(status), said.read(), seconds

    def check(self, case, ranks, limit):
        """What is wrong with the end of one run."""
        name, source, fails = case
        code, said, seconds = self.run(name, source, ranks)
        if code == 139 and ranks > 1 and b"error:" not in said:  # about one abort in 190 crashes mpirun itself
            code, said, seconds = self.run(name, source, ranks)
        faults = []
        errors = re.findall(rb"^.*\berror: .*$", said, re.MULTILINE)
        if code == 66:
            if len(errors) != 1 or len(said.splitlines()) > 4:
                faults.append("not one error: " + said.decode(errors="replace"))
        elif fails or code != 0:
            faults.append("exit %d: %s" % (code, said.decode(errors="replace")))
        if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", said):
            faults.append("control characters: %r" % said)
        if seconds > limit:
            faults.append("%.2f s" % seconds)
        return ["%s on %d ranks: %s" % (name, ranks, fault) for fault in faults], code, errors


def main():
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    folder = tempfile.mkdtemp(prefix="maniple-hostile-")
    runs = Runs(os.path.abspath(sys.argv[1]), sys.argv[2], folder)
    cases = [case for case in hostile_files(folder) if only in case[0]]
    failed = refused = 0
    for ranks in (1, 2):
        limit = SECONDS + min(runs.run("trivial", "no_such.h5:/x", ranks)[2] for _ in range(3))
        if "--no-limits" in sys.argv:
            limit = 1000
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for case, (faults, code, errors) in zip(cases, pool.map(lambda case: runs.check(case, ranks, limit), cases)):
                refused += code == 66
                failed += bool(faults)
                for fault in faults:
                    print("BAD   " + fault, flush=True)
                if "--verbose" in sys.argv:
                    print(case[0], ranks, code, *errors)
    shutil.rmtree(folder)
    print("%d hostile files, %d of %d runs refused, %d failures" % (len(cases), refused, 2 * len(cases), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
