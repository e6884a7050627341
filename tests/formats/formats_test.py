#!/usr/bin/env python3
"""What HDF5 files may look like: every type, byte order and layout, masks, and data in other files.

    formats_test.py MANIPLE MPIEXEC

One job copies many random data sets, of which some are sliced, converted or masked, from inputs to outputs, on 1 and
on 2 ranks, and is compared bit for bit with what h5py reads. Then the ways into other files, allowed and refused.
"""
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy

ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
MPIRUN = ["--quiet", "--oversubscribe", "--bind-to", "none", "-n"]
TYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "f2", "f4", "f8"]
READ_AS = {"i1": "i4", "i2": "i4", "u2": "i4"}
LAYOUTS = {
    "contiguous": {},
    "chunked": {"chunks": True},
    "gzip": {"chunks": True, "compression": "gzip"},
    "gzip_shuffle": {"chunks": True, "compression": "gzip", "compression_opts": 9, "shuffle": True},
    "checksum": {"chunks": True, "fletcher32": True, "shuffle": True},
    "extendible": {"chunks": True, "maxshape": True},
}
failures = []


def expect(condition, what):
    if not condition:
        print("BAD   " + what, flush=True)
        failures.append(what)


class Case:
    """One input: its words in the job, and what it must become."""

    def __init__(self, words, wanted):
        self.words = words
        self.wanted = wanted


def random_values(rng, code, shape):
    """Values of the whole range of a type, NaN and infinities included."""
    dtype = numpy.dtype(code)
    noise = numpy.random.default_rng(rng.randrange(1 << 30))
    if dtype.kind == "f":
        values = noise.normal(0, 100, shape).astype(dtype)
        special = [numpy.nan, numpy.inf, -numpy.inf, -0.0, numpy.finfo(dtype).tiny / 2]
        for value in special:
            values[noise.random(shape) < 0.05] = value
        return values
    limits = numpy.iinfo(dtype)
    return noise.integers(limits.min, limits.max, shape, dtype.newbyteorder("="), endpoint=True).astype(dtype)


def random_slice(rng, shape):
    """As text and as numpy has it."""
    items = []
    for extent in shape[:rng.randint(1, len(shape))]:
        start, stop = sorted(rng.randint(0, extent) for _ in range(2))
        items.append(rng.choice([str(rng.randrange(extent)), "%d:%d" % (start, stop), "::%d" % rng.randint(1, 3), ":"]))
    text = "[" + ", ".join(items) + "]"
    return text, eval("numpy.s_" + text)  # pylint: disable=eval-used


