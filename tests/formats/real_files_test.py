#!/usr/bin/env python3
"""Files that others made: coastlines (GSHHG), climatologies (COADS, Levitus), and what h5py, PyTables and netCDF write.

    real_files_test.py MANIPLE MPIEXEC gshhg|climatology|pytables|h5py

Every data set of numbers is copied from inputs to outputs by `maniple run`, on 1 and on 2 ranks, and compared bit for bit
with what h5py reads; fields with missing values also masked, whole and in slices. Where the files are not installed the
test says so and ends with 77.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy

ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
MPIRUN = ["--quiet", "--oversubscribe", "--bind-to", "none", "-n"]
READ_AS = {"i1": "i4", "i2": "i4", "u2": "i4"}
FERRET = "/usr/share/ferret-vis/data"
failures = []


def expect(condition, what):
    if not condition:
        print("BAD   " + what, flush=True)
        failures.append(what)


def skip(what):
    print("SKIPPED: " + what, flush=True)
    sys.exit(77)


def gshhg_files(_):
    """Coastlines, borders and rivers of the Debian package gmt-gshhg-low, as they are."""
    files = sorted(glob.glob("/usr/share/gmt-gshhg/binned_*_[cl].nc"))
    if not files:
        skip("coastlines: no package gmt-gshhg-low")
    return files


def climatology_files(folder):
    """The climatologies of the Debian package ferret-datasets, made netCDF-4 (which is HDF5)."""
    if not shutil.which("nccopy"):
        skip("COADS and Levitus: no nccopy (package netcdf-bin)")
    targets = []
    for name in ("coads_climatology", "levitus_climatology"):
        source = os.path.join(FERRET, name + ".cdf")
        if not os.path.exists(source):
            skip("COADS and Levitus: no package ferret-datasets")
        targets.append(os.path.join(folder, name + ".h5"))
        subprocess.run(["nccopy", "-k", "nc4", "-d", "1", "-s", source, targets[-1]], check=True, timeout=100)
    return targets


def pytables_files(folder):
    """Arrays, compressed and extendible arrays as PyTables makes them, in both byte orders."""
    try:
        import tables
    except ImportError:
        skip("PyTables: no package python3-tables")
    path = os.path.join(folder, "pytables.h5")
    noise = numpy.random.default_rng(5)
    with tables.open_file(path, "w") as file:
        group = file.create_group("/", "measurements", "all of them")
        for code in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "f2", "f4", "f8"):
            values = (noise.normal(0, 50, (13, 7)) if code[0] == "f" else noise.integers(0, 100, (13, 7))).astype(code)
            file.create_array(group, "array_" + code, values, byteorder="big" if code[1] > "1" else None)
            filters = tables.Filters(complevel=5, complib="zlib", shuffle=True, fletcher32=True)
            file.create_carray(group, "carray_" + code, obj=values, filters=filters, chunkshape=(4, 7))
            earray = file.create_earray(group, "earray_" + code, tables.Atom.from_dtype(numpy.dtype(code)), (0, 7))
            earray.append(values)
            earray.append(values[::2])
        file.create_array("/", "scalar", 2.5)
        file.create_table("/", "table", {"x": tables.Float32Col()})
    return [path]


def h5py_files(folder):
    """As h5py writes them with its defaults, and with the file format's newest features."""
    paths = []
    for version in ("earliest", "latest"):
        path = os.path.join(folder, "h5py_%s.h5" % version)
        with h5py.File(path, "w", libver=version, userblock_size=512) as file:
            noise = numpy.random.default_rng(6)
            file["default"] = noise.normal(0, 1, (30, 20))
            file["booleans"] = noise.normal(0, 1, 30) > 0
            file.create_dataset("grows", data=noise.integers(0, 9, (9, 8)), maxshape=(None, 8), chunks=(2, 3))
            file.create_dataset("grows_both", data=noise.integers(0, 9, (9, 8)), maxshape=(None, None), compression=9)
            file.create_dataset("filled", (50, 50), "f4", chunks=(10, 10), fillvalue=3.5)[20:30, 5:45] = 1
            file.create_dataset("never_written", (5, 5), "i2", fillvalue=-3)
            file.create_dataset("empty", (0, 4), "f4")
            file["groups/in/groups"] = numpy.float32(4)
            file["soft"] = h5py.SoftLink("/groups/in/groups")
        paths.append(path)
    return paths


def data_sets(path):
    """Names of the data sets that have a type of maniple's; the others."""
    names, others = [], []

    def visit(name, thing):
        if isinstance(thing, h5py.Dataset):
            good = thing.dtype.kind in "iufb" and thing.dtype.str[1:] != "u8" and thing.dtype.itemsize <= 8
            (names if good else others).append(name)

    with h5py.File(path) as file:
        file.visititems(visit)
        names += [name for name in file if isinstance(file.get(name, getlink=True), h5py.SoftLink)]
    return names, others


def has_fill_value(dataset):
    return any(name in dataset.attrs for name in ("_FillValue", "missing_value"))


