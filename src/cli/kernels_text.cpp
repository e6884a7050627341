#include "cli/kernels_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "job/composite.hpp"

namespace maniple {

namespace {

/// The distinct types of all combinations, as they come: "f32 f64".
std::string distinct(const Kernel& kernel, std::vector<DType> KernelTypes::*tensors) {
    std::vector<std::string> names;
    for (const KernelTypes& types : kernel.types) {
        for (const DType type : types.*tensors) {
            const std::string name(name_of(type));
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
        }
    }
    return join(names, " ");
}

/// "f32 f64" where all tensors of a combination have one type, else "bool f32 f64 -> f32 f64".
std::string types_column(const Kernel& kernel) {
    const bool uniform = std::all_of(kernel.types.begin(), kernel.types.end(), [](const KernelTypes& types) {
        const auto same = [&](DType type) { return type == types.outputs[0]; };
        return std::all_of(types.inputs.begin(), types.inputs.end(), same) &&
               std::all_of(types.outputs.begin(), types.outputs.end(), same);
    });
    const std::string outputs = distinct(kernel, &KernelTypes::outputs);
    if (uniform) return outputs;
    const std::string inputs = distinct(kernel, &KernelTypes::inputs);
    return (inputs.empty() ? "" : inputs + " ") + "-> " + outputs;
}

/// Whose code it is: "OpenBLAS", or "by hand".
std::string fast_name(const Kernel& kernel) {
    const std::string library = kernel.fast_code->library;
    return library.empty() ? "by hand" : library;
}

/// "cpu", "cpu gpu", "cpu(OpenBLAS) gpu(f32->f32)".
std::string lanes_column(const Kernel& kernel) {
    const std::string cpu = kernel.fast_code == nullptr ? "cpu" : "cpu(" + fast_name(kernel) + ")";
    std::vector<std::string> on_gpu;
    for (std::size_t i = 0; i < kernel.types.size(); ++i) {
        if (kernel.gpu_variant(i) != nullptr) on_gpu.push_back(types_text(kernel.types[i]));
    }
    if (on_gpu.empty()) return cpu;
    return on_gpu.size() == kernel.types.size() ? cpu + " gpu" : cpu + " gpu(" + join(on_gpu, " ") + ")";
}

std::string exact_column(const Kernel& kernel) {
    if (kernel.exact) return "exact";
    std::vector<std::string> exact;
    for (const KernelTypes& types : kernel.types) {
        if (types.exact) exact.push_back(types_text(types));
    }
    return exact.empty() ? "-" : "exact(" + join(exact, " ") + ")";
}

std::string features_text(std::uint32_t features) {
    std::vector<std::string> names;
    if (features & MANIPLE_GPU_F64) names.emplace_back("f64");
    if (features & MANIPLE_GPU_I64) names.emplace_back("i64");
    if (features & MANIPLE_GPU_STORAGE_8) names.emplace_back("8-bit storage");
    if (features & MANIPLE_GPU_STORAGE_16) names.emplace_back("16-bit storage");
    return names.empty() ? "gpu" : "gpu with " + join(names, ", ");
}

std::string type_word(KernelParameter::Type type) {
    using Type = KernelParameter::Type;
    switch (type) {
        case Type::real: return "real";
        case Type::integer: return "integer";
        case Type::boolean: return "boolean";
        case Type::dtype: return "an element type";
        case Type::axes: return "an axis or a list of axes";
        case Type::boundary: return "clamp, zero or periodic";
        case Type::positions: return "integer";
    }
    return "";
}

/// Of a rearrangement, `axes` and `shape` alone may be lists.
std::string type_word(const KernelParameter& parameter) {
    const bool list = parameter.name == "axes" || parameter.name == "shape";
    if (parameter.type == KernelParameter::Type::positions && list) return "an integer or a list of them";
    return type_word(parameter.type);
}

std::string parameter_text(const KernelParameter& parameter) {
    using Type = KernelParameter::Type;
    std::string value = "required";
    if (parameter.value) {
        value = parameter.value->text + ", not given by a call";
    } else if (!parameter.required) {
        switch (parameter.type) {
            case Type::real: value = fmt::format("default {}", parameter.default_value.real); break;
            case Type::integer: value = fmt::format("default {}", parameter.default_value.integer); break;
            case Type::boolean: value = parameter.default_value.integer != 0 ? "default true" : "default false"; break;
            case Type::boundary: value = "default clamp"; break;
            default: value = "optional"; break;
        }
    }
    return fmt::format("    {}: {}, {}: {}\n", parameter.name, type_word(parameter), value, parameter.documentation);
}

/// What runs instead of the generated code, or why it does not; empty where nothing was written by hand.
std::string fast_text(const Kernel& kernel, std::size_t number) {
    if (kernel.fast_variant(number) == nullptr) return {};
    const std::string why = open_fast_code(kernel);
    if (!why.empty()) return "; not " + fast_name(kernel) + ": " + why;
    const auto describe = kernel.fast_code->describe;
    return "; " + (describe == nullptr ? fast_name(kernel) : std::string(describe()));
}

std::string rules_text(const KernelRules& rules) {
    std::string text;
    for (const KernelRules::Extent& extent : rules.extents)
        text += fmt::format("    extent of {}: {}\n", extent.index, extent.formula.text);
    for (const Condition& condition : rules.requirements) text += "    needs " + condition.text + "\n";
    for (const KernelRules::Domain& domain : rules.domains)
        text += fmt::format("    {} holds {}\n", domain.tensor, domain.range.text);
    if (rules.boundary) text += fmt::format("    boundary: {}\n", name_of(*rules.boundary));
    return text.empty() ? text : "  rules:\n" + text;
}

std::string variant_text(const Kernel& kernel, std::size_t number) {
    const KernelTypes& types = kernel.types[number];
    std::vector<std::string> sets;
    for (const std::string& set : kernel.instruction_sets) {
        if (set != "checked") sets.push_back(set);
    }
    std::string text = fmt::format("    {}: cpu ({}{})", types_text(types), join(sets, " "), fast_text(kernel, number));
    if (const maniple_gpu_variant* gpu = kernel.gpu_variant(number)) text += ", " + features_text(gpu->features);
    text += types.exact ? ", exact" : fmt::format(", tolerance {:g} eps", types.tolerance);
    return text + fmt::format(", {:g} bytes a point\n", types.bytes_per_point);
}

/// 1,234
std::string grouped(std::int64_t number) {
    std::string text = std::to_string(number);
    for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
        text.insert(text.begin() + at, ',');
    return text;
}

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
    return fmt::format("{} {}", grouped(static_cast<std::int64_t>(count)), count == 1 ? one : many);
}

std::string failure_text(const CheckFailure& failure) {
    std::string text = "      " + failure.types;
    if (!failure.lane.empty()) text += " on " + failure.lane;
    text += std::string(failure.types.empty() ? "" : ": ") + std::string(fault_name(failure.property)) + "\n";
    return text + "        " + failure.where + "\n        " + failure.what + "\n";
}

/// The part of a composite's text from `graph:` or `cases:` on.
std::string indented_graph(const std::string& text) {
    const std::size_t begin = std::min(text.find("\ngraph:"), text.find("\ncases:"));
    std::string result;
    for (std::size_t at = begin + 1; begin != std::string::npos && at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        result += "    " + text.substr(at, end - at) + "\n";
        at = end + 1;
    }
    return result;
}

}  // namespace