def make_compact(file, name, values):
    """A data set whose values stand in its header."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(values.shape) if values.shape else h5py.h5s.create(h5py.h5s.SCALAR)
    dataset = h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(values.dtype), space, properties)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values)


def layout_cases(rng, file):
    layouts = list(LAYOUTS) + ["compact"]
    for number, (code, order, layout) in enumerate(itertools.product(TYPES, "<>", layouts)):
        shape = tuple(rng.randint(1, 9) for _ in range(rng.randint(1, 4)))
        values = random_values(rng, order + code, shape)
        name = "layout_%d" % number
        if layout == "compact":
            make_compact(file, name, values)
        else:
            options = dict(LAYOUTS[layout])
            if "maxshape" in options:
                options["maxshape"] = (None,) * len(shape)
            file.create_dataset(name, data=values, **options)
        text, index = random_slice(rng, shape) if rng.random() < 0.7 else ("", ())
        wanted = file[name][index].astype(READ_AS.get(code, code))
        yield name, Case('"in/in.h5:/%s%s"' % (name, text), wanted)
    for number in range(4):
        name, code = "scalar_%d" % number, TYPES[number * 2 + 1]
        file[name] = random_values(rng, code, ())[()]
        yield name, Case("in/in.h5:/" + name, numpy.asarray(file[name][()]).astype(READ_AS.get(code, code)))


def masked(values, fills, dtype):
    """`values` as `dtype` with NaN for each that is one of `fills`."""
    with numpy.errstate(over="ignore", invalid="ignore"):
        result = values.astype(dtype)
    for fill in fills:
        result[numpy.isnan(values) if fill != fill else values == fill] = numpy.nan
    return result


def mask_cases(rng, file):
    for number in range(60):
        code = rng.choice(TYPES)
        shape = tuple(rng.randint(1, 7) for _ in range(rng.randint(1, 3)))
        values = random_values(rng, rng.choice("<>") + code, shape)
        if code[0] == "f" and rng.random() < 0.5:
            fills = [rng.choice([numpy.nan, -1e34, -9999.0, numpy.inf])]
        else:
            fills = [values.flat[rng.randrange(values.size)].item() for _ in range(rng.randint(1, 3))]
        with numpy.errstate(over="ignore"):
            fills = numpy.array(fills, code)
        noise = numpy.random.default_rng(number)
        values[noise.random(shape) < 0.3] = fills[0]
        name = "mask_%d" % number
        dataset = file.create_dataset(name, data=values, **LAYOUTS[rng.choice(["contiguous", "gzip_shuffle"])])
        dataset.attrs["_FillValue" if number % 3 else "missing_value"] = fills[:1] if number % 2 else fills[0]
        known = fills[:1]
        if len(fills) > 1:
            dataset.attrs["missing_value" if number % 3 else "_FillValue"] = fills[1:].astype(rng.choice("<>") + code)
            known = fills
        dtype = code if code[0] == "f" and rng.random() < 0.5 else rng.choice(["f4", "f8", "f2"])
        words = "" if dtype == code else ", dtype: f%d" % (8 * int(dtype[1]))
        text, index = random_slice(rng, shape) if rng.random() < 0.5 else ("", ())
        wanted = masked(numpy.asarray(dataset[index]), [value.item() for value in known], dtype)
        yield name, Case('{from: "in/in.h5:/%s%s", mask: fill%s}' % (name, text, words), wanted)
    # Attributes of another type than the data: rounded to floats, exact for integers, never clipped.
    for name, values, fill, wanted in (
            ("wide", numpy.array([1, -1e34, 2], "f4"), numpy.float64(-1e34), [1, numpy.nan, 2]),
            ("integer", numpy.array([1, -999, 2], "f4"), numpy.int16(-999), [1, numpy.nan, 2]),
            ("clipped", numpy.array([2147483647, 5], "i4"), numpy.float64(1e20), [2147483647, 5]),
            ("fraction", numpy.array([8, 5], "i2"), numpy.float32(8.5), [8, 5]),
            ("negative", numpy.array([0, 255], "u1"), numpy.int8(-1), [0, 255]),
            ("infinite", numpy.array([numpy.inf, 1], "f4"), numpy.float64(1e300), [numpy.inf, 1])):
        dataset = file.create_dataset("odd_" + name, data=values)
        dataset.attrs["_FillValue"] = fill
        yield "odd_" + name, Case("{from: in/in.h5:/odd_%s, mask: fill, dtype: f64}" % name, numpy.array(wanted, "f8"))


def external_cases(folder, file):
    """Links, raw storage and virtual data sets, all in the folder `in`, named as h5py's users name them."""
    x = numpy.arange(24, dtype=">i2").reshape(4, 6)
    with h5py.File(os.path.join(folder, "in", "far.h5"), "w") as far:
        far["x"] = x
        far.create_dataset("group/gzip", data=x, compression="gzip")
        far["again"] = h5py.ExternalLink("in.h5", "/behind")
    file["behind"] = x + 1
    file["link"] = h5py.ExternalLink("far.h5", "/x")
    file["folder"] = h5py.ExternalLink("far.h5", "/group")
    file["there_and_back"] = h5py.ExternalLink("far.h5", "/again")
    file["soft"] = h5py.SoftLink("/link")
    raw = os.path.join(folder, "in", "raw.bin")
    with open(raw, "wb") as data:
        data.write(b"head" + numpy.arange(10, dtype="<f4").tobytes())
    file.create_dataset("raw", (10,), "<f4", external=[(raw, 4, 12), (raw, 16, h5py.h5f.UNLIMITED)])
    layout = h5py.VirtualLayout((8, 6), "i4")
    layout[::2] = h5py.VirtualSource("far.h5", "/x", shape=(4, 6))
    layout[1:7:2, 3:] = h5py.VirtualSource(".", "/behind", shape=(4, 6))[1:, :3]
    file.create_virtual_dataset("virtual", layout, fillvalue=-5)
    layout = h5py.VirtualLayout((8,), "f8")
    layout[:] = h5py.VirtualSource(".", "/virtual", shape=(8, 6))[:, 4]
    file.create_virtual_dataset("virtual_of_virtual", layout)
    wanted = numpy.full((8, 6), -5, "i4")
    wanted[::2] = x
    wanted[1:7:2, 3:] = x[1:, :3] + 1
    for name, path, values in (("link", "link", x), ("folder", "folder/gzip", x), ("back", "there_and_back", x + 1),
                               ("soft", "soft", x), ("raw", "raw", numpy.arange(10, dtype="f4")),
                               ("virtual", "virtual", wanted), ("nested", "virtual_of_virtual", wanted[:, 4] * 1.0)):
        dtype = READ_AS.get(values.dtype.str[1:], values.dtype)
        yield name, Case("{from: in/in.h5:/%s, allow: [external]}" % path, values.astype(dtype))


