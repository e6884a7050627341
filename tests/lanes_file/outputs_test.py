"""Outputs as others see them: h5py, ncdump, a full disk. Usage: outputs_test.py COMMAND… (which runs sample)."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy

COMMAND = []
FERRET = pathlib.Path("/usr/share/ferret-vis/data/levitus_climatology.cdf")


def sample(*arguments):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True)


def ncdump(file):
    return subprocess.run(["ncdump", "-h", str(file)], capture_output=True, text=True)


class Outputs(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="maniple-outputs-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, *arguments):
        result = sample(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stderr

    def test_h5py_reads_every_type(self):
        file = self.folder / "every.h5"
        self.write("every", file)
        numbers = numpy.arange(20).reshape(5, 4) % 97
        types = {"f32": "f4", "f64": "f8", "f16": "f2", "i32": "i4", "i64": "i8", "u8": "u1", "u32": "u4", "bool": "?"}
        with h5py.File(file) as f:
            for name, dtype in types.items():
                data = f["types"][name]
                self.assertEqual(data.dtype, numpy.dtype(dtype), name)
                wanted = numbers % 2 if name == "bool" else numbers
                numpy.testing.assert_array_equal(data[...], wanted.astype(dtype))
            self.assertEqual(f["scalar"].shape, ())
            self.assertEqual(f["scalar"][()], 0.0)
            self.assertEqual(f["empty"].shape, (0, 3))
            self.assertEqual(f["types/f32"].attrs["units"], "kelvin")
            self.assertEqual(f["types/f32"].attrs["flag"], True)
            self.assertEqual(list(f["types/f32"].attrs["levels"]), [1, 2])
            self.assertEqual(f["history/u"].shape, (3, 4))
            numpy.testing.assert_array_equal(f["history/u"][1], [1, 2, 3, 4])
            self.assertEqual(f["history/none"].shape, (0,))
            numpy.testing.assert_array_equal(f["history/u"].dims[0][0][...], [10, 20, 30])
            self.assertEqual(f.attrs["maniple_complete"], 1)
            self.assertEqual(f["maniple"].attrs["job_name"], "sample")
            self.assertEqual(list(f["maniple"].attrs["hosts"]), ["a", "b"])
            self.assertIn("checksums/types/f32", f["maniple"])

    def test_ncdump_reads_grids(self):
        if not FERRET.exists() or shutil.which("nccopy") is None:
            self.skipTest("no netCDF data here")
        grid, file = self.folder / "grid.nc", self.folder / "out.h5"
        subprocess.run(["nccopy", "-k", "nc4", "-d", "1", "-s", FERRET, grid], check=True)
        self.write("grid", file, grid, "/TEMP")
        shown = ncdump(file)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("float copy(", shown.stdout)
        with h5py.File(file) as out, h5py.File(grid) as source:
            numpy.testing.assert_array_equal(out["copy"][...], source["TEMP"][...])
            numpy.testing.assert_array_equal(out["history"][1], source["TEMP"][...])
            for name in ("units", "long_name", "_FillValue"):
                if name in source["TEMP"].attrs:
                    self.assertEqual(out["copy"].attrs[name], source["TEMP"].attrs[name], name)
            for axis in range(source["TEMP"].ndim):
                ours, theirs = out["copy"].dims[axis][0], source["TEMP"].dims[axis][0]
                self.assertEqual(ours.name.rsplit("/")[-1], theirs.name.rsplit("/")[-1])
                numpy.testing.assert_array_equal(ours[...], theirs[...])
                self.assertEqual(ours.attrs.get("units"), theirs.attrs.get("units"))
            self.assertEqual(out["partly"].dims[0][0].name, f"/axis_{source['TEMP'].shape[0]}")
        self.assertIn("float history(history_step, ", shown.stdout)

    def test_ncdump_reads_every_type_that_netcdf_has(self):
        file = self.folder / "every.h5"
        self.write("every", file)
        shown = ncdump(file)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("double u(u_step, axis_4) ;", shown.stdout)
        self.assertIn("double none(none_step) ;", shown.stdout)

    def test_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        disk = self.folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk]
        mounted = subprocess.run(mount, capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"no mount here: {mounted.stderr}")
        self.addCleanup(subprocess.run, ["umount", disk], check=False)
        self.write("large", disk / "a.h5", 100_000)
        before = (disk / "a.h5").read_bytes()
        codes = set()
        # Around the size that just fits, every step of writing meets the full disk once.
        for size in (*range(908_000, 948_000, 4096), 2_000_000, 50_000_000):
            result = sample("large", disk / "a.h5", size)
            codes.add(result.returncode)
            self.assertIn(result.returncode, (0, 74), f"{size}: {result.stderr}")
            self.assertEqual(os.listdir(disk), ["a.h5"])
            if result.returncode == 0:
                with h5py.File(disk / "a.h5") as f:
                    numpy.testing.assert_array_equal(f["large"][...], numpy.arange(size // 4) % 97)
                (disk / "a.h5").unlink()
                self.write("large", disk / "a.h5", 100_000)
                before = (disk / "a.h5").read_bytes()
            else:
                self.assertEqual((disk / "a.h5").read_bytes(), before)
        self.assertEqual(codes, {0, 74})
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass
        self.assertEqual(sample("large", disk / "a.h5", 100_000).returncode, 74)
        filler.unlink()
        self.write("large", disk / "a.h5", 200_000)


if __name__ == "__main__":
    COMMAND = sys.argv[1:]
    unittest.main(argv=sys.argv[:1], verbosity=2)
