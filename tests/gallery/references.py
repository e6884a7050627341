"""What the jobs of jobs/ must give, computed by NumPy and SciPy from the job's inputs and the numbers used here."""
import numpy
import scipy.special


def laplace(u, mode, **options):
    e = numpy.pad(u, 1, mode=mode, **options)
    return (((e[:-2, 1:-1] + e[2:, 1:-1]) + e[1:-1, :-2]) + e[1:-1, 2:]) - u.dtype.type(4) * u


def softmax(x, axis):
    return scipy.special.softmax(x.astype("f8"), axis=axis)


def digits(data):
    images, model = data("data/digits.h5"), data("data/digits-model.h5")
    x = (images["images"][()].astype("f4") / numpy.float32(255)).reshape(-1, 784).astype("f8")
    for layer in (1, 2, 3):
        kernel, bias = model["dense%d/kernel" % layer][()].astype("f8"), model["dense%d/bias" % layer][()]
        x = x @ kernel + bias
        x = numpy.maximum(x, 0) if layer < 3 else x
    p = softmax(x, 1)
    best = p.argmax(1)
    return {"probabilities": p, "labels": best, "accuracy": numpy.mean(best == images["labels"][()])}


def mandelbrot(data, width, height, iterations):
    f = numpy.float32
    dx, dy = f((0.75 + 2.25) / width), f(2 / height)
    cx = f(-2.25) + (numpy.arange(width, dtype=f) + f(0.5)) * dx
    cy = (f(-1) + (numpy.arange(height, dtype=f) + f(0.5)) * dy)[:, None]
    x, y, count = (numpy.zeros((height, width), kind) for kind in (f, f, "i4"))
    alive = numpy.ones((height, width), bool)
    with numpy.errstate(all="ignore"):
        for _ in range(iterations):
            x, y = (x * x - y * y) + cx, (f(2) * x) * y + cy
            alive &= x * x + y * y <= f(4)
            count += alive
    return {"iterations": count, "inside": numpy.sum(count == iterations)}


def philox(seed, count):
    """Philox4x32-10 words [count, 4] of the counters 0 … count - 1."""
    c = numpy.zeros((4, count), "u8")
    c[0] = numpy.arange(count, dtype="u8")
    keys = [numpy.uint64(seed & 0xFFFFFFFF), numpy.uint64(seed >> 32)]
    low = numpy.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = c[0] * numpy.uint64(0xD2511F53), c[2] * numpy.uint64(0xCD9E8D57)
        c = numpy.stack([(b >> numpy.uint64(32)) ^ c[1] ^ keys[0], b & low, (a >> numpy.uint64(32)) ^ c[3] ^ keys[1], a & low])
        keys = [(keys[0] + numpy.uint64(0x9E3779B9)) & low, (keys[1] + numpy.uint64(0xBB67AE85)) & low]
    return c.T