def write_job(path, cases, output):
    with open(path, "w") as job:
        job.write("maniple: 1\nname: formats\ninputs:\n")
        job.writelines("  %s: %s\n" % (name, case.words) for name, case in cases.items())
        job.write("outputs:\n")
        job.writelines("  %s: %s:/%s\n" % (name, output, name) for name in cases)


def run(maniple, mpiexec, ranks, job, folder):
    command = [maniple, "run", job, "--quiet", "--no-report", "--threads", "1", "--lanes", "cpu"]
    if ranks > 1:
        command[:0] = [mpiexec] + MPIRUN + [str(ranks)]
    return subprocess.run(command, env=ENVIRONMENT, cwd=folder, capture_output=True, timeout=100)


def test_copies(maniple, mpiexec, folder):
    rng = random.Random(20)
    cases = {}
    with h5py.File(os.path.join(folder, "in", "in.h5"), "w") as file:
        for source in (layout_cases(rng, file), mask_cases(rng, file), external_cases(folder, file)):
            cases.update(source)
    write_job(os.path.join(folder, "job.yaml"), cases, "out.h5")
    for ranks in (1, 2):
        # Not in the job's folder: what is beside a file is found from anywhere.
        result = run(maniple, mpiexec, ranks, os.path.join(folder, "job.yaml"), os.path.join(folder, "in"))
        expect(result.returncode == 0, "%d ranks: exit %d: %s" % (ranks, result.returncode, result.stderr.decode()[:2000]))
        if result.returncode != 0:
            continue
        with h5py.File(os.path.join(folder, "out.h5")) as file:
            for name, case in cases.items():
                found = file[name][()]
                same = (found.dtype == case.wanted.dtype and found.shape == case.wanted.shape
                        and numpy.array_equal(numpy.isnan(found), numpy.isnan(case.wanted))
                        and numpy.where(numpy.isnan(found), 0, found).astype(found.dtype).tobytes()
                        == numpy.where(numpy.isnan(case.wanted), 0, case.wanted).astype(found.dtype).tobytes())
                expect(same, "%s (%s) on %d ranks: wanted %r, found %r" % (name, case.words, ranks, case.wanted, found))
                if "mask: fill" in case.words:
                    fill = file[name].attrs.get("_FillValue", file[name].attrs.get("missing_value"))
                    expect(numpy.all(numpy.isnan(fill)), "%s: the fill value of the result is %r" % (name, fill))
    return len(cases)


NUMBERS = {"scale_factor": 0.5, "add_offset": 10.0, "valid_range": numpy.array([-5, 5], "i2"), "valid_min": numpy.int16(-5),
           "valid_max": numpy.int16(5), "_FillValue": numpy.int16(-999), "missing_value": numpy.int16(-998),
           "flag_values": numpy.array([1, 2], "i2"), "flag_meanings": "one two"}


