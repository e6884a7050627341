#!/usr/bin/python3
"""Generated inputs against an implementation of their own in NumPy, bit-equal on 1 to 4 ranks.

generators_test.py MANIPLE MPIEXEC
"""
import h5py
import numpy as np

import runner

MASK = np.uint64(0xFFFFFFFF)
TYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16}


def philox(seed, counters):
    """Philox4x32-10 of many counters: four columns of words."""
    key = [np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)]
    words = [counters & MASK, counters >> np.uint64(32), np.zeros_like(counters), np.zeros_like(counters)]
    for _ in range(10):
        a = np.uint64(0xD2511F53) * words[0]
        b = np.uint64(0xCD9E8D57) * words[2]
        words = [(b >> np.uint64(32)) ^ words[1] ^ key[0], b & MASK, (a >> np.uint64(32)) ^ words[3] ^ key[1], a & MASK]
        key = [(key[0] + np.uint64(0x9E3779B9)) & MASK, (key[1] + np.uint64(0xBB67AE85)) & MASK]
    return np.stack(words, axis=1)


def uniform_f64(seed, count):
    i = np.arange(count, dtype=np.uint64)
    words = philox(seed, i // np.uint64(2))
    first = (2 * (i % np.uint64(2))).astype(np.int64)
    rows = np.arange(count)
    return (((words[rows, first] << np.uint64(32)) + words[rows, first + 1]) >> np.uint64(11)) * 2.0**-53


def uniform_f32(seed, count):
    i = np.arange(count, dtype=np.uint64)
    words = philox(seed, i // np.uint64(4))
    return (words[np.arange(count), (i % np.uint64(4)).astype(np.int64)] >> np.uint64(8)) * 2.0**-24


def uniform(seed, shape, dtype, low=0.0, high=1.0):
    count = int(np.prod(shape))
    u = uniform_f64(seed, count) if dtype == "f64" else uniform_f32(seed, count)
    return (low + (high - low) * u).astype(TYPES[dtype]).reshape(shape)


def normal(seed, shape, mean=0.0, std=1.0):
    count = int(np.prod(shape))
    u = uniform_f64(seed, count + count % 2).reshape(-1, 2)
    r = np.sqrt(-2 * np.log(1 - u[:, 0]))
    both = np.stack([r * np.cos(2 * np.pi * u[:, 1]), r * np.sin(2 * np.pi * u[:, 1])], axis=1)
    return (mean + std * both.reshape(-1)[:count]).reshape(shape)


CASES = {}
for dtype in TYPES:
    CASES["u_" + dtype] = ("uniform(seed=7)", (37, 11), dtype, uniform(7, (37, 11), dtype), 0)
    CASES["v_" + dtype] = ("uniform(seed=%d, low=-3, high=5)" % (2**33 + 5), (1001,), dtype,
                           uniform(2**33 + 5, (1001,), dtype, -3.0, 5.0), 0)
    ulps = {"f64": 4, "f32": 1, "f16": 1}[dtype]
    CASES["n_" + dtype] = ("normal(seed=3)", (13, 7), dtype, normal(3, (13, 7)), ulps)
    CASES["m_" + dtype] = ("normal(seed=4, mean=2, std=0.5)", (5, 3, 2), dtype, normal(4, (5, 3, 2), 2.0, 0.5), ulps)
    CASES["h_" + dtype] = ("he_normal(seed=5)", (24, 3, 10), dtype,
                           normal(5, (24, 3, 10), 0.0, np.sqrt(2 / (24 * 3))), ulps)
CASES["h1"] = ("he_normal(seed=6)", (9,), "f32", normal(6, (9,), 0.0, np.sqrt(2)), 1)
CASES["one"] = ("normal(seed=6)", (), "f64", normal(6, ()), 4)
CASES["none"] = ("uniform(seed=6)", (0, 4), "f32", np.zeros((0, 4), np.float32), 0)
for dtype, kind in {"i64": "i8", "i32": "i4", "f32": "f4", "f64": "f8", "u8": "u1", "u32": "u4", "bool": "?"}.items():
    CASES["iota_" + dtype] = ("iota", (40, 10), dtype, np.arange(400).reshape(40, 10).astype(kind), 0)
    CASES["fill_" + dtype] = ("1", (3, 2), dtype, np.ones((3, 2), kind), 0)
CASES["fill_f16"] = ("-2.5", (3,), "f16", np.full(3, -2.5, np.float16), 0)
CASES["large"] = ("uniform(seed=1)", (3000, 1000), "f32", uniform(1, (3000, 1000), "f32"), 0)


def check(name, got, want, dtype, ulps, ranks):
    expected = {"f32": "f4", "f64": "f8", "f16": "f2", "i64": "i8", "i32": "i4", "u8": "u1", "u32": "u4", "bool": "?"}
    runner.expect(got.dtype == np.dtype(expected[dtype]) and got.shape == want.shape, "%s: %s %s" % (name, got.dtype, got.shape))
    if ulps == 0:
        runner.expect(got.tobytes() == want.astype(got.dtype).tobytes(), "%s on %d ranks, bit for bit" % (name, ranks))
        return
    spacing = np.spacing(np.abs(want.astype(got.dtype)))
    error = np.max(np.abs(got.astype(np.float64) - want) / spacing, initial=0)
    runner.expect(error <= ulps, "%s on %d ranks: %.2f units in the last place" % (name, ranks, error))


job = ["maniple: 1", "name: generators", "inputs:"]
for name, (fill, shape, dtype, _, _) in CASES.items():
    job.append("  %s: {shape: %s, dtype: %s, fill: \"%s\"}" % (name, list(shape), dtype, fill))
job += ["  plain: {shape: [3], fill: \"uniform(seed=7)\"}", "  counted: {shape: [3], fill: iota}"]
job += ["outputs:"] + ["  %s: out.h5:/%s" % (name, name) for name in list(CASES) + ["plain", "counted"]]
with runner.Folder("\n".join(job) + "\n") as folder:
    first = {}
    for ranks in (1, 2, 3, 4):
        result = folder.run(ranks)
        runner.expect(result.returncode == 0, "%d ranks: %s" % (ranks, result.stderr[-500:]))
        if result.returncode != 0:
            break
        with h5py.File(folder.file("out.h5")) as file:
            runner.expect(file["plain"].dtype == "f4" and file["counted"].dtype == "i8", "the types that are assumed")
            for name, (_, _, dtype, want, ulps) in CASES.items():
                got = np.array(file[name][()])
                check(name, got, want, dtype, ulps, ranks)
                runner.expect(first.setdefault(name, got.tobytes()) == got.tobytes(), "%s on %d ranks as on one" % (name, ranks))
runner.finish(len(CASES), "generated tensors against NumPy")
