#!/usr/bin/python3
"""Random expressions against NumPy: types, promotion, broadcasting, NaN, wrap-around, empty and 0-d tensors.

expressions_test.py MANIPLE MPIEXEC [SEED]

Debian's NumPy looks at values of 0-d arrays and numbers when it chooses a type; so the type of every result is fixed
here from the types first, and both sides are brought to it before NumPy computes.
"""
import random
import sys

import h5py
import numpy as np

import runner

np.seterr(all="ignore")
TYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "i32": np.int32, "i64": np.int64,
         "u8": np.uint8, "u32": np.uint32, "bool": np.bool_}
NAMES = {np.dtype(value): name for name, value in TYPES.items()}
# What one file holds, and what it becomes when it is read.
STORED = {"f4": "f32", ">f4": "f32", "f8": "f64", ">f8": "f64", "f2": "f16", "i4": "i32", ">i4": "i32", "i2": "i32",
          ">i2": "i32", "i1": "i32", "u2": "i32", "i8": "i64", ">i8": "i64", "u1": "u8", "u4": "u32", "?": "bool"}
FAMILIES = [[(3, 4), (4,), (1, 4), (3, 1), (), (2, 3, 4), (2, 1, 1)], [(0, 4), (4,), (1, 4), (), (0, 1), (1,)],
            [(7,), (1,), ()], [(5, 0), (1, 1), (5, 1), ()]]
AWKWARD = {"f": [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-30, 65504.0, -1.5, 3.0],
           "i": [0, 1, -1, 2**31 - 1, -2**31], "u": [0, 1, 255], "b": [True, False]}


def make_array(rng, stored, shape):
    dtype = np.dtype(stored)
    count = int(np.prod(shape))
    if dtype.kind == "b":
        values = rng.integers(0, 2, count)
    elif dtype.kind == "f":
        values = rng.normal(0, 10, count).round(3)
    else:
        low, high = (0, 200) if dtype.kind == "u" else (-100, 100)
        values = rng.integers(low, high, count)
    array = np.array(values).astype(dtype).reshape(shape)
    flat = array.reshape(-1)
    for value in AWKWARD[dtype.kind]:
        if count and rng.random() < 0.3:
            fits = dtype.kind in "fb" or np.iinfo(dtype).min <= value <= np.iinfo(dtype).max
            if fits:
                flat[rng.integers(0, count)] = value
    return array


class Number:
    """A number in an expression: it takes the type of what stands beside it."""

    def __init__(self, value):
        self.value = value

    def text(self):
        return repr(self.value) if self.value >= 0 else "(%r)" % self.value


def meet(*operands):
    """All operands in the type in which they meet."""
    types = [operand.dtype for operand in operands if isinstance(operand, np.ndarray)]
    numbers = [operand.value for operand in operands if isinstance(operand, Number)]
    common = np.result_type(*types)
    if any(isinstance(number, float) for number in numbers) and common.kind != "f":
        common = np.dtype(np.float64)
    elif numbers and common.kind == "b":
        common = np.dtype(np.int64)
    return [np.array(operand.value if isinstance(operand, Number) else operand).astype(common) for operand in operands]


def true(array):
    return array.astype(np.bool_)