def uniform(seed, shape, low=0.0, high=1.0):
    count = int(numpy.prod(shape))
    words = philox(seed, (count + 3) // 4).reshape(-1)[:count]
    unit = (words >> numpy.uint64(8)).astype("f8") * 2.0 ** -24
    return (low + (high - low) * unit).astype("f4").reshape(shape)


def normal(seed, shape, mean=0.0, std=1.0):
    count = int(numpy.prod(shape))
    pairs = (count + 1) // 2
    w = philox(seed, pairs)
    u = (((w[:, 0::2] << numpy.uint64(32)) + w[:, 1::2]) >> numpy.uint64(11)).astype("f8") * 2.0 ** -53
    r = numpy.sqrt(-2 * numpy.log(1 - u[:, 0]))
    both = numpy.stack([r * numpy.cos(2 * numpy.pi * u[:, 1]), r * numpy.sin(2 * numpy.pi * u[:, 1])], 1)
    return (mean + std * both.reshape(-1)[:count]).astype("f4").reshape(shape)


def he_normal(seed, shape):
    return normal(seed, shape, std=numpy.sqrt(2 / numpy.prod(shape[:-1])))


def heat3d(data, n, steps, spread=1):
    u = uniform(4, (n, n, n), 0, 100)
    f = u.dtype.type
    hottest, coldest, mean = [], [], []
    for step in range(1, steps + 1):
        e = numpy.pad(u, ((1, 1), (0, 0), (0, 0)))
        e = numpy.pad(e, ((0, 0), (1, 1), (0, 0)), mode="edge")
        e = numpy.pad(e, ((0, 0), (0, 0), (1, 1)), mode="wrap")
        c = e[:, 1:-1, 1:-1]
        around = (((((c[:-2] + c[2:]) + e[1:-1, :-2, 1:-1]) + e[1:-1, 2:, 1:-1]) + e[1:-1, 1:-1, :-2]) + e[1:-1, 1:-1, 2:])
        u = u + f(0.15) * (around - f(6) * u)
        if step % 10 == 0:
            hottest.append(u.max())
            coldest.append(u.min())
            mean.append(numpy.mean(u, dtype="f8"))
        if float(u.max()) - float(u.min()) < spread:
            break
    return {"temperature": u, "hottest": numpy.array(hottest), "coldest": numpy.array(coldest), "mean": numpy.array(mean),
            "steps": step}


def wave(data, steps):
    u = data("data/fields.h5")["drop"][()]
    before = u
    f = u.dtype.type
    film, heights = [], []
    for step in range(1, steps + 1):
        u, before = (f(2) * u - before) + f(0.25) * laplace(u, "constant"), u
        heights.append(numpy.abs(u).max())
        if step % 40 == 0:
            film.append(u)
    return {"surface": numpy.array(film), "height": numpy.array(heights)}


def gray_scott(data, steps):
    fields = data("data/fields.h5")
    u, v = fields["gray_scott/u"][()], fields["gray_scott/v"][()]
    f = u.dtype.type
    feed, kill, amount = f(0.0367), f(0.0649), []
    for step in range(1, steps + 1):
        reaction = u * (v * v)
        u, v = (u + f(1) * ((f(0.16) * laplace(u, "wrap") - reaction) + feed * (f(1) - u)),
                v + f(1) * ((f(0.08) * laplace(v, "wrap") + reaction) - (feed + kill) * v))
        if step % 100 == 0:
            amount.append(numpy.sum(v, dtype="f8"))
    return {"u": u, "v": v, "amount": numpy.array(amount)}


def life(data, steps):
    u = data("data/fields.h5")["life"][()]
    living = []
    for _ in range(steps):
        e = numpy.pad(u, 1)
        around = sum(e[1 + y:97 + y, 1 + x:129 + x].astype(int) for y in (-1, 0, 1) for x in (-1, 0, 1)) - u
        u = ((around == 3) | ((around == 2) & (u == 1))).astype("u1")
        living.append(int(u.sum()))
    return {"cells": u, "living": numpy.array(living)}


def nbody(data, n, steps):
    r, v, m = normal(1, (n, 3)).astype("f8"), normal(2, (n, 3), std=0.1).astype("f8"), uniform(3, (n,), 0.0005, 0.0015).astype("f8")
    momentum = []
    for _ in range(steps):
        away = r[None] - r[:, None]
        distance = numpy.sum(away ** 2, -1) + 0.01
        v = v + 0.01 * numpy.sum(m[None, :, None] * away / distance[..., None] ** 1.5, 1)
        r = r + 0.01 * v
        momentum.append(numpy.sum(v * m[:, None], 0))
    return {"positions": r, "velocities": v, "momentum": numpy.array(momentum)}


def climate(data):
    file = data("data/levitus.h5")
    anomalies, means, points = [], [], []
    for name in ("TEMP", "SALT"):
        x = file[name][()].astype("f8")
        x[x == file[name].attrs["_FillValue"][0]] = numpy.nan
        wet = ~numpy.isnan(x)
        points.append(wet.sum((1, 2)))
        means.append(numpy.where(wet, x, 0).sum((1, 2)) / points[-1])
        anomalies.append(numpy.where(wet, x - means[-1][:, None, None], 0))
    t, s = anomalies
    e = numpy.pad(numpy.pad(t[0], ((2, 2), (0, 0)), mode="edge"), ((0, 0), (2, 2)), mode="wrap")
    smooth = sum(e[y:y + 180, x:x + 360] for y in range(5) for x in range(5)) / 25
    spectrum = numpy.mean(numpy.abs(numpy.fft.rfft(t)) ** 2 / 360, 1)
    both = (t * s).sum((1, 2)) / numpy.sqrt((t * t).sum((1, 2)) * (s * s).sum((1, 2)))
    return {"temperature/mean": means[0], "salinity/mean": means[1], "points": points[0], "temperature/anomaly": t,
            "temperature/surface": smooth, "temperature/spectrum": spectrum, "correlation": both}


def transformer_block(data):
    x = normal(1, (4, 64, 128)).astype("f8")
    w = {name: he_normal(seed, shape).astype("f8") for name, seed, shape in
         [("q", 2, (128, 128)), ("k", 3, (128, 128)), ("v", 4, (128, 128)), ("o", 5, (128, 128)), ("1", 6, (128, 512)), ("2", 7, (512, 128))]}
    b1, b2 = normal(8, (512,), std=0.02), normal(9, (128,), std=0.02)
    norm = lambda a: (a - a.mean(-1, keepdims=True)) / numpy.sqrt(a.var(-1, keepdims=True) + 1e-5)
    heads = lambda a: a.reshape(4, 64, 4, 32).transpose(0, 2, 1, 3)
    n = norm(x)
    q, k, v = (heads(n @ w[name]) for name in "qkv")
    mixed = softmax(q @ k.swapaxes(-1, -2) / numpy.sqrt(32), -1) @ v
    y = x + mixed.transpose(0, 2, 1, 3).reshape(4, 64, 128) @ w["o"]
    h = norm(y) @ w["1"] + b1
    h = h * 0.5 * scipy.special.erfc(-h / numpy.sqrt(2))
    return {"z": y + h @ w["2"] + b2}


def deep_mlp(data, rows=512, width=128):
    x = normal(1, (rows, width)).astype("f8")
    for layer in range(1, 1001):
        x = numpy.maximum(x @ he_normal(100 + layer, (width, width)).astype("f8"), 0)
    return {"h": x, "strength": x.mean(0)}


def conv2d(x, w, pad):
    x = numpy.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows, columns = x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1
    return sum(numpy.einsum("ncyx,oc->noyx", x[:, :, p:p + rows, q:q + columns], w[:, :, p, q])
               for p in range(w.shape[2]) for q in range(w.shape[3]))


def unet_like(data, images=24):
    def layer(x, number):
        w = normal(1 + number, (8, 8, 3, 3), std=0.15 if number < 5 else 0.1).astype("f8")
        return numpy.maximum(conv2d(x, w, 1), 0)

    early = [normal(1, (images, 8, 32, 32)).astype("f8")]
    for number in (1, 2, 3, 4):
        early.append(layer(early[-1], number))
    x = layer(early[4], 5)
    for number in (6, 7, 8):
        x = layer(x + early[9 - number], number)
    return {"images": x}
