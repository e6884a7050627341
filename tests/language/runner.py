"""What the tests of the job language share: folders, runs of the program on some ranks, and a tally of what held."""
import os
import shutil
import subprocess
import sys
import tempfile

maniple, mpiexec = sys.argv[1:3]
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
failures = []


def expect(condition, what):
    if not condition:
        print("BAD   " + what, flush=True)
        failures.append(what)


class Folder:
    """A temporary folder with one job."""

    def __init__(self, text):
        self.path = tempfile.mkdtemp(prefix="maniple-language-")
        self.job = self.file("job.yaml")
        with open(self.job, "w") as job:
            job.write(text)

    def file(self, name):
        return os.path.join(self.path, name)

    def run(self, ranks, *options):
        words = [mpiexec, "--quiet", "--oversubscribe", "--bind-to", "none", "--timeout", "100", "-n", str(ranks)]
        words += [maniple, "run", self.job, "--threads", "1", "--no-history", "--no-report", "--quiet", *options]
        return subprocess.run(words, env=environment, capture_output=True, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        shutil.rmtree(self.path)


def finish(counted, what):
    print("%d %s, %d failures" % (counted, what, len(failures)))
    sys.exit(1 if failures or counted == 0 else 0)
