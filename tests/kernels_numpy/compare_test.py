#!/usr/bin/env python3
"""Every standard kernel, for every element type that it takes, on one lane, against NumPy and SciPy on random cases:
broadcasting, negative axes, keepdims, NaN, empty axes and axes of one element, strides, padding. Elementwise ones that are
not exact also over the whole range of their arguments, in f32 and f16: shaders have functions of their own for these.

compare_test.py MANIPLE cpu|gpu [CASES [SEED [KERNEL…]]]
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings

import h5py
import numpy

try:
    import scipy.special
except ImportError:
    print("SKIPPED: python3-scipy is not installed")
    sys.exit(77)

maniple, lane = sys.argv[1:3]
cases = int(sys.argv[3]) if len(sys.argv) > 3 else 6
seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
only = sys.argv[5:]
TYPES = {"f32": "f4", "f64": "f8", "f16": "f2", "i32": "i4", "i64": "i8", "u8": "u1", "u32": "u4", "bool": "?"}
REALS = ["f32", "f64", "f16"]
NUMBERS = REALS + ["i32", "i64", "u8", "u32"]
ALL = NUMBERS + ["bool"]
kernels = {}
sweeps = {}


def kernel(name, types, exact=False):
    """Registers a function (random, dtype) -> (arguments, parameters, result or results, scale of rounding errors)."""
    def add(function):
        kernels[name] = (function, types, exact)
        return function
    return add


def is_real(array):
    return numpy.asarray(array).dtype.kind == "f"


def wide(array):
    return numpy.asarray(array).astype("f8") if numpy.asarray(array).dtype.kind in "fiub" else array


def shape_of(random, lowest=0, highest=4, empty=True):
    rank = random.integers(lowest, highest + 1)
    shape = [int(random.choice([1, 2, 3, 5, 8, 17])) for _ in range(rank)]
    if empty and rank and random.random() < 0.08:
        shape[random.integers(rank)] = 0
    return tuple(shape)


def numbers(random, shape, dtype, low=-3.0, high=3.0, special=True):
    kind = numpy.dtype(TYPES[dtype])
    if kind.kind == "b":
        return numpy.asarray(random.random(shape) < 0.5)
    if kind.kind in "iu":
        info = numpy.iinfo(kind)
        if special and random.random() < 0.3:
            return numpy.asarray(random.integers(info.min, info.max, shape, dtype=kind, endpoint=True))
        return numpy.asarray(random.integers(0 if kind.kind == "u" else -9, 9, shape).astype(kind))
    values = numpy.asarray(random.uniform(low, high, shape).astype(kind))
    if special and values.size and random.random() < 0.25:
        flat = values.reshape(-1)
        for value in (numpy.nan, numpy.inf, -numpy.inf, 0.0):
            flat[random.integers(flat.size)] = value
        values = flat.reshape(values.shape)
    return values


def broadcast_shapes(random, count):
    whole = shape_of(random, empty=False)
    shapes = []
    for _ in range(count):
        shape = [1 if random.random() < 0.25 else extent for extent in whole]
        shapes.append(tuple(shape[random.integers(len(shape) + 1):] if random.random() < 0.4 else shape))
    return shapes


def axes_of(random, rank):
    """(what to write, what NumPy takes)"""
    if rank == 0 or random.random() < 0.25:
        return None, None
    count = random.integers(1, rank + 1) if random.random() < 0.4 else 1
    axes = [int(axis) for axis in random.choice(rank, count, replace=False)]
    axes = [axis - rank if random.random() < 0.4 else axis for axis in axes]
    return (axes, tuple(axes)) if count > 1 else (axes[0], axes[0])


# --- elementwise

def all_sizes(dtype):
    """All finite halves; around 0, to where exponentials end, and of every size that is normal."""
    if dtype == "f16":
        halves = numpy.arange(1 << 16, dtype="u2").view("f2")
        return halves[numpy.isfinite(halves)]
    kind = numpy.finfo(TYPES[dtype])
    sizes = numpy.geomspace(float(kind.tiny), float(kind.max) * 0.999, 10001)
    return numpy.concatenate([numpy.linspace(-10, 10, 10001), numpy.linspace(-110, 110, 10001), sizes, -sizes]).astype(TYPES[dtype])


def powers_of_all_sizes(dtype):
    """Pairs whose power is between what vanishes and what overflows, and whole powers of negative numbers."""
    kind = numpy.finfo(TYPES[dtype])
    bases = numpy.geomspace(float(kind.tiny), float(kind.max) * 0.999, 10001)
    near = numpy.linspace(0.5, 2, 10000)
    logs = numpy.log(float(kind.tiny)), numpy.log(float(kind.max))
    results = [numpy.random.default_rng(5).permutation(numpy.linspace(*logs, each.size)) for each in (bases, near)]
    whole = numpy.tile(numpy.arange(-20.0, 21.0), 100)
    a = numpy.concatenate([bases, near, -numpy.linspace(0.1, 10, whole.size)])
    b = numpy.concatenate([results[0] / numpy.log(bases), results[1] / numpy.log(near), whole])
    return a.astype(TYPES[dtype]), b.astype(TYPES[dtype])


def unary(name, function, types=REALS, exact=False, low=-3.0, high=3.0):
    @kernel(name, types, exact)
    def case(random, dtype):
        x = numbers(random, shape_of(random), dtype, low, high)
        return [x], {}, function(x) if exact else function(wide(x)), None

    if not exact:
        sweeps[name] = lambda dtype: ([all_sizes(dtype)], function(wide(all_sizes(dtype))))


def binary(name, function, types, low=-3.0):
    @kernel(name, types, name != "pow")
    def case(random, dtype):
        a, b = (numbers(random, shape, dtype, low) for shape in broadcast_shapes(random, 2))
        if name == "pow":
            return [a, b], {}, function(wide(a), wide(b)), None
        return [a, b], {}, function(a, b), None

    if name == "pow":
        sweeps[name] = lambda dtype: (powers_of_all_sizes(dtype), function(*map(wide, powers_of_all_sizes(dtype))))


unary("neg", numpy.negative, NUMBERS, True)
unary("abs", numpy.abs, ALL, True)
unary("square", numpy.square, NUMBERS, True)
unary("relu", lambda x: numpy.maximum(x, x.dtype.type(0)), REALS + ["i32", "i64"], True)
unary("logical_not", numpy.logical_not, ["bool"], True)
unary("sqrt", numpy.sqrt, low=-0.5)
unary("exp", numpy.exp)
unary("log", numpy.log, low=-0.5)
unary("sin", numpy.sin)
unary("cos", numpy.cos)
unary("tanh", numpy.tanh)
unary("sigmoid", scipy.special.expit)
unary("gelu", lambda x: x * 0.5 * scipy.special.erfc(-x / numpy.sqrt(2)))
for binary_name in ("add", "mul", "maximum", "minimum"):
    binary(binary_name, getattr(numpy, binary_name if binary_name != "mul" else "multiply"), ALL)
binary("sub", numpy.subtract, NUMBERS)
binary("div", numpy.true_divide, REALS)
binary("pow", numpy.power, REALS, 0.0)
for binary_name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"):
    binary(binary_name, getattr(numpy, binary_name), ALL)
binary("logical_and", numpy.logical_and, ["bool"])
binary("logical_or", numpy.logical_or, ["bool"])


@kernel("clip", NUMBERS, True)
def clip(random, dtype):
    x = numbers(random, shape_of(random), dtype)
    low, high = (-1.5, 0.75) if is_real(x) else (2, 5)
    return [x], {"min": low, "max": high}, numpy.clip(x, x.dtype.type(low), x.dtype.type(high)), None


@kernel("where", ALL, True)
def where(random, dtype):
    shapes = broadcast_shapes(random, 3)
    c, a, b = random.random(shapes[0]) < 0.5, numbers(random, shapes[1], dtype), numbers(random, shapes[2], dtype)
    return [numpy.asarray(c), a, b], {}, numpy.where(c, a, b), None


@kernel("axpy", REALS)
def axpy(random, dtype):
    x, y = (numbers(random, shape, dtype) for shape in broadcast_shapes(random, 2))
    return [x, y], {"a": 0.75}, 0.75 * wide(x) + wide(y), 0.75 * numpy.abs(wide(x)) + numpy.abs(wide(y))


@kernel("cast", ALL, True)
def cast(random, dtype):
    x = numbers(random, shape_of(random), dtype, special=False)
    target = random.choice(ALL)
    if is_real(x) and TYPES[target][0] == "u":
        x = numpy.abs(x)
    return [x], {"dtype": target}, x.astype(TYPES[target]), None


# --- reductions

def accumulator(x):
    return x.astype("f8") if is_real(x) else x


def reduction(name, function, types=ALL, exact=False, floats=False, scale=None):
    @kernel(name, types, exact)
    def case(random, dtype):
        x = numbers(random, shape_of(random, empty=name in ("sum", "prod", "mean", "norm2", "variance")), dtype,
                    special=name != "prod")
        if name == "prod" and is_real(x):
            x = numpy.abs(x).clip(0.5, 2)
        written, axis = axes_of(random, x.ndim)
        if name.startswith("arg") and isinstance(axis, tuple):
            written = axis = axis[0]
        keep = bool(random.random() < 0.5)
        parameters = {} if written is None else {"axis": written}
        if keep:
            parameters["keepdims"] = True
        with numpy.errstate(all="ignore"):
            want = function(accumulator(x) if not exact or name == "sum" else x, axis, keep)
            spread = None if scale is None or not is_real(x) else scale(numpy.abs(wide(x)), axis, keep)
        return [x], parameters, want, spread


integer_sum = lambda f: lambda x, a, k: f(x, axis=a, keepdims=k, dtype=None if is_real(x) else "i8")
absolute_sum = lambda x, a, k: numpy.sum(x, axis=a, keepdims=k)
reduction("sum", integer_sum(numpy.sum), scale=absolute_sum)
reduction("prod", integer_sum(numpy.prod))
reduction("mean", lambda x, a, k: numpy.mean(x, axis=a, keepdims=k, dtype="f8"), scale=lambda x, a, k: numpy.mean(x, axis=a, keepdims=k))
reduction("norm2", lambda x, a, k: numpy.sqrt(numpy.sum(numpy.square(wide(x)), axis=a, keepdims=k)))
reduction("variance", lambda x, a, k: numpy.var(wide(x), axis=a, keepdims=k), scale=lambda x, a, k: numpy.mean(numpy.square(x), axis=a, keepdims=k))
reduction("max", lambda x, a, k: numpy.max(x, axis=a, keepdims=k), exact=True)
reduction("min", lambda x, a, k: numpy.min(x, axis=a, keepdims=k), exact=True)
for arg_name in ("argmax", "argmin"):
    reduction(arg_name, lambda x, a, k, f=getattr(numpy, arg_name): f(x, axis=a, keepdims=k) if a is not None or not k else
              numpy.asarray(f(x)).reshape((1,) * x.ndim), exact=True)


@kernel("moments", REALS)
def moments(random, dtype):
    x = numbers(random, shape_of(random, empty=False), dtype, special=False)
    return [x], {}, (numpy.mean(wide(x)), numpy.var(wide(x))), (numpy.mean(numpy.abs(wide(x))), numpy.mean(numpy.square(wide(x))))


@kernel("histogram", ["f32", "f64", "i32", "u8"], True)
def histogram(random, dtype):
    x = numbers(random, shape_of(random, 1, 3, empty=False), dtype, special=False)
    bins = int(random.integers(1, 12))
    return [x], {"bins": bins, "min": -2, "max": 2.5}, numpy.histogram(x, bins, (-2, 2.5))[0], None


@kernel("normalize", REALS)
def normalize(random, dtype):
    x = numbers(random, shape_of(random, 1, 3, empty=False), dtype, special=False)
    axis = int(random.integers(-x.ndim, x.ndim))
    mean, variance = numpy.mean(wide(x), axis=axis, keepdims=True), numpy.var(wide(x), axis=axis, keepdims=True)
    return [x], {"axis": axis, "eps": 0.01}, (wide(x) - mean) / numpy.sqrt(variance + 0.01), numpy.full(x.shape, 30.0)


# --- linear algebra and layout

def product_shapes(random):
    batch = shape_of(random, 0, 2, empty=False)
    n, k, m = (int(random.choice([1, 2, 3, 7, 16, 33])) for _ in range(3))
    if random.random() < 0.08:
        k = 0
    first = tuple(1 if random.random() < 0.2 else extent for extent in batch)
    second = batch[random.integers(len(batch) + 1):] if batch else ()
    return first + (n, k), second + (k, m)


@kernel("matmul", REALS + ["i32", "i64"])
def matmul(random, dtype):
    a, b = (numbers(random, shape, dtype, special=False) for shape in product_shapes(random))
    if not is_real(a):
        return [a, b], {}, a @ b, None
    return [a, b], {}, wide(a) @ wide(b), a.shape[-1] * (numpy.abs(wide(a)) @ numpy.abs(wide(b)))


@kernel("dense", REALS)
def dense(random, dtype):
    n, k, m = (int(random.choice([1, 3, 16, 40])) for _ in range(3))
    x, w, b = (numbers(random, shape, dtype, special=False) for shape in ((n, k), (k, m), (m,)))
    return [x, w, b], {}, wide(x) @ wide(w) + wide(b), k * (numpy.abs(wide(x)) @ numpy.abs(wide(w)) + numpy.abs(wide(b)))


@kernel("transpose", ALL, True)
def transpose(random, dtype):
    x = numbers(random, shape_of(random), dtype)
    axes = [int(axis) for axis in random.permutation(x.ndim)]
    if random.random() < 0.2:
        return [x], {}, numpy.transpose(x), None
    written = [axis - x.ndim if random.random() < 0.3 else axis for axis in axes]
    return [x], {"axes": written}, numpy.transpose(x, axes), None


@kernel("reshape", ALL, True)
def reshape(random, dtype):
    x = numbers(random, shape_of(random), dtype)
    factors = [p for extent in x.shape for p in ([2] * 3 if extent == 8 else [extent])]
    shape = []
    for factor in random.permutation(factors) if len(factors) else []:
        if shape and random.random() < 0.5:
            shape[-1] *= int(factor)
        else:
            shape.append(int(factor))
    want = x.reshape(shape)
    if shape and x.size and random.random() < 0.3:
        shape[random.integers(len(shape))] = -1
    return [x], {"shape": shape}, want, None


@kernel("concat", ALL, True)
def concat(random, dtype):
    shape = list(shape_of(random, 1, 4, empty=False))
    axis = int(random.integers(len(shape)))
    parts = []
    for _ in range(random.integers(2, 5)):
        shape[axis] = int(random.integers(0, 6))
        parts.append(numbers(random, tuple(shape), dtype))
    written = axis - len(shape) if random.random() < 0.4 else axis
    return parts, {"axis": written}, numpy.concatenate(parts, axis), None


@kernel("slice", ALL, True)
def slice_kernel(random, dtype):
    x = numbers(random, shape_of(random, 1), dtype)
    axis = int(random.integers(-x.ndim, x.ndim))
    extent = x.shape[axis]
    start, stop = (int(v) for v in sorted(random.integers(0, extent + 1, 2)))
    step = int(random.integers(1, 4))
    index = [numpy.s_[:]] * x.ndim
    index[axis] = numpy.s_[start:stop:step]
    return [x], {"axis": axis, "start": start, "stop": stop, "step": step}, x[tuple(index)], None


# --- neural networks

def softmax_of(x, axis):
    return scipy.special.softmax(wide(x), axis=axis)


@kernel("softmax", REALS)
def softmax(random, dtype):
    x = numbers(random, shape_of(random, 1, 4, empty=False), dtype, special=False)
    axis = int(random.integers(-x.ndim, x.ndim))
    return [x], {"axis": axis}, softmax_of(x, axis), None


@kernel("layer_norm", REALS)
def layer_norm(random, dtype):
    x = numbers(random, shape_of(random, 1, 4, empty=False), dtype, special=False)
    scale, bias = (numbers(random, x.shape[-1:], dtype, special=False) for _ in range(2))
    mean, variance = numpy.mean(wide(x), -1, keepdims=True), numpy.var(wide(x), -1, keepdims=True)
    want = (wide(x) - mean) / numpy.sqrt(variance + 1e-5) * wide(scale) + wide(bias)
    return [x, scale, bias], {}, want, numpy.full(x.shape, 300.0)


@kernel("batch_norm", REALS)
def batch_norm(random, dtype):
    x = numbers(random, shape_of(random, 2, 4, empty=False), dtype, special=False)
    c = x.shape[1:2]
    scale, bias, mean = (numbers(random, c, dtype, special=False) for _ in range(3))
    variance = numbers(random, c, dtype, 0.5, 3, special=False)
    over = lambda v: wide(v).reshape((-1,) + (1,) * (x.ndim - 2))
    want = (wide(x) - over(mean)) / numpy.sqrt(over(variance) + 1e-5) * over(scale) + over(bias)
    return [x, scale, bias, mean, variance], {}, want, numpy.full(x.shape, 30.0)


def windows_of(x, height, width, stride):
    view = numpy.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))
    return view[:, :, ::stride, ::stride]


@kernel("conv2d", REALS)
def conv2d(random, dtype):
    n, c, o = (int(random.integers(1, 4)) for _ in range(3))
    p, q, pad, stride = (int(random.integers(low, high)) for low, high in ((1, 4), (1, 4), (0, 3), (1, 4)))
    x = numbers(random, (n, c, int(random.integers(p, 12)), int(random.integers(q, 12))), dtype, special=False)
    w, b = numbers(random, (o, c, p, q), dtype, special=False), numbers(random, (o,), dtype, special=False)
    with_bias = random.random() < 0.5
    padded = numpy.pad(wide(x), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    sums = lambda a, k: numpy.einsum("ncyxpq,ocpq->noyx", windows_of(a, p, q, stride), k)
    want, spread = sums(padded, wide(w)), sums(numpy.abs(padded), numpy.abs(wide(w)))
    if with_bias:
        want, spread = want + wide(b)[:, None, None], spread + numpy.abs(wide(b))[:, None, None]
    return [x, w, b] if with_bias else [x, w], {"stride": stride, "pad": pad}, want, c * p * q * spread


def pool(name, function):
    @kernel(name, REALS)
    def case(random, dtype):
        size, stride = int(random.integers(1, 4)), int(random.integers(1, 4))
        x = numbers(random, (2, 3, int(random.integers(size, 12)), int(random.integers(size, 12))), dtype, special=False)
        return [x], {"size": size, "stride": stride}, function(windows_of(wide(x), size, size, stride), axis=(4, 5)), None if name[0] == "m" else 3.0


pool("max_pool2d", numpy.max)
pool("avg_pool2d", numpy.mean)


@kernel("cross_entropy", ["f32", "f64", "f16"])
def cross_entropy(random, dtype):
    n, k = int(random.integers(1, 9)), int(random.integers(1, 9))
    x = numbers(random, (n, k), dtype, special=False)
    logs = wide(x) - scipy.special.logsumexp(wide(x), axis=1, keepdims=True)
    if random.random() < 0.5:
        labels = random.integers(0, k, n).astype(random.choice(["i4", "i8"]))
        return [x, labels], {}, -numpy.mean(logs[numpy.arange(n), labels]), 10.0
    labels = softmax_of(numbers(random, (n, k), dtype, special=False), 1).astype(x.dtype)
    return [x, labels], {}, -numpy.mean(numpy.sum(wide(labels) * logs, 1)), 10.0


@kernel("mse", REALS)
def mse(random, dtype):
    a, b = (numbers(random, shape, dtype, special=False) for shape in [shape_of(random, empty=False)] * 2)
    return [a, b], {}, numpy.mean(numpy.square(wide(a) - wide(b))), 10.0


@kernel("attention", REALS)
def attention(random, dtype):
    batch = shape_of(random, 0, 2, empty=False)
    n, m, d, e = (int(random.integers(1, 9)) for _ in range(4))
    q, k, v = (numbers(random, batch + shape, dtype, special=False) for shape in ((n, d), (m, d), (m, e)))
    weights = softmax_of(wide(q) @ numpy.swapaxes(wide(k), -1, -2) / numpy.sqrt(d), -1)
    return [q, k, v], {}, weights @ wide(v), 8 * numpy.full(batch + (n, e), 3.0)


@kernel("embedding", REALS)
def embedding(random, dtype):
    table = numbers(random, (int(random.integers(1, 9)), int(random.integers(1, 9))), dtype)
    ids = random.integers(0, table.shape[0], shape_of(random, 0, 3)).astype(random.choice(["i4", "i8"]))
    return [table, numpy.asarray(ids)], {}, table[ids], 0.0


# --- stencils

def edged(u, radius, rule):
    rules = rule if isinstance(rule, list) else [rule] * u.ndim
    for axis, word in enumerate(rules):
        width = [(0, 0)] * u.ndim
        width[axis] = (radius, radius)
        u = numpy.pad(u, width, mode={"clamp": "edge", "zero": "constant", "periodic": "wrap"}[word])
    return u


def moved(padded, radius, shape, *offset):
    return padded[tuple(numpy.s_[radius + o:radius + o + extent] for o, extent in zip(offset, shape))]


def laplace_of(u, rule):
    e = edged(u, 1, rule)
    at = lambda *offset: moved(e, 1, u.shape, *offset)
    four = u.dtype.type(4)
    return (((at(-1, 0) + at(1, 0)) + at(0, -1)) + at(0, 1)) - four * u


def grid(random, dtype, rank=2):
    shape = tuple(int(random.integers(3, 20)) for _ in range(rank))
    rules = [str(random.choice(["clamp", "zero", "periodic"])) for _ in range(rank)]
    rule = rules[0] if random.random() < 0.5 else rules
    return numbers(random, shape, dtype, special=False), rule


@kernel("heat_step", ["f32", "f64"], True)
def heat_step(random, dtype):
    u, rule = grid(random, dtype)
    return [u], {"alpha": 0.25, "boundary": rule}, u + u.dtype.type(0.25) * laplace_of(u, rule), None


@kernel("heat_step3d", ["f32", "f64"], True)
def heat_step3d(random, dtype):
    u, rule = grid(random, dtype, 3)
    e = edged(u, 1, rule)
    at = lambda *offset: moved(e, 1, u.shape, *offset)
    around = ((((at(-1, 0, 0) + at(1, 0, 0)) + at(0, -1, 0)) + at(0, 1, 0)) + at(0, 0, -1)) + at(0, 0, 1)
    return [u], {"alpha": 0.125, "boundary": rule}, u + u.dtype.type(0.125) * (around - u.dtype.type(6) * u), None


@kernel("wave_step", ["f32", "f64"], True)
def wave_step(random, dtype):
    u, rule = grid(random, dtype)
    before = numbers(random, u.shape, dtype, special=False)
    t = u.dtype.type
    return [u, before], {"c2": 0.25, "boundary": rule}, (t(2) * u - before) + t(0.25) * laplace_of(u, rule), None


@kernel("gray_scott", ["f32", "f64"])
def gray_scott(random, dtype):
    u, rule = grid(random, dtype)
    v = numbers(random, u.shape, dtype, special=False)
    a, b = wide(u), wide(v)
    reaction = a * b * b
    want = (a + 0.16 * laplace_of(a, rule) - reaction + 0.04 * (1 - a), b + 0.08 * laplace_of(b, rule) + reaction - 0.1 * b)
    return [u, v], {"boundary": rule}, want, (numpy.full(u.shape, 40.0),) * 2


@kernel("life", ["u8"], True)
def life(random, dtype):
    u, rule = grid(random, "bool")
    u = u.astype("u1")
    e = edged(u, 1, rule)
    around = sum(moved(e, 1, u.shape, dy, dx).astype(int) for dy in (-1, 0, 1) for dx in (-1, 0, 1)) - u
    return [u], {"boundary": rule}, ((around == 3) | ((around == 2) & (u == 1))).astype("u1"), None


@kernel("blur", REALS)
def blur(random, dtype):
    u, rule = grid(random, dtype)
    radius = int(random.integers(0, 3))
    e = edged(wide(u), radius, rule)
    span = range(-radius, radius + 1)
    total = sum(moved(e, radius, u.shape, dy, dx) for dy in span for dx in span)
    return [u], {"radius": radius, "boundary": rule}, total / (2 * radius + 1) ** 2, numpy.full(u.shape, 3.0)


@kernel("gradient_magnitude", REALS)
def gradient_magnitude(random, dtype):
    u, rule = grid(random, dtype)
    e = edged(wide(u), 1, rule)
    at = lambda *offset: moved(e, 1, u.shape, *offset)
    return [u], {"boundary": rule}, numpy.hypot((at(0, 1) - at(0, -1)) / 2, (at(1, 0) - at(-1, 0)) / 2), numpy.full(u.shape, 3.0)


# --- signal, irregular

def complex_of(x):
    return wide(x)[..., 0] + 1j * wide(x)[..., 1]


def pairs_of(z):
    return numpy.stack([z.real, z.imag], axis=-1)


def transform(name, function, inverse):
    @kernel(name, ["f32", "f64"])
    def case(random, dtype):
        real = not inverse and random.random() < 0.5
        shape = shape_of(random, 0, 2, empty=False) + (int(random.choice([1, 2, 3, 8, 12, 17, 30, 64])),)
        x = numbers(random, shape if real else shape + (2,), dtype, special=False)
        want = pairs_of(function(wide(x) if real else complex_of(x), axis=-1))
        return [x], {"real": True} if real else {}, want, numpy.full(want.shape, 3.0 * shape[-1] / (shape[-1] if inverse else 1))


transform("fft", numpy.fft.fft, False)
transform("ifft", numpy.fft.ifft, True)


@kernel("power_spectrum", ["f32", "f64"])
def power_spectrum(random, dtype):
    x = numbers(random, shape_of(random, 0, 2, empty=False) + (int(random.choice([1, 2, 3, 8, 17, 64])),), dtype, special=False)
    want = numpy.abs(numpy.fft.rfft(wide(x))) ** 2 / x.shape[-1]
    return [x], {}, want, numpy.full(want.shape, 9.0 * x.shape[-1])


@kernel("mandelbrot", ["f32"], True)
def mandelbrot(random, dtype):
    width, height, limit = (int(random.integers(1, 30)) for _ in range(3))
    f = numpy.float32
    dx, dy = f((0.75 - -2.0) / width), f((1.25 - -1.25) / height)
    cx = f(-2.0) + (numpy.arange(width, dtype=f) + f(0.5)) * dx
    cy = (f(-1.25) + (numpy.arange(height, dtype=f) + f(0.5)) * dy)[:, None]
    x, y, count = (numpy.zeros((height, width), t) for t in (f, f, "i4"))
    alive = numpy.ones((height, width), bool)
    with numpy.errstate(all="ignore"):
        for _ in range(limit):
            x, y = (x * x - y * y) + cx, (f(2) * x) * y + cy
            alive &= x * x + y * y <= f(4)
            count += alive
    return [], {"width": width, "height": height, "xmin": -2.0, "xmax": 0.75, "ymin": -1.25, "ymax": 1.25, "iterations": limit}, count, None


@kernel("nbody_forces", ["f32", "f64"])
def nbody_forces(random, dtype):
    n = int(random.integers(1, 30))
    positions, masses = numbers(random, (n, 3), dtype, special=False), numbers(random, (n,), dtype, 0.1, 1, special=False)
    away = wide(positions)[None] - wide(positions)[:, None]
    distance = numpy.sum(away ** 2, -1) + 0.25
    terms = wide(masses)[None, :, None] * away / distance[..., None] ** 1.5
    return [positions, masses], {"softening": 0.5}, terms.sum(1), 8 * numpy.abs(terms).sum(1)


# --- running and comparing

def tolerances():
    """eps that a kernel's description allows, by name; 16 where it names none."""
    stated = {}
    for name in kernels:
        text = subprocess.run([maniple, "kernels", "show", name], capture_output=True, text=True).stdout
        found = re.findall(r"tolerance ([0-9.e+]+) eps", text)
        stated[name] = max(map(float, found)) if found else 16.0
    return stated


