#!/usr/bin/env python3
"""Shows what the jobs here have written: a picture of each result that is one, NAME.png beside it, and a table of the rest.

    jobs/view.py [RESULT.h5…]          without names: the results of all jobs that lie beside this script

Needs Debian's python3-h5py; pictures also need python3-matplotlib.
"""
import os
import re
import sys

try:
    import h5py
    import numpy
except ImportError:
    sys.exit("view.py needs NumPy and h5py: Debian's python3-h5py and its interpreter, /usr/bin/python3 jobs/view.py")

try:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
except ImportError:
    pyplot = None

here = os.path.dirname(os.path.abspath(__file__))
most_frames = 12  # of a film
# result file: (data set of the picture, colours, title, function from the data set to a plane or None for a film's frames)
PICTURES = {
    "terrain": ("relief", "terrain", "the relief of the Earth after 200 steps", lambda a: a[::-1]),
    "mandelbrot": ("iterations", "magma", "iterations until escape", lambda a: numpy.log1p(a)[::-1]),
    "heat3d": ("temperature", "inferno", "temperature in the middle of the cube", lambda a: a[:, :, a.shape[2] // 2]),
    "wave": ("surface", "RdBu", "the surface, every 40 steps", None),
    "gray-scott": ("v", "viridis", "where the second substance is", lambda a: a),
    "life": ("cells", "binary", "the glider gun after its last generation", lambda a: a),
    "transformer-block": ("z", "RdBu", "what the block makes of the first sequence: 64 tokens by 128 numbers", lambda a: a[0]),
    "deep-mlp": ("h", "viridis", "the outputs of the last layer, a line for each row", lambda a: a),
    "unet-like": ("images", "viridis", "a channel of what the network makes of the first image", lambda a: a[0, 0]),
    "climate": ("temperature/surface", "RdBu_r", "sea surface temperature against the level's mean", lambda a: a[::-1]),
}


def table(path, file):
    print(path)
    names = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) and not name.startswith("maniple") else None)
    for name in names:
        data = file[name]
        if not hasattr(data.dtype, "kind") or data.dtype.kind not in "fiub" or data.attrs.get("CLASS") == b"DIMENSION_SCALE":
            continue
        values = data[()]
        numbers = numpy.asarray(values, "f8")
        spread = "empty" if numbers.size == 0 else "%.6g" % numbers if numbers.ndim == 0 else "%.6g to %.6g, mean %.6g" % (
            numpy.nanmin(numbers), numpy.nanmax(numbers), numpy.nanmean(numbers))
        print("  %-24s %-16s %-8s %s" % (name, "x".join(map(str, data.shape)) or "one number", data.dtype, spread))


def save(figure, path):
    target = os.path.splitext(path)[0] + ".png"
    figure.savefig(target, dpi=110, bbox_inches="tight")
    pyplot.close(figure)
    print("  picture: " + target)


def picture(path, file, dataset, colours, title, plane):
    values = file[dataset][()]
    shown = numpy.unique(numpy.linspace(0, len(values) - 1, most_frames).round().astype(int))
    frames = [plane(values)] if plane else [values[i] for i in shown]
    if not plane and len(shown) < len(values):
        title += " (%d of %d)" % (len(shown), len(values))
    limit = max(numpy.nanmax(numpy.abs(frame)) for frame in frames)
    signed = colours.startswith("RdBu")
    columns = min(4, len(frames))
    rows = -(-len(frames) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(6 if len(frames) == 1 else 3 * columns, 4.5 if len(frames) == 1 else 3 * rows), squeeze=False)
    for i, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if i < len(frames):
            axis.imshow(frames[i], cmap=colours, vmin=-limit if signed else None, vmax=limit if signed else None)
    figure.suptitle(title)
    save(figure, path)


def images_of(path, file):
    """The images that the recorded job classified, as it names them: FILE:/DATASET beside the result, or beside this script."""
    found = re.search(r"""^ *images:.*?([^\s"'{:]+):(/[^\s"',}\[]+)""", str(file["maniple"].attrs["job"]), re.MULTILINE)
    if not found:
        return None, "the job that wrote it names no images"
    for folder in (os.path.dirname(os.path.abspath(path)), here):
        name = os.path.join(folder, found.group(1))
        if os.path.exists(name):
            with h5py.File(name) as given:
                images = given[found.group(2)][()]
            if len(images) == len(file["labels"]):
                return images, None
            return None, "%s holds %d images, the result %d labels" % (name, len(images), len(file["labels"]))
    return None, "%s, which held the images, is not there" % found.group(1)


def digits(path, file):
    """The first digits with what they were taken for."""
    images, why = images_of(path, file)
    if images is None:
        print("  no picture: " + why)
        return
    labels, sure = file["labels"][:40], file["probabilities"][:40].max(1)
    figure, axes = pyplot.subplots(4, 10, figsize=(9, 4.4))
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, label, probability in zip(axes.flat, images, labels, sure):
        axis.imshow(image, cmap="gray_r")
        axis.set_title("%d (%.0f %%)" % (label, 100 * probability), fontsize=8)
    figure.suptitle("the first %d of %d images, what they were taken for, and how surely" % (len(labels), len(images)))
    save(figure, path)


def bodies(path, file):
    """Where the bodies are, seen along the third axis."""
    positions = file["positions"][()]
    figure, axis = pyplot.subplots(figsize=(6, 5))
    axis.set_aspect("equal")
    dots = axis.scatter(positions[:, 0], positions[:, 1], c=positions[:, 2], s=6, cmap="viridis")
    figure.colorbar(dots, label="third coordinate")
    axis.set_title("where the %d bodies are at the end" % len(positions))
    save(figure, path)


paths = sys.argv[1:] or sorted(os.path.join(here, name) for name in os.listdir(here) if name.endswith(".h5"))
if not paths:
    sys.exit("no results beside %s: run a job first" % here)
for path in paths:
    name = os.path.splitext(os.path.basename(path))[0]
    with h5py.File(path) as file:
        table(path, file)
        if pyplot is None:
            continue
        if name in PICTURES and PICTURES[name][0] in file:
            picture(path, file, *PICTURES[name])
        elif name == "digits-result":
            digits(path, file)
        elif name == "nbody":
            bodies(path, file)
if pyplot is None:
    print("no pictures: python3-matplotlib is not installed")