class Maker:
    """Makes expressions with their values."""

    def __init__(self, choice, inputs):
        self.choice = choice
        self.inputs = inputs
        self.family = choice.choice(FAMILIES)
        self.leaves = [(name, array) for name, array in inputs.items() if array.shape in self.family]

    def leaf(self):
        return self.choice.choice(self.leaves)

    def number(self, beside):
        """One that the other operand's type can hold."""
        if self.choice.random() < 0.5:
            return Number(self.choice.choice([0.5, -2.25, 3.0, 1e-3, 1e300]))
        return Number(self.choice.choice([0, 1, 2, 100] + ([] if beside.dtype.kind == "u" else [-1, -7])))

    def pair(self, depth):
        a_text, a = self.make(depth - 1)
        if self.choice.random() < 0.25:
            b = self.number(a)
            b_text = b.text()
            return ((a_text, a), (b_text, b)) if self.choice.random() < 0.5 else ((b_text, b), (a_text, a))
        return (a_text, a), self.make(depth - 1)

    def make(self, depth):
        if depth <= 0:
            return self.leaf()
        try:
            return self.choice_of_kind()(depth)
        except ValueError:  # shapes that do not broadcast: a fold has dropped axes
            return self.make(depth)

    def choice_of_kind(self):
        return self.choice.choice([self.arithmetic] * 4 + [self.compare] * 2 + [self.logic] * 2 + [self.unary] * 2 +
                                  [self.where, self.cast, self.fold])

    def arithmetic(self, depth):
        (a_text, a), (b_text, b) = self.pair(depth)
        x, y = meet(a, b)
        names = ["add", "mul", "div", "maximum", "minimum"] + ([] if x.dtype.kind == "b" else ["sub"])
        name = self.choice.choice(names)
        if name == "div" and x.dtype.kind != "f":
            x, y = x.astype(np.float64), y.astype(np.float64)
        function = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "maximum": np.maximum,
                    "minimum": np.minimum}[name]
        sign = {"add": "+", "sub": "-", "mul": "*", "div": "/"}.get(name)
        text = "%s(%s, %s)" % (name, a_text, b_text)
        if sign and self.choice.random() < 0.7:
            text = "(%s %s %s)" % (a_text, sign, b_text)
        return text, np.array(function(x, y))

    def compare(self, depth):
        (a_text, a), (b_text, b) = self.pair(depth)
        name, sign, function = self.choice.choice([
            ("less", "<", np.less), ("less_equal", "<=", np.less_equal), ("greater", ">", np.greater),
            ("greater_equal", ">=", np.greater_equal), ("equal", "==", np.equal), ("not_equal", "!=", np.not_equal)])
        text = "%s(%s, %s)" % (name, a_text, b_text)
        if self.choice.random() < 0.7:
            text = "(%s %s %s)" % (a_text, sign, b_text)
        return text, np.array(function(*meet(a, b)))

    def logic(self, depth):
        a_text, a = self.make(depth - 1)
        if self.choice.random() < 0.3:
            return "(not %s)" % a_text, np.array(~true(a))
        b_text, b = self.make(depth - 1)
        if self.choice.random() < 0.5:
            return "(%s and %s)" % (a_text, b_text), np.array(true(a) & true(b))
        return "logical_or(%s, %s)" % (a_text, b_text), np.array(true(a) | true(b))

    def unary(self, depth):
        text, value = self.make(depth - 1)
        names = ["abs"]
        if value.dtype.kind != "b":
            names += ["neg", "square"]
        if value.dtype.kind == "f":
            names += ["sqrt"]
        name = self.choice.choice(names)
        if name == "neg" and self.choice.random() < 0.5:
            return "(-%s)" % text, np.array(np.negative(value))
        function = {"abs": np.abs, "neg": np.negative, "square": np.square, "sqrt": np.sqrt}[name]
        return "%s(%s)" % (name, text), np.array(function(value))

    def where(self, depth):
        c_text, c = self.make(depth - 1)
        (a_text, a), (b_text, b) = self.pair(depth)
        return "where(%s, %s, %s)" % (c_text, a_text, b_text), np.array(np.where(true(c), *meet(a, b)))

    def cast(self, depth):
        text, value = self.make(depth - 1)
        name = self.choice.choice(list(TYPES))
        integer = np.dtype(TYPES[name]).kind in "iu"
        if value.dtype.kind == "f" and integer:  # NumPy leaves open what becomes of what does not fit
            text, value = "(%s > 0)" % text, np.array(value > 0)
        return "cast(%s, dtype=%s)" % (text, name), value.astype(TYPES[name])

    def fold(self, depth):
        text, value = self.make(depth - 1)
        axes = sorted(self.choice.sample(range(value.ndim), self.choice.randint(0, value.ndim)))
        keep = self.choice.random() < 0.3
        arguments = text
        if axes and self.choice.random() < 0.8:
            written = [axis - value.ndim if self.choice.random() < 0.3 else axis for axis in axes]
            arguments += ", axis=%s" % (written[0] if len(written) == 1 else written)
        else:
            axes = list(range(value.ndim))
        if keep:
            arguments += ", keepdims=true"
        empty = any(value.shape[axis] == 0 for axis in axes)
        if value.dtype.kind != "f" and (empty or self.choice.random() < 0.5):
            result = np.sum(value, axis=tuple(axes), keepdims=keep, dtype=np.int64)
            return "sum(%s)" % arguments, np.array(result)
        if empty:
            return text, value
        name, function = self.choice.choice([("max", np.max), ("min", np.min)])
        return "%s(%s)" % (name, arguments), np.array(function(value, axis=tuple(axes), keepdims=keep))

    def float_sum(self, depth):
        """Its value in f64 and the error that it may have."""
        text, value = self.make(depth)
        if value.dtype.kind != "f":
            text, value = "cast(%s, dtype=f32)" % text, value.astype(np.float32)
        wide = value.astype(np.float64)
        bound = 4 * np.finfo(value.dtype).eps * np.sum(np.abs(wide))
        return "sum(%s)" % text, np.array(np.sum(wide)).astype(value.dtype), bound