def test_attributes(maniple, folder):
    """What says how numbers are to be read goes with these numbers only, and never with computed ones."""
    with h5py.File(os.path.join(folder, "in", "packed.h5"), "w") as file:
        for name, dtype in (("i2", "i2"), ("i4", "i4"), ("u1", "u1"), ("f4", "f4"), ("i1", "i1")):
            file[name] = numpy.arange(6, dtype=dtype)
            file[name].attrs["units"] = "K"
            if name == "i2":
                file[name].attrs.update(NUMBERS)
        file["i4"].attrs["_FillValue"] = numpy.int32(-1)
        file["u1"].attrs["_FillValue"] = numpy.uint8(255)
        file["f4"].attrs["_FillValue"] = numpy.float32(3)
        file["i1"].attrs.update({"_Unsigned": "true", "scale_factor": 0.5, "_FillValue": numpy.int8(-1)})
    with open(os.path.join(folder, "attributes.yaml"), "w") as job:
        job.write("maniple: 1\nname: attributes\ninputs:\n")
        job.writelines("  %s: in/packed.h5:/%s\n" % (name, name) for name in ("i2", "i4", "u1", "f4", "i1"))
        job.write("  wide: {from: in/packed.h5:/i2, dtype: f64}\n  masked: {from: in/packed.h5:/f4, mask: fill}\n"
                  "  went: in/packed.h5:/i4\n"
                  "graph:\n  y: i2 * 0.5 + 10\n  narrow: cast(i4, dtype=u8)\n  more: i4 + 1\n  twice: u1 + u1\n  same: cast(f4 == f4, dtype=u8)\n"
                  "  float: f4 + 1\n  masked2: masked + 1\n  whole: cast(masked2 == masked2, dtype=i32)\n  on: went + 1\n"
                  "loop: {steps: 2, carry: {went: on}}\noutputs:\n")
        names = ("i2", "i4", "u1", "f4", "i1", "wide", "masked", "went", "y", "narrow", "more", "twice", "same", "float",
                 "masked2", "whole")
        job.writelines("  %s: attributes.h5:/%s\n" % (name, name) for name in names)
    result = run(maniple, "", 1, "attributes.yaml", folder)
    expect(result.returncode == 0, "attributes: %s" % result.stderr.decode())
    wanted = {name: {} for name in names}
    wanted["i2"] = NUMBERS
    wanted["wide"] = {name: value for name, value in NUMBERS.items() if name not in ("_FillValue", "missing_value")}
    wanted["i4"], wanted["u1"], wanted["f4"] = {"_FillValue": -1}, {"_FillValue": 255}, {"_FillValue": 3}
    wanted["masked"] = wanted["masked2"] = {"_FillValue": numpy.nan}
    with h5py.File(os.path.join(folder, "attributes.h5")) as file:
        for name, attributes in wanted.items():
            found = {key: value for key, value in file[name].attrs.items() if key != "units" and key.isascii()
                     and key not in ("CLASS", "NAME", "DIMENSION_LIST")}
            same = set(found) == set(attributes) and all(
                numpy.array_equal(numpy.ravel(found[key]), numpy.ravel(value))
                or (value != value and numpy.isnan(found[key]).all()) for key, value in attributes.items())
            expect(same and file[name].attrs["units"] == "K",
                   "attributes of %s: wanted %s, found %s" % (name, attributes, found))
    return len(wanted)


