#include "all_kernels_job.hpp"

#include <algorithm>
#include <cmath>

namespace maniple {

namespace {

constexpr double tamest = 4;          ///< what is larger is not read again
constexpr double coarsest = 0.05;     ///< nor what is less certain
constexpr double loose_error = 1e-3;  ///< of carried inputs: what the value carried into them must keep below

std::string number(double value) {
    std::string text = std::to_string(value);
    return value < 1e-4 ? "0" : text;
}

/// How far two results of so many operations that round may be apart. f16 is computed in f32 and rounded once an
/// operation; `slope`: by how much the last operations enlarge that of the first.
double rounding(DType coarsest_type, double bound, double roundings, double slope) {
    if (coarsest_type == DType::f64) return std::ldexp(bound * roundings, -52);
    const double single = std::ldexp(bound * roundings, -23);
    return coarsest_type == DType::f16 ? single + slope * (std::ldexp(bound * 4, -10) + std::ldexp(1, -14)) : single;
}

/// The type of least precision in which anything of the entry is computed.
DType coarsest_of(const Graph& graph) {
    DType coarsest_type = DType::f64;
    for (const Tensor& tensor : graph.tensors) {
        if (tensor.dtype == DType::f16) return DType::f16;
        if (tensor.dtype == DType::f32) coarsest_type = DType::f32;
    }
    return coarsest_type;
}

double largest(DType dtype) {
    switch (dtype) {
        case DType::boolean: return 1;
        case DType::u8: return 255;
        case DType::i32: return 2147483648.0;
        case DType::u32: return 4294967295.0;
        default: return 9223372036854775808.0;
    }
}

/// Where a kernel of the entry is not exact.
bool all_exact(const Graph& graph) {
    return std::all_of(graph.operations.begin(), graph.operations.end(),
                       [](const Operation& operation) { return operation.kernel->types[operation.types].exact; });
}

}  // namespace

AllKernelsWriter::AllKernelsWriter(std::uint32_t seed, const KernelRegistry& registry)
    : registry_(registry), random_(seed * 2654435761u + 11), loop_(chance(3)) {}

std::int64_t AllKernelsWriter::extent() { return 1 + pick(chance(4) ? 12 : 6); }

Shape AllKernelsWriter::shape(int least_rank, int most_rank) {
    const int rank = least_rank + static_cast<int>(pick(most_rank - least_rank + 1));
    Shape result;
    for (int axis = 0; axis < rank; ++axis) result.push_back(rank == 1 && chance(2) ? 1 + pick(60) : extent());
    while (element_count(result) > 400) {
        for (int axis = 0; axis < rank; ++axis) result[axis] = (result[axis] + 1) / 2;
    }
    return result;
}

DrawnValue AllKernelsWriter::input(const Shape& shape, DType dtype) {
    if (dtype == DType::boolean) return input(shape, dtype, 0, 1);
    if (is_floating(dtype)) return input(shape, dtype, -1, 1);
    const double most = chance(4) ? 100 : 9;
    return input(shape, dtype, dtype == DType::u8 || dtype == DType::u32 ? 0 : -most, most);
}

DrawnValue AllKernelsWriter::input(const Shape& shape, DType dtype, double low, double high) {
    DrawnValue value{"in" + std::to_string(values_.size()), shape, dtype, std::max(-low, high), 0, true};
    // Not what stands for ids, variances or masses: those have a range to keep.
    value.carried = loop_ && (low < 0 || (low == 0 && high == 1 && dtype == DType::boolean)) && chance(2);
    if (value.carried && (dtype == DType::f32 || dtype == DType::f64) && chance(2))
        value.error = dtype == DType::f32 ? loose_error : loose_error * 1e-6;
    inputs_ += "  " + value.name + ": random.h5:/" + value.name + "\n";
    ranges_[value.name] = {low, high};
    values_.push_back(value);
    return value;
}

std::optional<DrawnValue> AllKernelsWriter::find(const Test& test) {
    std::vector<const DrawnValue*> fitting;
    for (const DrawnValue& value : values_) {
        if (test(value)) fitting.push_back(&value);
    }
    if (fitting.empty()) return std::nullopt;
    return *fitting[static_cast<std::size_t>(pick(static_cast<std::int64_t>(fitting.size())))];
}

DrawnValue AllKernelsWriter::real(int least_rank, int most_rank) {
    const auto found = find([&](const DrawnValue& value) {
        return value.real() && value.rank() >= least_rank && value.rank() <= most_rank && value.bound <= tamest &&
               value.error <= coarsest && value.count() > 0;
    });
    return found && !chance(6) ? *found : input(shape(least_rank, most_rank), real_type());
}

DrawnValue AllKernelsWriter::real_of(const Shape& shape, DType dtype) {
    const auto found = find([&](const DrawnValue& value) {
        return value.real() && value.shape == shape && value.bound <= tamest && value.error <= coarsest;
    });
    return found && !chance(3) ? *found : input(shape, chance(5) ? real_type() : dtype);
}

DrawnValue AllKernelsWriter::exact(int least_rank, int most_rank, const Test& also) {
    const auto fits = [&](const DrawnValue& value) {
        return value.exact() && value.rank() >= least_rank && value.rank() <= most_rank && value.count() > 0 &&
               (!value.real() || value.bound <= tamest) && (!also || also(value));
    };
    const auto found = find(fits);
    if (found && !chance(6)) return *found;
    for (;;) {
        const DrawnValue value = input(shape(least_rank, most_rank), any_type());
        if (fits(value)) return value;
    }
}

DrawnValue AllKernelsWriter::beside(const DrawnValue& other, bool exact) {
    const auto found = find([&](const DrawnValue& value) {
        if (value.real() != other.real() || (exact && !value.exact())) return false;
        if (value.real() && (value.bound > tamest || value.error > coarsest)) return false;
        for (int i = 1; i <= std::min(value.rank(), other.rank()); ++i) {
            const std::int64_t a = value.shape[value.rank() - i], b = other.shape[other.rank() - i];
            if (a != b && a != 1 && b != 1) return false;
        }
        return value.count() * other.count() <= 4000;
    });
    if (found && !chance(4)) return *found;
    Shape shape;
    for (int axis = static_cast<int>(pick(other.rank() + 1)); axis < other.rank(); ++axis)
        shape.push_back(chance(4) ? 1 : other.shape[axis]);
    for (;;) {
        const DrawnValue value = input(shape, chance(2) ? other.dtype : any_type());
        if (value.real() == other.real() && (!exact || value.exact())) return value;
    }
}

AllKernelsWriter::Entry AllKernelsWriter::understand(const std::string& names, const std::vector<std::string>& results,
                                                     const std::string& expression) {
    Catalogue catalogue;
    for (const DrawnValue& value : values_)
        catalogue.inputs.push_back({value.name, value.shape, value.dtype, {}, value.shape});
    std::string text = "maniple: 1\nname: entry\n";
    if (!values_.empty()) text += "inputs:\n";
    for (const DrawnValue& value : values_) text += "  " + value.name + ": random.h5:/" + value.name + "\n";
    text += "graph:\n  " + names + ": \"" + expression + "\"\noutputs:\n";
    for (const std::string& name : results) text += "  " + name + ": random_out.h5:/" + name + "\n";
    Entry entry;
    try {
        entry.graph = build_graph(parse_job(text, "entry.yaml"), catalogue, registry_);
    } catch (const JobError& error) { throw std::runtime_error(std::string(error.what()) + "\n" + text); }
    entry.exact = all_exact(entry.graph);
    for (const Operation& operation : entry.graph.operations) {
        for (const TensorId id : operation.inputs) {
            for (DrawnValue& value : values_) {
                if (entry.graph[id].kind != Tensor::Kind::input || value.name != entry.graph[id].name) continue;
                value.read = true;
            }
        }
    }
    for (const Tensor& tensor : entry.graph.tensors) {
        for (const DrawnValue& value : values_) {
            if (tensor.kind == Tensor::Kind::input && value.name == tensor.name && !tensor.readers.empty())
                entry.read_error += value.error;
        }
    }
    return entry;
}

void AllKernelsWriter::emit(const std::string& expression, double bound, double lipschitz, double roundings,
                            int results) {
    std::string names;
    std::vector<std::string> list;
    for (int i = 0; i < results; ++i) {
        list.push_back("v" + std::to_string(values_.size() + static_cast<std::size_t>(i)));
        names += (i > 0 ? ", " : "") + list.back();
    }
    const Entry entry = understand(names, list, expression);
    for (const std::string& name : list) {
        const auto tensor = std::find_if(entry.graph.tensors.begin(), entry.graph.tensors.end(),
                                         [&](const Tensor& each) { return each.name == name; });
        DrawnValue value{name, tensor->shape, tensor->dtype, bound, 0};
        if (!value.real()) value.bound = std::min(bound, largest(value.dtype));
        const bool exact = entry.exact && entry.read_error == 0;
        if (value.real() && !exact) {
            value.error = 1.01 * lipschitz * entry.read_error +
                          rounding(coarsest_of(entry.graph), std::max(bound, 1e-3), roundings,
                                   entry.graph.operations.size() > 1 ? 1 + lipschitz : 1);
        }
        values_.push_back(value);
    }
    entries_ += "  " + names + ": \"" + expression + "\"\n";
    const DrawnValue last = values_.back();
    if (last.real() && bound > tamest && chance(2)) {
        const double factor = std::ldexp(1, -static_cast<int>(std::ceil(std::log2(bound))));
        if (factor > 1e-4) emit(last.name + " * " + number(factor), bound * factor, factor);
    }
}

/// A value for an input whose error is bounded in advance: it must not be larger, nor less certain, than the input.
void AllKernelsWriter::contract(const DrawnValue& input) {
    const auto found = find([&](const DrawnValue& value) {
        return value.shape == input.shape && value.dtype == input.dtype && value.name != input.name;
    });
    double factor = 0;
    if (found)
        factor = std::min({1.0, 0.4 * input.bound / found->bound, 0.3 * input.error / std::max(found->error, 1e-30)});
    std::string expression = input.name + " * 0.5";
    if (factor >= 1e-4) expression += " + " + found->name + " * " + number(factor);
    emit(expression, input.bound, 0.5);
    // `emit` knows no single constants; by parts the error is below 0.5 + 0.31 of the input's.
    values_.back().error = input.error;
    loosely_carried_ += (loosely_carried_.empty() ? "" : ", ") + input.name + ": " + values_.back().name;
    values_.back().read = false;
}

std::string AllKernelsWriter::carries() {
    std::string text = loosely_carried_;
    for (const DrawnValue& input : values_) {
        if (!input.input || !input.carried || !input.exact()) continue;
        const auto value = find([&](const DrawnValue& each) {
            return each.shape == input.shape && each.dtype == input.dtype && each.name != input.name && each.exact() &&
                   each.bound <= input.bound;
        });
        if (value) text += (text.empty() ? "" : ", ") + input.name + ": " + value->name;
    }
    return text;
}

std::string AllKernelsWriter::outputs() {
    std::string text;
    for (const DrawnValue& value : values_) {
        if (value.input ? !chance(12) : value.read && !chance(2)) continue;
        const std::string to = "random_out.h5:/" + value.name;
        text += "  " + value.name + ": ";
        text += loop_ && chance(3) ? "{to: " + to + ", every: " + std::to_string(1 + pick(3)) + "}\n" : to + "\n";
    }
    return text;
}

AllKernelsJob AllKernelsWriter::finish() {
    const std::vector<DrawnValue> drawn = values_;
    for (const DrawnValue& value : drawn) {
        if (value.input && value.error > 0) contract(value);
    }
    AllKernelsJob job;
    job.text = "maniple: 1\nname: random\n" + (inputs_.empty() ? "" : "inputs:\n" + inputs_) + "graph:\n" + entries_;
    if (loop_) {
        const std::string carried = carries();
        job.text += "loop: {steps: " + std::to_string(1 + pick(4));
        job.text += (carried.empty() ? "" : ", carry: {" + carried + "}") + std::string("}\n");
    }
    job.text += "outputs:\n" + outputs();
    for (const DrawnValue& value : values_) {
        job.errors[value.name] = value.error;
        if (value.input) job.catalogue.inputs.push_back({value.name, value.shape, value.dtype, {}, value.shape});
    }
    job.ranges = ranges_;
    return job;
}

AllKernelsJob all_kernels_job(std::uint32_t seed, const KernelRegistry& registry) {
    AllKernelsWriter writer(seed, registry);
    const auto& recipes = all_recipes();
    const Recipe& first = recipes[seed % recipes.size()];
    first.add(writer);
    const std::int64_t more = 2 + writer.pick(6);
    for (std::int64_t i = 0; i < more; ++i)
        recipes[static_cast<std::size_t>(writer.pick(static_cast<std::int64_t>(recipes.size())))].add(writer);
    AllKernelsJob job = writer.finish();
    job.recipe = first.name;
    return job;
}

}  // namespace maniple
