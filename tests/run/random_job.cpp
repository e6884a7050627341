#include "random_job.hpp"

#include <algorithm>
#include <vector>

namespace maniple {

namespace {

class JobWriter {
public:
    explicit JobWriter(std::uint32_t seed) : seed_(seed), random_(seed), integers_(seed % 2 == 0) {
        type_ = integers_ ? DType::i64 : (pick(2) == 0 ? DType::f32 : DType::f64);
        shape_ = {1 + pick(pick(3) == 0 ? 60 : 12), 1 + pick(pick(3) == 0 ? 60 : 12)};
    }

    RandomJob write(int entries, bool ends) {
        add_inputs();
        const int count = entries > 0 ? entries : 1 + static_cast<int>(pick(7));
        for (int i = 0; i < count; ++i) add_entry();
        const bool loop = pick(2) == 0;
        const std::string end = loop && ends ? until() : "";
        RandomJob job;
        job.catalogue = catalogue_;
        job.sums_last = !integers_;
        job.text = "maniple: 1\nname: random\ninputs:\n" + inputs_ + "graph:\n" + entries_;
        if (loop)
            job.text += "loop: {steps: " +
                        std::to_string(1 + pick(entries > 0    ? 3
                                                : pick(4) == 0 ? 40
                                                               : 7)) +
                        carries() + end + "}\n";
        job.text += "outputs:\n" + outputs(loop);
        return job;
    }

private:
    /// In every other loop: what some value may reach, sooner or later. No sums, whose last bits may differ.
    std::string until() {
        std::mt19937 random(seed_ * 61 + 11);
        std::vector<std::string> candidates;
        for (const Value& value : values_) {
            if (!value.input && !value.summed && value.shape.rank() > 0) candidates.push_back(value.name);
        }
        if (candidates.empty() || random() % 2 == 0) return "";
        static const std::vector<std::string> limits = {"0.9", "1.5", "3", "12", "700", "999", "5000", "1e6"};
        const std::string value = candidates[random() % candidates.size()];
        const std::string limit = limits[random() % limits.size()];
        entries_ += "  reached: \"max(" + value + ")\"\n";
        return ", until: \"reached > " + limit + "\", check: " + std::to_string(1 + random() % 4);
    }

    struct Value {
        std::string name;
        Shape shape;
        bool input = false;
        bool summed = false;  ///< has gone through a floating-point sum
    };

    std::int64_t pick(std::int64_t count) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(count));
    }

    void add_input(const Shape& shape) {
        Value value{"in" + std::to_string(values_.size()), shape, true, false};
        inputs_ += "  " + value.name + ": random.h5:/" + value.name + "\n";
        catalogue_.inputs.push_back({value.name, shape, type_, {}, shape});
        values_.push_back(value);
    }

    void add_inputs() {
        add_input(shape_);
        const std::int64_t more = pick(4);
        for (std::int64_t i = 0; i < more; ++i) {
            switch (pick(6)) {
                case 0: add_input({1, shape_[1]}); break;
                case 1: add_input({shape_[0], 1}); break;
                case 2: add_input({shape_[1]}); break;
                case 3: add_input({}); break;
                default: add_input(shape_); break;
            }
        }
    }

    const Value& any_value(bool plane) {
        for (;;) {
            const Value& value = values_[static_cast<std::size_t>(pick(static_cast<std::int64_t>(values_.size())))];
            if (value.summed && !integers_) continue;
            if (!plane || value.shape == shape_) return value;
        }
    }

    void add_entry() {
        const std::string name = "v" + std::to_string(values_.size());
        switch (integers_ ? pick(6) : pick(9)) {
            case 0:
            case 1:
            case 2: add_elementwise(name); break;
            case 3:
            case 4:
            case 5: pick(3) == 0 ? add_fold(name) : add_elementwise(name); break;
            default: add_stencil(name); break;
        }
    }

    void add_elementwise(const std::string& name) {
        static const char* const operators[] = {" + ", " - ", " * "};
        const Value a = any_value(false);
        if (pick(4) == 0) {
            emit(name, a.name + operators[pick(3)] + (integers_ ? "3" : "0.75"), a.shape, a.summed);
            return;
        }
        const Value b = any_value(false);
        Shape result;
        if (!broadcast(a.shape, b.shape, result)) return;
        // Now and then of operations that nobody else reads, as a chain takes them up.
        const bool nested = pick(3) == 0;
        const auto operand = [&](const Value& value) {
            return nested ? "(" + value.name + " - " + (integers_ ? "1" : "0.5") + ")" : value.name;
        };
        emit(name, operand(a) + operators[pick(3)] + operand(b), result, a.summed || b.summed);
    }

