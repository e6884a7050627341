#!/usr/bin/env python3
"""What jobs/view.py draws: the images that a job classified, whatever file they come from, and a picture of each kind.

view_test.py SOURCE_DIR
"""
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy

try:
    from matplotlib import image
except ImportError:
    print("SKIPPED: python3-matplotlib is not installed")
    sys.exit(77)

source = sys.argv[1]
failures = []


def expect(condition, what):
    if not condition:
        print("BAD   " + what, flush=True)
        failures.append(what)


def view(folder, name):
    """What it prints, and the picture or None."""
    shown = subprocess.run([sys.executable, os.path.join(folder, "view.py"), os.path.join(folder, name + ".h5")],
                           capture_output=True, text=True)
    expect(shown.returncode == 0, "view.py %s: %s" % (name, shown.stderr))
    path = os.path.join(folder, name + ".png")
    picture = image.imread(path) if os.path.exists(path) else None
    if picture is not None:
        os.remove(path)
    return shown.stdout, picture


def write_digits(folder, count, images):
    with h5py.File(os.path.join(folder, "digits-result.h5"), "w") as file:
        file["labels"] = numpy.zeros(count, "i8")
        file["probabilities"] = numpy.full((count, 10), 0.1, "f4")
        file.create_group("maniple").attrs["job"] = "inputs:\n  images: %s          # 0 to 255\n  labels: x.h5:/labels\n" % images


def test_digits(folder):
    for name, value, count in (("digits", 0, 50), ("dark", 255, 60)):
        with h5py.File(os.path.join(folder, "data", name + ".h5"), "w") as file:
            file["images"] = numpy.random.default_rng(0).integers(0, 2, (count, 28, 28), "u1") + numpy.uint8(value and 250)
            file["images"][:, 0, 0] = 255 - value  # so that the colours span the range
    for words, dark in (('{from: "data/digits.h5:/images", dtype: f32}', False), ("data/digits.h5:/images", False)):
        write_digits(folder, 50, words)
        light_picture = view(folder, "digits-result")[1]
        write_digits(folder, 60, words.replace("digits", "dark"))
        dark_picture = view(folder, "digits-result")[1]
        expect(light_picture is not None and dark_picture is not None, "%s: a picture is drawn" % words)
        if light_picture is not None and dark_picture is not None:
            expect(dark_picture[..., :3].mean() < 0.75 < light_picture[..., :3].mean(),
                   "%s: the images are those of the job's file: %.2f, %.2f"
                   % (words, dark_picture[..., :3].mean(), light_picture[..., :3].mean()))
    for count, words, why in ((60, "data/digits.h5:/images", "holds 50 images, the result 60 labels"),
                              (60, "data/none.h5:/images", "data/none.h5, which held the images, is not there")):
        write_digits(folder, count, words)
        said, picture = view(folder, "digits-result")
        expect(picture is None and "no picture" in said and why in said, "%s: %s" % (why, said))


def test_others(folder):
    noise = numpy.random.default_rng(1)
    for name, data, shape in (("wave", "surface", (10, 16, 16)), ("nbody", "positions", (30, 3)),
                              ("transformer-block", "z", (4, 64, 128)), ("heat3d", "temperature", (8, 8, 8)),
                              ("terrain", "relief", (20, 40)), ("deep-mlp", "h", (20, 16)), ("unet-like", "images", (2, 8, 8, 8)), ("life", "cells", (20, 40))):
        with h5py.File(os.path.join(folder, name + ".h5"), "w") as file:
            file[data] = noise.normal(0, 1, shape)
        said, picture = view(folder, name)
        expect(picture is not None and "picture: " in said, "%s has a picture: %s" % (name, said))


with tempfile.TemporaryDirectory(prefix="maniple-view-") as folder:
    os.mkdir(os.path.join(folder, "data"))
    shutil.copy(os.path.join(source, "jobs", "view.py"), folder)
    test_digits(folder)
    test_others(folder)
print("%d failures" % len(failures))
sys.exit(1 if failures else 0)