std::string show_text(const CompositeText& text) {
    const Composite composite = parse_composite(text.text, text.name + ".composite.yaml");
    std::string result = composite.name + "\n\n" + composite.documentation;
    if (!result.ends_with('\n')) result += '\n';
    result += "\n  call: " + composite.usage() + "\n";
    result += composite.parameters.empty() ? "  parameters: none\n" : "  parameters:\n";
    for (const Composite::Parameter& parameter : composite.parameters)
        result += "    " + parameter.name + ": " + parameter.documentation + "\n";
    result += "  computed by: " + join(composite.called(), ", ") + "; its types, lanes and tolerance are theirs\n";
    if (composite.widens) result += "  f16 is computed in f32 and rounded at the end\n";
    return result + "  as:\n" + indented_graph(text.text);
}

std::string list_text(const KernelRegistry& registry) {
    std::vector<std::vector<std::string>> rows;
    for (const Kernel& kernel : registry.all()) {
        rows.push_back(
            {kernel.name, kernel.signature.text, types_column(kernel), lanes_column(kernel), exact_column(kernel)});
    }
    for (const CompositeText& text : registry.composites()) {
        const Composite composite = parse_composite(text.text, text.name + ".composite.yaml");
        rows.push_back({text.name, composite.usage(), "as", "its parts:", join(composite.called(), " ")});
    }
    std::sort(rows.begin(), rows.end());
    std::vector<std::size_t> widths(4, 0);
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], count_characters(row[i]));
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < widths.size(); ++i)
            text += row[i] + std::string(widths[i] - count_characters(row[i]) + 2, ' ');
        text += row.back() + "\n";
    }
    return text;
}