    static bool broadcast(const Shape& a, const Shape& b, Shape& result) {
        const int rank = std::max(a.rank(), b.rank());
        result = Shape(rank, 1);
        for (int axis = 0; axis < rank; ++axis) {
            const int ia = axis - (rank - a.rank());
            const int ib = axis - (rank - b.rank());
            const std::int64_t ea = ia < 0 ? 1 : a[ia];
            const std::int64_t eb = ib < 0 ? 1 : b[ib];
            if (ea != eb && ea != 1 && eb != 1) return false;
            result[axis] = ea == 1 ? eb : ea;
        }
        return true;
    }

    void add_stencil(const std::string& name) {
        static const char* const rules[] = {"clamp", "zero", "periodic"};
        const Value u = any_value(true);
        std::string boundary;
        switch (pick(3)) {
            case 0: break;
            case 1: boundary = std::string(", boundary=") + rules[pick(3)]; break;
            default: boundary = std::string(", boundary=[") + rules[pick(3)] + ", " + rules[pick(3)] + "]"; break;
        }
        const std::string call = pick(3) == 0 ? "gradient_magnitude(" + u.name + boundary + ")"
                                              : "heat_step(" + u.name + ", alpha=0.15" + boundary + ")";
        emit(name, call, u.shape, u.summed);
    }

    void add_fold(const std::string& name) {
        const Value x = any_value(false);
        const bool sum = pick(2) == 0;
        std::string parameters;
        Shape result;
        const bool keepdims = pick(2) == 0;
        const std::int64_t axis = x.shape.rank() == 0 ? -1 : pick(x.shape.rank() + 1) - 1;
        if (axis >= 0) parameters += ", axis=" + std::to_string(pick(2) == 0 ? axis : axis - x.shape.rank());
        if (keepdims) parameters += ", keepdims=true";
        for (int i = 0; i < x.shape.rank(); ++i) {
            if (axis >= 0 && i != axis) {
                result.push_back(x.shape[i]);
            } else if (keepdims) {
                result.push_back(1);
            }
        }
        emit(name, (sum ? "sum(" : "max(") + x.name + parameters + ")", result, x.summed || (sum && !integers_));
    }

    void emit(const std::string& name, const std::string& expression, const Shape& shape, bool summed) {
        entries_ += "  " + name + ": \"" + expression + "\"\n";
        values_.push_back({name, shape, false, summed});
    }

    std::string carries() {
        std::string text;
        for (const Value& input : values_) {
            if (!input.input || pick(2) == 0) continue;
            std::vector<std::string> candidates;
            for (const Value& value : values_) {
                if (value.shape == input.shape && value.name != input.name && !(value.summed && !integers_))
                    candidates.push_back(value.name);
            }
            if (candidates.empty()) continue;
            text += (text.empty() ? "" : ", ") + input.name + ": " +
                    candidates[static_cast<std::size_t>(pick(static_cast<std::int64_t>(candidates.size())))];
        }
        return text.empty() ? "" : ", carry: {" + text + "}";
    }

    std::string outputs(bool loop) {
        std::string text;
        for (std::size_t i = 0; i < values_.size(); ++i) {
            const Value& value = values_[values_.size() - 1 - i];
            if (i > 0 && pick(3) != 0) continue;
            text += "  " + value.name + ": ";
            if (loop && pick(2) == 0) {
                text += "{to: random_out.h5:/" + value.name + ", every: " + std::to_string(1 + pick(5)) + "}\n";
            } else {
                text += "random_out.h5:/" + value.name + "\n";
            }
        }
        return text;
    }

    std::uint32_t seed_;
    std::mt19937 random_;
    bool integers_;
    DType type_ = DType::f32;
    Shape shape_;
    Catalogue catalogue_;
    std::vector<Value> values_;
    std::string inputs_;
    std::string entries_;
};

}  // namespace

RandomJob random_job(std::uint32_t seed, int entries, bool ends) {
    RandomJob job = JobWriter(seed).write(entries, ends);
    // A graph must not be empty: some seeds draw only shapes that do not broadcast.
    return job.text.find("graph:\noutputs") == std::string::npos && job.text.find("graph:\nloop") == std::string::npos
               ? job
               : random_job(seed + 1000000, entries, ends);
}

}  // namespace maniple
