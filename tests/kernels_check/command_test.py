#!/usr/bin/env python3
"""`maniple kernels`: what it prints and its exit codes.

    command_test.py MANIPLE CHEATS.so
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

MANIPLE, CHEATS = sys.argv[1:3]


def kernels(*words):
    return subprocess.run([MANIPLE, "kernels", *words], capture_output=True, text=True, timeout=100)


class Kernels(unittest.TestCase):
    def good(self, *words):
        done = kernels(*words)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def refused(self, code, *words):
        done = kernels(*words)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        return done.stderr

    def test_list(self):
        text = self.good("list")
        self.assertEqual(text, self.good())
        rows = {line.split()[0]: line for line in text.splitlines()}
        self.assertIn("u[y±1, x], u[y, x±1] -> v[y, x]", rows["heat_step"])
        self.assertRegex(rows["heat_step"], r"f32 f64 f16 +cpu( gpu\S*)? .*exact$")
        self.assertRegex(rows["sqrt"], r" -$")
        self.assertIn("exact(i32->i64", rows["sum"])
        self.assertEqual(list(rows), sorted(rows))

    def test_show(self):
        text = self.good("show", "heat_step")
        self.assertIn("five-point", text)
        self.assertIn("alpha: real, required: the diffusion number", text)
        self.assertIn("boundary: clamp, zero or periodic, default clamp", text)
        self.assertRegex(text, r"f32->f32: cpu \(.*\).*, exact, 8 bytes a point")
        self.assertIn("operations: 7 a point", text)
        self.assertIn("tolerance 16 eps", self.good("show", "sum"))
        self.assertIn("axis: integer, required", self.good("show", "slice"))
        self.assertIn("axis: integer, required", self.good("show", "concat"))
        self.assertIn("shape: an integer or a list of them, required", self.good("show", "reshape"))

    def test_check(self):
        text = self.good("check", "heat_step")
        first, last = text.splitlines()
        self.assertRegex(first, r"^ok    heat_step  3 types, \d lanes, [\d,]+ cases$")
        self.assertRegex(last, r"^1 kernel: all good \([\d,]+ cases on checked, ")
        self.assertEqual(text, self.good("check", "heat_step", "--seed", "5"))

    def test_check_of_a_pack(self):
        done = kernels("check", CHEATS)
        self.assertEqual((done.returncode, done.stderr), (70, ""))
        lines = done.stdout.splitlines()
        for name, fault in [("reads_far", "reads outside of the declared boxes"), ("skips_one", "leaves elements unwritten"),
                            ("writes_past", "writes outside of its box"), ("reads_output", "reads what stands in its outputs"),
                            ("wrong_count", "declares a wrong number of operations")]:
            at = next(i for i, line in enumerate(lines) if line.startswith(f"FAIL  {name} "))
            self.assertIn(fault, lines[at + 1])
        self.assertTrue(any(line.startswith("ok    honest ") for line in lines))
        self.assertRegex(lines[-1], r"^11 kernels: (8|9) failed ")
        self.assertIn("5 operations a point are declared, the body has 2", done.stdout)

    def test_wrong_usage(self):
        self.assertIn("did you mean 'heat_step'?", self.refused(64, "show", "heat_stp"))
        self.assertIn("did you mean 'heat_step'?", self.refused(64, "check", "heat_stp"))
        self.assertIn("did you mean 'check'?", self.refused(64, "chek"))
        self.refused(64, "show")
        self.refused(64, "list", "abs")
        self.refused(64, "check", "abs", "add")
        self.refused(64, "check", "--sed", "1")
        self.refused(64, "check", "--seed", "x")
        self.assertIn("not built in yet", self.refused(69, "bench", "abs"))
        self.assertIn("--seed N", self.good("check", "--help"))

    def test_refused_packs(self):
        self.assertIn("No such file", self.refused(69, "check", "./none.so"))
        with tempfile.TemporaryDirectory() as folder:
            pack = shutil.copy(CHEATS, folder)
            os.chmod(pack, 0o777)
            self.assertIn("can be written by its group or by others", self.refused(69, "check", pack))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
