// Elementwise kernels, reductions and layout. Lipschitz constants are of the largest difference, values below 4.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "all_kernels_draws.hpp"

namespace maniple {

namespace {

using Writer = AllKernelsWriter;

// --- elementwise

void arithmetic(Writer& w) {
    static const char* const words[] = {" + ", " - ", " * "};
    const bool integers = w.chance(3);
    const DrawnValue a = integers ? w.exact(0, 4, [](const DrawnValue& v) { return !v.real(); }) : w.real();
    const DrawnValue b = w.beside(a, false);
    const bool bools = a.dtype == DType::boolean || b.dtype == DType::boolean;
    const std::int64_t word = w.pick(3);
    const double bound = word == 2 ? a.bound * b.bound : a.bound + b.bound;
    // An integer may wrap: then all that is known of it is its type.
    w.emit(a.name + words[bools && word == 1 ? 0 : word] + b.name, integers ? 1e300 : bound,
           word == 2 ? std::max({1.0, a.bound, b.bound}) : 1);
}

void with_number(Writer& w) {
    const DrawnValue a = w.real();
    static const char* const numbers[] = {" * 0.75", " + 1", " - 0.5"};
    w.emit(a.name + numbers[w.pick(3)], a.bound + 1, 1);
}

void division(Writer& w) {
    const DrawnValue a = w.real(), b = w.beside(a, false);
    if (w.chance(3)) {
        const DrawnValue n = draw_small(w), m = draw_small(w);
        w.emit("mean(" + n.name + ") / (square(mean(" + m.name + ")) + 1)", 101, 2);
        return;
    }
    w.emit(a.name + " / (abs(" + b.name + ") + 1)", a.bound, 1 + a.bound);
}

void integer_division(Writer& w) {
    const DrawnValue a = w.exact(0, 4, [](const DrawnValue& v) { return !v.real() && v.bound <= 1000; });
    w.emit(a.name + " / 3", a.bound, 1);
}

void extremes(Writer& w) {
    const bool integers = w.chance(3);
    const DrawnValue a = integers ? w.exact(0, 4, [](const DrawnValue& v) { return !v.real(); }) : w.real();
    const DrawnValue b = w.beside(a, false);
    w.emit((w.chance(2) ? "maximum(" : "minimum(") + a.name + ", " + b.name + ")",
           integers ? 1e300 : std::max(a.bound, b.bound), 1);
}

void power(Writer& w) {
    const DrawnValue a = w.real(), b = w.beside(a, false);
    w.emit("pow(abs(" + a.name + ") + 0.5, " + b.name + " * 0.25)", 4.5, 5, 512);
}

void functions(Writer& w) {
    static const struct {
        const char *before, *after;
        double bound, lipschitz, roundings;
    } all[] = {{"exp(", " * 0.25)", 2.72, 0.7, 128},
               {"log(abs(", ") + 0.5)", 1.6, 2, 128},
               {"sqrt(abs(", ") + 0.25)", 2.1, 1, 64},
               {"sin(", ")", 1, 1, 256},
               {"cos(", ")", 1, 1, 256},
               {"tanh(", ")", 1, 1, 128},
               {"sigmoid(", ")", 1, 0.25, 128},
               {"gelu(", ")", 4, 1.2, 512}};
    const auto& one = all[w.pick(8)];
    w.emit(one.before + w.real().name + one.after, one.bound, one.lipschitz, one.roundings);
}

void signs(Writer& w) {
    const auto number = [](const DrawnValue& v) { return v.dtype != DType::boolean; };
    static const char* const words[] = {"neg(", "abs(", "square(", "relu(", "-("};
    const std::int64_t word = w.pick(5);
    if (w.chance(3)) {
        const DrawnValue x = w.exact(0, 4, [&](const DrawnValue& v) {
            return !v.real() && number(v) && (word != 3 || v.dtype == DType::i32 || v.dtype == DType::i64);
        });
        w.emit(words[word] + x.name + ")", 1e300, 1);
        return;
    }
    const DrawnValue x = w.real();
    w.emit(words[word] + x.name + ")", word == 2 ? x.bound * x.bound : x.bound, word == 2 ? 2 * x.bound + 1 : 1);
}

void clipped(Writer& w) {
    if (w.chance(3)) {
        const DrawnValue x = w.exact(0, 4, [](const DrawnValue& v) { return !v.real() && v.dtype != DType::boolean; });
        w.emit("clip(" + x.name + ", min=2, max=5)", 5, 1);
        return;
    }
    w.emit("clip(" + w.real().name + ", min=-0.5, max=0.75)", 0.75, 1);
}

void axpy(Writer& w) {
    const DrawnValue x = w.real(), y = w.beside(x, false);
    w.emit("axpy(" + x.name + ", " + y.name + ", a=0.75)", x.bound + y.bound, 1);
}

void chosen(Writer& w) {
    const DrawnValue a = w.real(), b = w.beside(a, false), c = draw_condition(w, a);
    w.emit("where(" + c.name + ", " + a.name + ", " + b.name + ")", std::max(a.bound, b.bound), 1);
}

void cast_down(Writer& w) {  // what is not exact stays real
    static const char* const reals[] = {"f32", "f64", "f16"};
    const DrawnValue x = w.real();
    w.emit("cast(" + x.name + ", dtype=" + reals[w.pick(3)] + ")", x.bound, 1);
}

void cast_any(Writer& w) {
    const DrawnValue x = w.exact();
    DType to = w.any_type();
    if (is_floating(to) && x.bound > 1000) to = DType::i64;
    const bool wraps = !is_floating(to) && to != DType::i64 && to != DType::i32;
    w.emit("cast(" + x.name + (w.chance(2) && !is_floating(to) && x.real() ? " * 3" : "") +
               ", dtype=" + std::string(name_of(to)) + ")",
           to == DType::boolean     ? 1
           : wraps || x.bound > 1e9 ? 1e300
                                    : 3 * x.bound,
           1);
}

void comparison(Writer& w) {
    static const char* const words[] = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"};
    const DrawnValue a = w.exact(), b = w.beside(a, true);
    w.emit(words[w.pick(6)] + ("(" + a.name + ", " + b.name) + ")", 1, 1);
}

void logic(Writer& w) {
    const DrawnValue a = w.exact(0, 4, [](const DrawnValue& v) { return v.dtype == DType::boolean; });
    const DrawnValue b = w.beside(a, true);
    switch (w.pick(4)) {
        case 0: w.emit("logical_not(" + a.name + ")", 1, 1); break;
        case 1: w.emit("logical_and(" + a.name + ", " + b.name + ")", 1, 1); break;
        case 2: w.emit("logical_or(" + a.name + ", " + b.name + ")", 1, 1); break;
        default: w.emit("not " + a.name + " and " + b.name, 1, 1); break;
    }
}

// --- reductions

void reduction(Writer& w) {
    static const char* const words[] = {"sum", "mean", "max", "min", "norm2", "variance", "prod"};
    const std::int64_t word = w.pick(7);
    const bool integers = w.chance(4);
    const DrawnValue x = integers ? draw_small(w) : w.real();
    const Axes axes = draw_axes(w, x.shape);
    const auto n = static_cast<double>(axes.elements);
    const double b = x.bound;
    const double bounds[] = {n * b, b, b, b, std::sqrt(n) * b, b * b, 1};
    const double lipschitz[] = {n, 1, 1, 1, std::sqrt(n), 4 * b, n};
    if (word == 6 && !integers) {
        w.emit("prod(clip(" + x.name + ", min=-1, max=1)" + axes.text + ")", 1, n);
        return;
    }
    w.emit(words[word] + ("(" + x.name) + axes.text + ")", word == 6 ? 1e300 : bounds[word], lipschitz[word]);
}

void moments(Writer& w) {
    const DrawnValue x = w.chance(4) ? draw_small(w) : w.real();
    w.emit("moments(" + x.name + draw_axes(w, x.shape).text + ")", std::max(x.bound, x.bound * x.bound),
           std::max(1.0, 4 * x.bound), 64, 2);
}

void place_of_extreme(Writer& w) {
    const DrawnValue x = w.exact();
    const Axes axes = draw_axes(w, x.shape);
    w.emit((w.chance(2) ? "argmax(" : "argmin(") + x.name + axes.text + ")", static_cast<double>(axes.elements), 1);
}

void histogram(Writer& w) {
    const DrawnValue x = w.exact(0, 4, [](const DrawnValue& v) { return v.dtype != DType::boolean; });
    w.emit("histogram(" + x.name + ", bins=" + std::to_string(1 + w.pick(9)) + ", min=-0.75, max=2)",
           static_cast<double>(x.count()), 1);
}

// --- layout

DrawnValue any(Writer& w, int least_rank) { return w.chance(2) ? w.exact(least_rank) : w.real(least_rank); }

void transposed(Writer& w) {
    const DrawnValue x = any(w, 0);
    std::vector<std::int64_t> axes(static_cast<std::size_t>(x.rank()));
    std::iota(axes.begin(), axes.end(), w.chance(3) ? -x.rank() : 0);
    for (std::size_t i = axes.size(); i > 1; --i)
        std::swap(axes[i - 1], axes[static_cast<std::size_t>(w.pick(static_cast<std::int64_t>(i)))]);
    w.emit("transpose(" + x.name + (w.chance(4) ? "" : ", axes=" + list_text(axes)) + ")", x.bound, 1);
}

void reshaped(Writer& w) {
    const DrawnValue x = any(w, 0);
    std::vector<std::int64_t> shape;
    std::int64_t left = x.count();
    while (left > 1 && shape.size() < 4) {
        std::int64_t factor = 1 + w.pick(left);
        while (left % factor != 0) --factor;
        shape.push_back(factor);
        left /= factor;
    }
    if (left > 1 || w.chance(4)) shape.push_back(w.chance(2) ? -1 : left);
    w.emit("reshape(" + x.name + ", shape=" + list_text(shape) + ")", x.bound, 1);
}

void joined(Writer& w) {
    const DrawnValue x = any(w, 1);
    const std::int64_t axis = w.pick(x.rank());
    std::string parts = x.name;
    double bound = x.bound;
    for (std::int64_t more = 1 + w.pick(3); more > 0; --more) {
        const auto y = w.find([&](const DrawnValue& v) {
            if (v.rank() != x.rank() || v.dtype != x.dtype || v.bound > std::max(4.0, x.bound)) return false;
            for (int i = 0; i < v.rank(); ++i) {
                if (i != axis && v.shape[i] != x.shape[i]) return false;
            }
            return v.count() < 300;
        });
        parts += ", " + (y ? *y : x).name;
        bound = std::max(bound, (y ? *y : x).bound);
    }
    w.emit("concat(" + parts + ", axis=" + std::to_string(w.chance(3) ? axis - x.rank() : axis) + ")", bound, 1);
}

void sliced(Writer& w) {
    const DrawnValue x = any(w, 1);
    const std::int64_t axis = w.pick(x.rank());
    const std::int64_t start = w.pick(x.shape[static_cast<int>(axis)]);
    const std::int64_t stop = start + 1 + w.pick(x.shape[static_cast<int>(axis)] - start);
    std::string text = ", axis=" + std::to_string(w.chance(3) ? axis - x.rank() : axis);
    if (!w.chance(4)) text += ", start=" + std::to_string(start);
    if (!w.chance(4)) text += ", stop=" + std::to_string(stop);
    if (!w.chance(3)) text += ", step=" + std::to_string(1 + w.pick(3));
    w.emit("slice(" + x.name + text + ")", x.bound, 1);
}

}  // namespace

const std::vector<Recipe>& basic_recipes() {
    static const std::vector<Recipe> all = {{"arithmetic", arithmetic},
                                            {"with_number", with_number},
                                            {"division", division},
                                            {"integer_division", integer_division},
                                            {"extremes", extremes},
                                            {"power", power},
                                            {"functions", functions},
                                            {"functions", functions},
                                            {"signs", signs},
                                            {"clipped", clipped},
                                            {"axpy", axpy},
                                            {"chosen", chosen},
                                            {"cast_down", cast_down},
                                            {"cast_any", cast_any},
                                            {"comparison", comparison},
                                            {"comparison", comparison},
                                            {"logic", logic},
                                            {"reduction", reduction},
                                            {"reduction", reduction},
                                            {"moments", moments},
                                            {"place_of_extreme", place_of_extreme},
                                            {"histogram", histogram},
                                            {"transposed", transposed},
                                            {"reshaped", reshaped},
                                            {"joined", joined},
                                            {"sliced", sliced}};
    return all;
}

}  // namespace maniple