def parameter_text(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(parameter_text(item) for item in value) + "]"
    return str(value)


def compare(label, want, got, scale, tolerance, exact):
    want = numpy.asarray(want)
    if want.shape != got.shape:
        return "%s: shape %s, expected %s" % (label, got.shape, want.shape)
    if exact or got.dtype.kind in "iub":
        if want.dtype != got.dtype:
            return "%s: type %s, expected %s" % (label, got.dtype, want.dtype)
        good = (want == got) | ((want != want) & (got != got))
    else:
        eps = numpy.finfo(got.dtype).eps
        with numpy.errstate(all="ignore"):
            rounded = want.astype(got.dtype)
            reach = numpy.abs(want) if scale is None else numpy.maximum(numpy.abs(want), scale)
            # Devices may flush what is below the normal numbers, of f32 for an f16 as well: that is rounded at the end.
            lost = float(numpy.finfo(got.dtype).tiny) * (eps if got.dtype == numpy.float16 else tolerance)
            near = numpy.abs(want - got.astype("f8")) <= tolerance * eps * reach + lost
        # What is infinite is near nothing but itself.
        good = (near & numpy.isfinite(want)) | (rounded == got) | ((want != want) & (got != got))
    if numpy.all(good):
        return None
    at = tuple(int(i) for i in numpy.argwhere(~good)[0]) if got.ndim else ()
    return "%s: %d of %d differ, at %s: %r, expected %r" % (label, numpy.sum(~good), got.size, at, got[at], want[at])


def run_batch(folder, number, chosen, stated):
    random = numpy.random.default_rng(seed * 1000 + number)
    inputs, graph, outputs, wanted = [], [], [], []
    with h5py.File(os.path.join(folder, "in.h5"), "w") as file:
        for name in chosen:
            function, types, exact = kernels[name]
            for dtype in types:
                for case in range(cases + (name in sweeps and dtype in ("f32", "f16"))):
                    with numpy.errstate(all="ignore"):
                        if case < cases:
                            arguments, parameters, want, scale = function(random, dtype)
                        else:
                            (arguments, want), parameters, scale = sweeps[name](dtype), {}, None
                    label = "k%d" % len(wanted)
                    words = []
                    for i, argument in enumerate(arguments):
                        file["%s_%d" % (label, i)] = argument
                        inputs.append('  %s_%d: "in.h5:/%s_%d"' % (label, i, label, i))
                        words.append("%s_%d" % (label, i))
                    words += ["%s=%s" % (key, parameter_text(value)) for key, value in parameters.items()]
                    several = isinstance(want, tuple)
                    names = [label + "_" + letter for letter in "abc"[:len(want)]] if several else [label]
                    graph.append('  "%s": "%s(%s)"' % (", ".join(names), name, ", ".join(words)))
                    for i, one in enumerate(names):
                        outputs.append('  %s: "out.h5:/%s"' % (one, one))
                        wanted.append((one, "%s %s(%s) of %s" % (dtype, name, ", ".join(words[len(arguments):]),
                                                                  ", ".join(str(a.shape) for a in arguments)),
                                       want[i] if several else want, scale[i] if several and scale is not None else scale, stated[name], exact))
    job = os.path.join(folder, "job.yaml")
    with open(job, "w") as text:
        text.write("maniple: 1\nname: compare\n" + ("inputs:\n" + "\n".join(inputs) + "\n" if inputs else "") + "graph:\n" +
                   "\n".join(graph) + "\noutputs:\n" + "\n".join(outputs) + "\n")
    command = [maniple, "run", job, "--quiet", "--no-report", "--overwrite", "--lanes", lane]
    result = subprocess.run(command + (["--gpus", "0"] if lane == "gpu" else []), capture_output=True, text=True,
                            env=dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1"))
    if result.returncode != 0:
        return ["%s: exit %d: %s" % (", ".join(chosen), result.returncode, result.stderr[-2000:])]
    with h5py.File(os.path.join(folder, "out.h5")) as file:
        problems = [compare(text, want, numpy.asarray(file[one][()]), scale, tolerance, exact)
                    for one, text, want, scale, tolerance, exact in wanted]
    return [problem for problem in problems if problem]


if lane == "gpu":
    found = subprocess.run([maniple, "devices", "--json"], capture_output=True, text=True)
    if not any(device["usable"] for device in json.loads(found.stdout)["gpus"]):
        print("SKIPPED: no Vulkan device")
        sys.exit(77)
numpy.seterr(all="ignore")
warnings.simplefilter("ignore", RuntimeWarning)  # means of empty axes
stated = tolerances()
names = [name for name in kernels if not only or name in only]
failures = []
checked = 0
with tempfile.TemporaryDirectory(prefix="maniple-compare-") as folder:
    for number, name in enumerate(names):
        if not only and subprocess.run([maniple, "kernels", "show", name], capture_output=True).returncode != 0:
            failures.append(name + ": there is no such kernel")
            continue
        problems = run_batch(folder, list(kernels).index(name), [name], stated)
        checked += 1
        print("%s  %s" % ("good" if not problems else "BAD ", name), flush=True)
        for problem in problems[:4]:
            print("      " + problem, flush=True)
        failures += problems
print("%d kernels on the %s lane, %d cases for each element type, seed %d: %d problems" % (checked, lane, cases, seed, len(failures)))
sys.exit(1 if failures else 0)