def agrees(got, want, bound):
    if got.dtype != want.dtype or got.shape != want.shape:
        return False
    if got.dtype.kind != "f":
        return np.array_equal(got, want)
    near = np.abs(got.astype(np.float64) - want.astype(np.float64)) <= bound
    return bool(np.all((got == want) | (np.isnan(got) & np.isnan(want)) | near))


def run_batch(seed, count, ranks):
    choice = random.Random(seed)
    rng = np.random.default_rng(seed)
    shapes = sorted({shape for family in FAMILIES for shape in family})
    stored = {"x%d_%d" % (i, k): make_array(rng, kind, shape)
              for i, kind in enumerate(STORED) for k, shape in enumerate(shapes)}
    inputs = {name: array.astype(TYPES[STORED[kind]])
              for kind, (name, array) in zip((kind for kind in STORED for _ in shapes), stored.items())}
    entries, wanted = [], {}
    for number in range(count):
        maker = Maker(choice, inputs)
        if choice.random() < 0.15:
            text, value, bound = maker.float_sum(2)
        else:
            (text, value), bound = maker.make(choice.randint(1, 4)), 0
        entries.append("  e%d: \"%s\"" % (number, text))
        wanted["e%d" % number] = (value, bound, text)
    used = [name for name in inputs if any(name in entry for entry in entries)]
    job = ["maniple: 1", "name: expressions", "inputs:"] + ["  %s: in.h5:/%s" % (name, name) for name in used]
    job += ["graph:"] + entries + ["outputs:"] + ["  %s: out.h5:/%s" % (name, name) for name in wanted]
    with runner.Folder("\n".join(job) + "\n") as folder:
        with h5py.File(folder.file("in.h5"), "w") as file:
            for name in used:
                file[name] = stored[name]
        for number in ranks:
            result = folder.run(number)
            runner.expect(result.returncode == 0, "seed %d on %d ranks: %s" % (seed, number, result.stderr[-600:]))
            if result.returncode != 0:
                continue
            with h5py.File(folder.file("out.h5")) as file:
                for name, (value, bound, text) in wanted.items():
                    got = np.array(file[name][()])
                    runner.expect(agrees(got, value, bound), "seed %d, %d ranks: %s\n  got %s %s\n  want %s %s" %
                                  (seed, number, text, got.dtype, got, value.dtype, value))


first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
batches, each = 6, 55
for batch in range(batches):
    run_batch(first + batch, each, (1, 2) if batch % 2 else (1, 3, 4))
runner.finish(batches * each, "expressions against NumPy %s" % np.__version__)