def cases_of(path):
    """Words of an input and the values that it must have."""
    with h5py.File(path) as file:
        for name in data_sets(path)[0]:
            dataset = file[name]
            values = numpy.asarray(dataset[()])
            code = values.dtype.str[1:]
            yield "{from: '%s:/%s'}" % (path, name), values.astype(READ_AS.get(code, code))
            if not has_fill_value(dataset) or values.ndim < 2:
                continue
            fills = numpy.concatenate([numpy.ravel(dataset.attrs.get(key, [])) for key in ("_FillValue", "missing_value")])
            slices = {"": (), "[0]": 0, "[..., ::7]": numpy.s_[..., ::7], "[1:, 5:40, -1]": numpy.s_[1:, 5:40, -1]}
            for text, index in slices.items():
                part = numpy.asarray(values[index])
                masked = part.astype("f4")
                masked[numpy.isin(part, fills.astype(part.dtype))] = numpy.nan
                yield "{from: '%s:/%s%s', mask: fill, dtype: f32}" % (path, name, text), masked


def same(found, wanted):
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return False
    if wanted.dtype.kind != "f":
        return numpy.array_equal(found, wanted)
    nan = numpy.isnan(wanted)
    return numpy.array_equal(numpy.isnan(found), nan) and found[~nan].tobytes() == wanted[~nan].tobytes()


def run(words, folder):
    return subprocess.run(words, env=ENVIRONMENT, cwd=folder, capture_output=True, timeout=200)


def test_files(paths, maniple, mpiexec, folder):
    """All of them in one job."""
    cases = [case for path in paths for case in cases_of(path)]
    with open(os.path.join(folder, "job.yaml"), "w") as job:
        job.write("maniple: 1\nname: real\ninputs:\n")
        job.writelines("  u%d: %s\n" % (number, words) for number, (words, _) in enumerate(cases))
        job.write("outputs:\n")
        job.writelines("  u%d: out.h5:/u%d\n" % (number, number) for number in range(len(cases)))
    for ranks in (1, 2):
        words = [maniple, "run", "job.yaml", "--quiet", "--no-report", "--threads", "1", "--lanes", "cpu"]
        result = run(([mpiexec] + MPIRUN + [str(ranks)] if ranks > 1 else []) + words, folder)
        expect(result.returncode == 0, "%d ranks: exit %d: %s"
               % (ranks, result.returncode, result.stderr.decode()[:2000]))
        if result.returncode != 0:
            continue
        with h5py.File(os.path.join(folder, "out.h5")) as file:
            for number, (words, wanted) in enumerate(cases):
                expect(same(numpy.asarray(file["u%d" % number][()]), wanted), "%s on %d ranks" % (words, ranks))
    return len(cases)


def test_others(path, maniple, folder):
    """What is no tensor is refused, by its type."""
    for name in data_sets(path)[1]:
        with open(os.path.join(folder, "other.yaml"), "w") as job:
            job.write("maniple: 1\nname: other\ninputs: {u: '%s:/%s'}\noutputs: {u: other.h5:/u}\n" % (path, name))
        result = run([maniple, "run", "other.yaml", "--quiet", "--no-report"], folder)
        expect(result.returncode == 66 and b"which maniple does not have" in result.stderr,
               "%s:/%s: exit %d: %s" % (path, name, result.returncode, result.stderr.decode()))


def test_as_netcdf(maniple, folder):
    """A result made from masked netCDF data is netCDF: ncdump shows its coordinates, units and missing values."""
    with open(os.path.join(folder, "job.yaml"), "w") as job:
        job.write("maniple: 1\nname: levitus\ninputs: {t: {from: 'levitus_climatology.h5:/TEMP[:2, 80:84, 100:104]', "
                  "mask: fill, dtype: f32}}\ngraph: {warm: t + 0}\noutputs: {t: nc.h5:/TEMP, warm: nc.h5:/warm}\n")
    result = run([maniple, "run", "job.yaml", "--quiet", "--no-report", "--overwrite"], folder)
    expect(result.returncode == 0, "Levitus as netCDF: %s" % result.stderr.decode())
    dump = run(["ncdump", "nc.h5"], folder)
    text = dump.stdout.decode()
    for part in ("float TEMP(ZAXLEVITR, YAXLEVITR, XAXLEVITR)", "TEMP:units = \"DEG C\"", "TEMP:_FillValue = NaNf",
                 "XAXLEVITR:units = \"degrees_east\""):
        expect(dump.returncode == 0 and part in text, "ncdump shows no %r:\n%s" % (part, text[:3000]))


SOURCES = {"gshhg": gshhg_files, "climatology": climatology_files, "pytables": pytables_files, "h5py": h5py_files}


def main():
    maniple, mpiexec, source = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
    folder = tempfile.mkdtemp(prefix="maniple-real-files-")
    try:
        paths = SOURCES[source](folder)
        count = test_files(paths, maniple, mpiexec, folder)
        for path in paths:
            test_others(path, maniple, folder)
        if source == "climatology":
            test_as_netcdf(maniple, folder)
    finally:
        shutil.rmtree(folder)
    print("%s: %d files, %d inputs, %d failures" % (source, len(paths), count, len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
