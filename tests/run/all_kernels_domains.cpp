// Linear algebra, networks, stencils, signals and what has no inputs. Lipschitz constants are of the largest
// difference, values below 4.
#include <algorithm>
#include <cmath>

#include "all_kernels_draws.hpp"

namespace maniple {

namespace {

using Writer = AllKernelsWriter;

std::string text(std::int64_t value) { return std::to_string(value); }

// --- linear algebra and networks

void product(Writer& w) {
    const bool integers = w.chance(4);
    const auto whole = [](const DrawnValue& v) { return !v.real(); };
    const DrawnValue a = integers ? w.exact(2, 4, whole) : w.real(2, 4);
    const std::int64_t k = a.shape[a.rank() - 1];
    const bool transposed = w.chance(4);
    Shape shape;
    for (int axis = static_cast<int>(w.pick(a.rank() - 1)); axis < a.rank() - 2; ++axis)
        shape.push_back(w.chance(3) ? 1 : a.shape[axis]);
    const std::int64_t m = w.extent();
    shape.push_back(transposed ? m : k);
    shape.push_back(transposed ? k : m);
    const DrawnValue b = integers ? w.input(shape, w.chance(2) ? a.dtype : DType::i32) : w.real_of(shape, a.dtype);
    const auto n = static_cast<double>(k);
    w.emit((transposed ? "matmul_transposed(" : "matmul(") + a.name + ", " + b.name + ")",
           integers ? 1e300 : n * a.bound * b.bound, n * std::max(a.bound, b.bound), 64 + 4 * n);
}

void dense(Writer& w) {
    const DrawnValue x = w.real(2, 3);
    const std::int64_t k = x.shape[x.rank() - 1], m = w.extent();
    const DrawnValue f = w.real_of({k, m}, x.dtype), b = w.real_of({m}, x.dtype);
    const auto n = static_cast<double>(k);
    w.emit("dense(" + x.name + ", " + f.name + ", " + b.name + ")", n * x.bound * f.bound + b.bound,
           n * std::max(x.bound, f.bound) + 1, 64 + 4 * n);
}

void softmax(Writer& w) {
    const DrawnValue x = w.real(1, 4);
    const std::int64_t axis = w.pick(x.rank());
    std::string axes;
    if (!w.chance(4)) axes = ", axis=" + text(w.chance(2) ? axis - x.rank() : axis);
    if (x.rank() > 1 && w.chance(4)) axes = ", axis=[0, -1]";
    w.emit("softmax(" + x.name + axes + ")", 1, 1, 256);
}

/// How a standard score of n values in [-b, b] follows them, by more than which it does not amplify a difference.
double score_slope(double n, double eps) { return (2 + std::sqrt(n)) / std::sqrt(eps); }

void layer_norm(Writer& w) {
    const DrawnValue x = w.real(1, 4);
    const std::int64_t n = x.shape[x.rank() - 1];
    const DrawnValue scale = w.real_of({n}, x.dtype), bias = w.real_of({n}, x.dtype);
    const bool usual = w.chance(4);
    const double slope = score_slope(static_cast<double>(n), usual ? 1e-5 : 0.1);
    const double largest = std::sqrt(static_cast<double>(n));
    const double bound = largest * scale.bound + bias.bound;
    w.emit("layer_norm(" + x.name + ", " + scale.name + ", " + bias.name + (usual ? ")" : ", eps=0.1)"), bound,
           slope * std::max(1.0, scale.bound) + largest + 1, 64 + 4 * slope * x.bound * scale.bound / bound);
}

void normalize(Writer& w) {
    const DrawnValue x = w.real(0, 4);
    Axes axes = draw_axes(w, x.shape);
    const std::size_t keepdims = axes.text.find(", keepdims");
    const double slope = score_slope(static_cast<double>(axes.elements), 0.1);
    const double bound = std::sqrt(static_cast<double>(axes.elements));
    w.emit("normalize(" + x.name + axes.text.substr(0, keepdims) + ", eps=0.1)", bound, slope,
           64 + 4 * slope * x.bound / bound);
}

void batch_norm(Writer& w) {
    const DrawnValue x = w.real(2, 4);
    const Shape c{x.shape[1]};
    const DrawnValue scale = w.real_of(c, x.dtype), bias = w.real_of(c, x.dtype), mean = w.real_of(c, x.dtype);
    const bool given = w.chance(2);
    const DrawnValue var = given ? w.input(c, x.dtype, 0.5, 2) : w.real_of(c, x.dtype);
    const double far = 1.42 * (x.bound + mean.bound);
    w.emit("batch_norm(" + x.name + ", " + scale.name + ", " + bias.name + ", " + mean.name + ", " +
               (given ? var.name : "abs(" + var.name + ") + 0.5") + ")",
           far * scale.bound + bias.bound, 1.42 * scale.bound + far + far * scale.bound + 1, 128);
}

void conv2d(Writer& w) {
    const DrawnValue x = w.real(4, 4);
    const std::int64_t pad = w.pick(3), stride = 1 + w.pick(3), c = x.shape[1];
    const std::int64_t p = 1 + w.pick(std::min<std::int64_t>(3, x.shape[2] + 2 * pad));
    const std::int64_t q = 1 + w.pick(std::min<std::int64_t>(3, x.shape[3] + 2 * pad));
    const DrawnValue f = w.real_of({1 + w.pick(4), c, p, q}, x.dtype);
    const auto n = static_cast<double>(c * p * q);
    std::string call = "conv2d(" + x.name + ", " + f.name;
    double bound = n * x.bound * f.bound;
    if (w.chance(2)) {
        const DrawnValue b = w.real_of({f.shape[0]}, x.dtype);
        call += ", " + b.name;
        bound += b.bound;
    }
    if (!w.chance(4)) call += ", stride=" + text(stride);
    w.emit(call + ", pad=" + text(pad) + ")", bound, n * std::max(x.bound, f.bound) + 1, 64 + 4 * n);
}

void pool(Writer& w) {
    const bool largest = w.chance(2);
    const DrawnValue x = largest && w.chance(2)
                             ? w.exact(4, 4, [](const DrawnValue& v) { return v.dtype != DType::boolean; })
                             : w.real(4, 4);
    const std::int64_t size = 1 + w.pick(std::min<std::int64_t>({3, x.shape[2], x.shape[3]}));
    w.emit((largest ? "max_pool2d(" : "avg_pool2d(") + x.name + ", size=" + text(size) +
               ", stride=" + text(1 + w.pick(3)) + ")",
           x.bound, 1);
}

void cross_entropy(Writer& w) {
    const DrawnValue x = w.real(2, 2);
    const double most = std::log(static_cast<double>(x.shape[1])) + 2 * x.bound;
    if (w.chance(2)) {
        const DrawnValue ids = draw_ids(w, {x.shape[0]}, x.shape[1]);
        w.emit("cross_entropy(" + x.name + ", " + ids.name + ")", most, 2, 256);
        return;
    }
    const DrawnValue p = w.real_of(x.shape, x.dtype);
    w.emit("cross_entropy(" + x.name + ", softmax(" + p.name + ", axis=1))", most,
           2 + static_cast<double>(x.shape[1]) * most, 1024);
}

void mse(Writer& w) {
    const DrawnValue a = w.real(), b = w.beside(a, false);
    const double apart = a.bound + b.bound;
    w.emit("mse(" + a.name + ", " + b.name + ")", apart * apart, 2 * apart, 128);
}

void attention(Writer& w) {
    const DrawnValue q = w.real(2, 4);
    Shape k = q.shape, v = q.shape;
    k[k.rank() - 2] = v[v.rank() - 2] = w.extent();
    v[v.rank() - 1] = w.extent();
    const DrawnValue keys = w.real_of(k, q.dtype), values = w.real_of(v, q.dtype);
    const double root = std::sqrt(static_cast<double>(q.shape[q.rank() - 1]));
    w.emit("attention(" + q.name + ", " + keys.name + ", " + values.name + ")", values.bound,
           1 + 2 * values.bound * root * std::max(q.bound, keys.bound), 256 * (1 + 2 * root * q.bound * keys.bound));
}

void embedding(Writer& w) {
    const DrawnValue table = w.chance(2) ? w.exact(2, 2) : w.real(2, 2);
    const DrawnValue ids = draw_ids(w, w.shape(0, 2), table.shape[0]);
    w.emit("embedding(" + table.name + ", " + ids.name + ")", table.bound, 1);
}

// --- stencils

void heat(Writer& w) {
    const bool solid = w.chance(2);
    const DrawnValue u = solid ? w.real(3, 3) : w.real(2, 2);
    w.emit((solid ? "heat_step3d(" : "heat_step(") + u.name + ", alpha=0.125" + draw_boundary(w, solid ? 3 : 2) + ")",
           u.bound, 1);
}

void wave(Writer& w) {
    const DrawnValue u = w.real(2, 2), before = w.real_of(u.shape, u.dtype);
    w.emit("wave_step(" + u.name + ", " + before.name + ", c2=0.1" + draw_boundary(w, 2) + ")",
           2.8 * u.bound + before.bound, 2.8);
}

void gray_scott(Writer& w) {
    const DrawnValue u = w.real(2, 2), v = w.real_of(u.shape, u.dtype);
    const double b = std::max(u.bound, v.bound);
    w.emit("gray_scott(" + u.name + ", " + v.name + (w.chance(2) ? "" : ", feed=0.05, kill=0.03") +
               draw_boundary(w, 2) + ")",
           2.5 * b + b * b * b + 1, 2.5 + 3 * b * b, 128, 2);
}

void life(Writer& w) {
    const auto fits = [](const DrawnValue& v) { return v.dtype == DType::u8 && v.rank() == 2 && v.count() > 0; };
    const auto found = w.find(fits);
    const DrawnValue u = found && !w.chance(3) ? *found : w.input(w.shape(2, 2), DType::u8, 0, 1);
    w.emit("life(" + u.name + draw_boundary(w, 2) + ")", 1, 1);
}

void blur(Writer& w) {
    const DrawnValue u = w.real(2, 2);
    w.emit("blur(" + u.name + (w.chance(3) ? "" : ", radius=" + text(w.pick(4))) + draw_boundary(w, 2) + ")", u.bound,
           1, 128);
}

void gradient(Writer& w) {
    const DrawnValue u = w.real(2, 2);
    w.emit("gradient_magnitude(" + u.name + draw_boundary(w, 2) + ")", 1.5 * u.bound, 2);
}

// --- signals, bodies, sets

void transform(Writer& w) {
    if (w.chance(3)) {
        const DrawnValue x = w.real(1, 3);
        const auto n = static_cast<double>(x.shape[x.rank() - 1]);
        w.emit("power_spectrum(" + x.name + ")", n * x.bound * x.bound * 1.01, 2 * n * x.bound, 1024);
        return;
    }
    if (w.chance(2)) {
        const DrawnValue x = w.real(1, 3);
        const auto n = static_cast<double>(x.shape[x.rank() - 1]);
        w.emit("fft(" + x.name + ", real=true)", n * x.bound, n, 512);
        return;
    }
    const auto complex = w.find([](const DrawnValue& v) {
        return v.real() && v.rank() >= 2 && v.shape[v.rank() - 1] == 2 && v.bound <= 4 && v.error <= 0.05;
    });
    Shape shape = w.shape(1, 3);
    shape.push_back(2);
    const DrawnValue x = complex ? *complex : w.input(shape, w.real_type());
    const auto n = static_cast<double>(x.shape[x.rank() - 2]);
    if (w.chance(2)) {
        w.emit("fft(" + x.name + ")", 1.42 * n * x.bound, 1.42 * n, 512);
    } else {
        w.emit("ifft(" + x.name + ")", 1.42 * x.bound, 1.42, 512 * n);
    }
}

void bodies(Writer& w) {
    const std::int64_t n = 1 + w.pick(20);
    const DrawnValue at = w.real_of({n, 3}, w.real_type()), masses = w.real_of({n}, at.dtype);
    const auto count = static_cast<double>(n);
    w.emit("nbody_forces(" + at.name + ", " + masses.name + ", softening=0.5)", count * 1.6 * masses.bound,
           count * (32 * masses.bound + 1.6), 512);
}

void fractal(Writer& w) {
    const std::int64_t turns = w.pick(40);
    w.emit("mandelbrot(width=" + text(w.extent()) + ", height=" + text(w.extent()) +
               ", xmin=-2, xmax=0.5, ymin=-1.25, ymax=1.2, iterations=" + text(turns) + ")",
           static_cast<double>(turns), 1);
}

}  // namespace

const std::vector<Recipe>& domain_recipes() {
    static const std::vector<Recipe> all = {{"product", product},
                                            {"dense", dense},
                                            {"softmax", softmax},
                                            {"layer_norm", layer_norm},
                                            {"normalize", normalize},
                                            {"batch_norm", batch_norm},
                                            {"conv2d", conv2d},
                                            {"pool", pool},
                                            {"cross_entropy", cross_entropy},
                                            {"mse", mse},
                                            {"attention", attention},
                                            {"embedding", embedding},
                                            {"heat", heat},
                                            {"wave", wave},
                                            {"gray_scott", gray_scott},
                                            {"life", life},
                                            {"blur", blur},
                                            {"gradient", gradient},
                                            {"transform", transform},
                                            {"transform", transform},
                                            {"bodies", bodies},
                                            {"fractal", fractal}};
    return all;
}

const std::vector<Recipe>& all_recipes() {
    static const std::vector<Recipe> all = [] {
        std::vector<Recipe> both = basic_recipes();
        both.insert(both.end(), domain_recipes().begin(), domain_recipes().end());
        return both;
    }();
    return all;
}

}  // namespace maniple