def refused_cases(folder):
    """Words of an input, a part of the message."""
    path = os.path.join(folder, "in", "refused.h5")
    with h5py.File(path, "w") as file:
        file["integers"] = numpy.arange(3, dtype="i2")
        file["integers"].attrs["_FillValue"] = numpy.int16(-1)
        file["plain"] = numpy.arange(3, dtype="f4")
        file["text"] = numpy.arange(3, dtype="f4")
        file["text"].attrs["_FillValue"] = "none"
        file["no_file"] = h5py.ExternalLink("nowhere.h5", "/x")
        file["no_dataset"] = h5py.ExternalLink("far.h5", "/y")
        file["round"] = h5py.ExternalLink("refused.h5", "/round")
        file["pipe"] = h5py.ExternalLink("pipe.h5", "/x")
        file["no_folder"] = h5py.ExternalLink("/", "/x")
        file["far_link"] = h5py.ExternalLink("far.h5", "/x")
        short = os.path.join(folder, "in", "raw.bin")
        for name, raw, count in (("raw_missing", "nowhere.bin", 4), ("raw_short", short, 4000), ("raw_folder", folder, 4),
                                 ("raw_passwd", "/etc/passwd", 4)):
            file.create_dataset(name, (count,), "f4", external=[(raw, 0, h5py.h5f.UNLIMITED)])
        for name, source, dataset, shape in (("virtual_no_file", "nowhere.h5", "x", (4, 6)),
                                             ("virtual_no_dataset", "far.h5", "y", (4, 6)),
                                             ("virtual_smaller", "far.h5", "x", (40, 6)),
                                             ("virtual_itself", ".", "virtual_itself", (4, 6)),
                                             ("virtual_of_text", ".", "strings", (4, 6)),
                                             ("virtual_far", "far.h5", "x", (4, 6))):
            layout = h5py.VirtualLayout(shape, "i2")
            layout[...] = h5py.VirtualSource(source, dataset, shape=shape)[...]
            file.create_virtual_dataset(name, layout, fillvalue=7)
        file.create_dataset("strings", data=[b"a"] * 3)
        space = h5py.h5s.create_simple((4, 6), (h5py.h5s.UNLIMITED, 6))
        space.select_hyperslab((0, 0), (h5py.h5s.UNLIMITED, 1), (1, 1), (1, 6))
        source = h5py.h5s.create_simple((4, 6), (h5py.h5s.UNLIMITED, 6))
        source.select_hyperslab((0, 0), (h5py.h5s.UNLIMITED, 1), (1, 1), (1, 6))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_virtual(space, b"far.h5", b"x", source)
        grows = h5py.h5s.create_simple((4, 6), (h5py.h5s.UNLIMITED, 6))
        h5py.h5d.create(file.id, b"virtual_unlimited", h5py.h5t.STD_I16LE, grows, properties)
    os.mkfifo(os.path.join(folder, "in", "pipe.h5"))
    allowed = "{from: in/refused.h5:/%s, allow: [external]}"
    yield "{from: in/refused.h5:/integers, mask: fill}", 65, "write dtype: f32 or f64"
    yield "{from: in/refused.h5:/plain, mask: fill}", 66, "data set '/plain' of 'in/refused.h5' has neither '_FillValue'"
    yield "{from: in/refused.h5:/text, mask: fill}", 66, "has no numbers in '_FillValue'"
    yield "in/refused.h5:/far_link", 66, "external link to far.h5:/x, which maniple does not follow; 'allow: [external]'"
    yield "in/refused.h5:/raw_passwd", 66, "external raw storage"
    yield "in/refused.h5:/virtual_far", 66, "is a virtual data set"
    for name, message in (("no_file", "nowhere.h5:/x, and there is no such file"), ("no_dataset", "'y' doesn't exist"),
                          ("round", "too many links"), ("pipe", "not a regular file"), ("no_folder", "not a regular"),
                          ("raw_missing", "'nowhere.bin', which is not there"), ("raw_short", "too short"),
                          ("raw_folder", "no regular file"), ("virtual_no_file", "no file 'nowhere.h5'"),
                          ("virtual_no_dataset", "no data set 'y'"),
                          ("virtual_smaller", "more of 'x' of 'far.h5' than its shape [4, 6]"),
                          ("virtual_itself", "a source of itself"), ("virtual_of_text", "holds strings"),
                          ("virtual_unlimited", "unlimited")):
        yield allowed % name, 66, message


def test_refusals(maniple, mpiexec, folder):
    count = 0
    for words, code, message in refused_cases(folder):
        count += 1
        write_job(os.path.join(folder, "wrong.yaml"), {"u": Case(words, None)}, "wrong.h5")
        result = run(maniple, mpiexec, 1, "wrong.yaml", folder)
        said = result.stderr.decode()
        expect(result.returncode == code and said.count("error:") == 1 and message in said,
               "%s: wanted %d and '%s', found %d and %s" % (words, code, message, result.returncode, said))
    expect(not os.path.exists(os.path.join(folder, "wrong.h5")), "a refused input has left an output")
    return count


def main():
    maniple, mpiexec = os.path.abspath(sys.argv[1]), sys.argv[2]
    folder = tempfile.mkdtemp(prefix="maniple-formats-")
    os.mkdir(os.path.join(folder, "in"))
    copies = test_copies(maniple, mpiexec, folder)
    copies += test_attributes(maniple, folder)
    refusals = test_refusals(maniple, mpiexec, folder)
    shutil.rmtree(folder)
    print("%d inputs read, %d refused, %d failures" % (copies, refusals, len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
