#include "all_kernels_draws.hpp"

namespace maniple {

std::string list_text(const std::vector<std::int64_t>& values) {
    std::string text = "[";
    for (const std::int64_t value : values) text += (text.size() > 1 ? ", " : "") + std::to_string(value);
    return text + "]";
}

Axes draw_axes(AllKernelsWriter& w, const Shape& shape) {
    Axes axes;
    std::vector<std::int64_t> chosen;
    for (int axis = 0; axis < shape.rank(); ++axis) {
        if (!w.chance(2)) continue;
        chosen.push_back(w.chance(3) ? axis - shape.rank() : axis);
        axes.elements *= shape[axis];
    }
    if (chosen.empty()) {
        axes.elements = element_count(shape);
    } else if (chosen.size() == 1 && w.chance(2)) {
        axes.text = ", axis=" + std::to_string(chosen[0]);
    } else {
        axes.text = ", axis=" + list_text(chosen);
    }
    if (w.chance(3)) axes.text += ", keepdims=true";
    return axes;
}

DrawnValue draw_small(AllKernelsWriter& w) {
    return w.exact(0, 4, [](const DrawnValue& v) { return !v.real() && v.bound <= 100; });
}

DrawnValue draw_condition(AllKernelsWriter& w, const DrawnValue& other) {
    const auto found = w.find([&](const DrawnValue& v) {
        return v.dtype == DType::boolean && v.exact() && (v.shape == other.shape || v.rank() == 0);
    });
    if (found && !w.chance(4)) return *found;
    Shape shape;
    for (int axis = static_cast<int>(w.pick(other.rank() + 1)); axis < other.rank(); ++axis)
        shape.push_back(w.chance(4) ? 1 : other.shape[axis]);
    return w.input(shape, DType::boolean);
}

DrawnValue draw_ids(AllKernelsWriter& w, const Shape& shape, std::int64_t count) {
    const auto found = w.find([&](const DrawnValue& v) {
        return (v.dtype == DType::i32 || v.dtype == DType::i64) && v.shape == shape && v.exact();
    });
    if (!found) return w.input(shape, w.chance(2) ? DType::i32 : DType::i64, 0, static_cast<double>(count - 1));
    DrawnValue ids = *found;
    ids.name = "clip(" + ids.name + ", min=0, max=" + std::to_string(count - 1) + ")";
    return ids;
}

std::string draw_boundary(AllKernelsWriter& w, int axes) {
    static const char* const rules[] = {"clamp", "zero", "periodic"};
    switch (w.pick(3)) {
        case 0: return "";
        case 1: return std::string(", boundary=") + rules[w.pick(3)];
        default: break;
    }
    std::string text = ", boundary=[";
    for (int axis = 0; axis < axes; ++axis) text += std::string(axis > 0 ? ", " : "") + rules[w.pick(3)];
    return text + "]";
}

}  // namespace maniple