std::string show_text(const Kernel& kernel) {
    std::string text = kernel.name + "\n\n" + kernel.documentation;
    if (!text.ends_with('\n')) text += '\n';
    text += "\n  signature: " + kernel.signature.text + "\n";
    text += kernel.parameters.empty() ? "  parameters: none\n" : "  parameters:\n";
    for (const KernelParameter& parameter : kernel.parameters) text += parameter_text(parameter);
    text += rules_text(kernel.rules);
    text += "  types:\n";
    for (std::size_t i = 0; i < kernel.types.size(); ++i) text += variant_text(kernel, i);
    const char* const origin = kernel.counted_flops_per_point < 0 ? " (declared or estimated)" : "";
    return text + fmt::format("  operations: {:g} a point{}\n", kernel.flops_per_point, origin);
}

std::string measured_text(const ThroughputHistory::Known& known) {
    if (known.entries.empty()) return "  measured: nothing yet on this machine\n";
    std::string text = "  measured, medians of runs:\n";
    for (const ThroughputHistory::Entry& entry : known.entries) {
        text += fmt::format("    {}, {}, about 2^{} points: {:.3g} ns a point ({} {}){}\n", entry.key.kernel,
                            entry.key.lane, entry.key.size_class, entry.ns_per_point, entry.runs,
                            entry.runs == 1 ? "run" : "runs",
                            entry.counts ? "" : ", not believed: far from the other sizes");
    }
    if (!known.growths.empty()) text += "  other sizes lie between these, and beyond them on:\n";
    for (const ThroughputHistory::Growth& growth : known.growths) {
        text += fmt::format("    {}, {}: time as points^{:.2f} ({} sizes)\n", growth.kernel, growth.lane,
                            growth.exponent, growth.sizes);
    }
    return text;
}

std::string check_text(const KernelCheck& check) {
    std::string text = fmt::format("{}  {}  {}, {}, {}\n", check.failures.empty() ? "ok  " : "FAIL", check.kernel,
                                   counted(check.types, "type", "types"), counted(check.lanes.size(), "lane", "lanes"),
                                   counted(static_cast<std::size_t>(check.cases), "case", "cases"));
    for (const CheckFailure& failure : check.failures) text += failure_text(failure);
    return text;
}

std::string summary_text(const std::vector<KernelCheck>& checks) {
    std::int64_t cases = 0;
    std::vector<std::string> lanes;
    for (const KernelCheck& check : checks) {
        cases += check.cases;
        for (const std::string& lane : check.lanes) {
            if (std::find(lanes.begin(), lanes.end(), lane) == lanes.end()) lanes.push_back(lane);
        }
    }
    const auto failed = static_cast<std::size_t>(
        std::count_if(checks.begin(), checks.end(), [](const KernelCheck& check) { return !check.failures.empty(); }));
    const std::string verdict = failed == 0 ? "all good" : grouped(static_cast<std::int64_t>(failed)) + " failed";
    return fmt::format("{}: {} ({} on {})\n", counted(checks.size(), "kernel", "kernels"), verdict,
                       counted(static_cast<std::size_t>(cases), "case", "cases"), join(lanes, ", "));
}

}  // namespace maniple
