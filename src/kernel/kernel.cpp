#include "kernel/kernel.hpp"

#include <algorithm>
#include <sstream>

#include "base/error.hpp"
#include "base/text.hpp"

namespace maniple {

namespace {

constexpr double default_tolerance = 16;

[[noreturn]] void refuse(const std::string& kernel, const std::string& why) {
    throw UnavailableError("kernel '" + kernel + "' is refused: " + why);
}

KernelParameter::Type parse_parameter_type(const std::string& kernel, std::string_view type) {
    if (type == "real") return KernelParameter::Type::real;
    if (type == "integer") return KernelParameter::Type::integer;
    if (type == "boolean") return KernelParameter::Type::boolean;
    if (type == "dtype") return KernelParameter::Type::dtype;
    if (type == "axes") return KernelParameter::Type::axes;
    if (type == "boundary") return KernelParameter::Type::boundary;
    if (type == "positions") return KernelParameter::Type::positions;
    refuse(kernel, "a parameter has the unknown type '" + std::string(type) + "'");
}

/// "f32,f32" as types.
std::vector<DType> parse_type_list(const std::string& kernel, std::string_view text) {
    std::vector<DType> types;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::optional<DType> type = parse_dtype(text.substr(0, comma));
        if (!type) refuse(kernel, "it names the unknown element type '" + std::string(text.substr(0, comma)) + "'");
        types.push_back(*type);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return types;
}

KernelTypes parse_types(const Kernel& kernel, const maniple_variant& variant) {
    const std::string_view text = variant.types;
    const std::size_t arrow = text.find("->");
    if (arrow == std::string_view::npos) refuse(kernel.name, "the types '" + std::string(text) + "' have no '->'");
    KernelTypes types;
    types.inputs = parse_type_list(kernel.name, text.substr(0, arrow));
    types.outputs = parse_type_list(kernel.name, text.substr(arrow + 2));
    types.state_bytes = variant.state_bytes;
    types.exact = variant.exact != 0;
    types.bytes_per_point = variant.bytes_per_point;
    if (types.inputs.size() != kernel.signature.input_names().size() ||
        types.outputs.size() != kernel.signature.output_names().size()) {
        refuse(kernel.name,
               "the types '" + std::string(text) + "' do not fit the signature '" + kernel.signature.text + "'");
    }
    return types;
}

bool has_its_functions(const Kernel& kernel, const maniple_variant& variant) {
    if (!kernel.is_fold()) return variant.compute != nullptr && variant.state_bytes == 0;
    return variant.init && variant.accumulate && variant.merge && variant.finish && variant.state_bytes > 0;
}

/// All instruction sets have the same type combinations in the same order.
void check_table(const Kernel& kernel, const maniple_kernel_table& table, const maniple_kernel_table& first) {
    if (table.abi_version != MANIPLE_ABI_VERSION) refuse(kernel.name, "its code has another ABI version");
    if (table.variant_count != first.variant_count || table.variant_count < 1) {
        refuse(kernel.name, "its instruction sets have different type combinations");
    }
    for (std::int32_t i = 0; i < table.variant_count; ++i) {
        const maniple_variant& variant = table.variants[i];
        if (std::string_view(variant.types) != first.variants[i].types ||
            variant.state_bytes != first.variants[i].state_bytes) {
            refuse(kernel.name, "its instruction sets have different type combinations");
        }
        if (!has_its_functions(kernel, variant)) refuse(kernel.name, "a function is missing");
    }
}

void check_dtype_parameter(const Kernel& kernel) {
    int count = 0;
    for (const KernelParameter& parameter : kernel.parameters) {
        if (parameter.type != KernelParameter::Type::dtype) continue;
        if (!parameter.required) refuse(kernel.name, "the parameter '" + parameter.name + "' has a default");
        ++count;
    }
    if (count > 1) refuse(kernel.name, "it has several parameters of type dtype");
}

/// What the parameter of type dtype chooses must be one combination.
void check_choice(const Kernel& kernel) {
    if (kernel.dtype_parameter() == nullptr) return;
    for (std::size_t i = 0; i < kernel.types.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            const KernelTypes& a = kernel.types[i];
            const KernelTypes& b = kernel.types[k];
            if (a.inputs == b.inputs && a.outputs[0] == b.outputs[0]) refuse(kernel.name, "it has one choice twice");
        }
    }
}

/// Errors in a text of the description, as reasons to refuse it.
template <class Parse>
auto parsed(const std::string& kernel, const char* text, const Parse& parse) {
    try {
        return parse(std::string_view(text));
    } catch (const JobError& error) { refuse(kernel, "'" + std::string(text) + "' is wrong: " + error.what()); }
}

Boundary parse_boundary(const std::string& kernel, std::string_view word) {
    if (word == "clamp") return Boundary::clamp;
    if (word == "zero") return Boundary::zero;
    if (word == "periodic") return Boundary::periodic;
    refuse(kernel, "it has the unknown boundary rule '" + std::string(word) + "'");
}

/// The value of a parameter that no call gives.
void read_value(const maniple_parameter_description& entry, Kernel& kernel) {
    for (KernelParameter& parameter : kernel.parameters) {
        if (parameter.name == entry.name) parameter.value = parsed(kernel.name, entry.documentation, parse_formula);
    }
}

/// False if `entry` is no rule but a parameter.
bool read_rule(const maniple_parameter_description& entry, Kernel& kernel) {
    const std::string_view kind = entry.type;
    const char* const text = entry.documentation;
    if (kind == "value") {
        read_value(entry, kernel);
    } else if (kind == "extent") {
        kernel.rules.extents.push_back({entry.name, parsed(kernel.name, text, parse_formula)});
    } else if (kind == "require") {
        kernel.rules.requirements.push_back(parsed(kernel.name, text, parse_condition));
    } else if (kind == "domain") {
        kernel.rules.domains.push_back({entry.name, parsed(kernel.name, text, parse_formula_range)});
    } else if (kind == "fixed boundary") {
        kernel.rules.boundary = parse_boundary(kernel.name, text);
    } else {
        return false;
    }
    return true;
}

Signature parse_description_signature(const std::string& kernel, const char* text) {
    try {
        return parse_signature(text);
    } catch (const JobError& error) {
        refuse(kernel, "its signature '" + std::string(text) + "' is wrong: " + error.what());
    }
}

/// Finds the combinations of the hand-written code, which must be those that the description names.
void read_fast_code(Kernel& kernel, const maniple_kernel_description& description) {
    kernel.fast_code = description.fast;
    kernel.fast_variants.assign(kernel.types.size(), nullptr);
    if (description.fast == nullptr) return;
    const maniple_fast_code& code = *description.fast;
    if (code.abi_version != MANIPLE_ABI_VERSION) refuse(kernel.name, "its hand-written code has another ABI version");
    std::vector<std::string> declared;
    std::istringstream words(description.fast_types);
    for (std::string word; words >> word;) declared.push_back(word);
    for (std::int32_t i = 0; i < code.variant_count; ++i) {
        const maniple_fast_variant& variant = code.variants[i];
        const auto found = std::find(declared.begin(), declared.end(), variant.types);
        if (found == declared.end())
            refuse(kernel.name, "'fast:' does not name the combination " + std::string(variant.types) +
                                    " that its hand-written code has, or the code has it twice");
        declared.erase(found);
        if (!kernel.is_fold() && variant.accumulate != nullptr)
            refuse(kernel.name, "its hand-written code accumulates, and it is no fold");
        for (std::size_t types = 0; types < kernel.types.size(); ++types) {
            if (std::string_view(kernel.tables[0]->variants[types].types) == variant.types)
                kernel.fast_variants[types] = &variant;
        }
    }
    if (!declared.empty()) refuse(kernel.name, "there is no hand-written code for " + join(declared, ", "));
}

Kernel read_description(const maniple_kernel_description& description) {
    Kernel kernel;
    kernel.name = description.name;
    if (description.abi_version != MANIPLE_ABI_VERSION) {
        refuse(kernel.name, "it has ABI version " + std::to_string(description.abi_version) + ", this program has " +
                                std::to_string(MANIPLE_ABI_VERSION));
    }
    kernel.documentation = description.documentation;
    kernel.signature = parse_description_signature(kernel.name, description.signature);
    for (std::int32_t i = 0; i < description.parameter_count; ++i) {
        const maniple_parameter_description& parameter = description.parameters[i];
        if (read_rule(parameter, kernel)) continue;
        KernelParameter& read = kernel.parameters.emplace_back();
        read.name = parameter.name;
        read.type = parse_parameter_type(kernel.name, parameter.type);
        read.required = parameter.required != 0;
        read.default_value = parameter.default_value;
        read.documentation = parameter.documentation;
    }
    check_dtype_parameter(kernel);
    kernel.flops_per_point = description.flops_per_point;
    kernel.counted_flops_per_point = description.counted_flops_per_point;
    kernel.needs_elements = description.needs_elements != 0;
    kernel.exact = description.exact != 0;
    if (description.table_count < 1) refuse(kernel.name, "it has no code");
    for (std::int32_t i = 0; i < description.table_count; ++i) {
        check_table(kernel, *description.tables[i], *description.tables[0]);
        kernel.instruction_sets.emplace_back(description.instruction_sets[i]);
        kernel.tables.push_back(description.tables[i]);
    }
    kernel.gpu_table = description.gpu;
    if (description.gpu != nullptr && (description.gpu->abi_version != MANIPLE_ABI_VERSION ||
                                       description.gpu->variant_count != kernel.tables[0]->variant_count)) {
        refuse(kernel.name, "its shaders are of another build than its code");
    }
    for (std::int32_t i = 0; i < kernel.tables[0]->variant_count; ++i) {
        kernel.types.push_back(parse_types(kernel, kernel.tables[0]->variants[i]));
        KernelTypes& types = kernel.types.back();
        types.tolerance = types.exact ? 0 : description.tolerance < 0 ? default_tolerance : description.tolerance;
    }
    check_choice(kernel);
    read_fast_code(kernel, description);
    return kernel;
}

}  // namespace

std::string_view name_of(Boundary boundary) {
    switch (boundary) {
        case Boundary::clamp: return "clamp";
        case Boundary::zero: return "zero";
        case Boundary::periodic: return "periodic";
        case Boundary::none: break;
    }
    return "none";
}

const Formula* KernelRules::extent_of(std::string_view index) const {
    for (const Extent& extent : extents) {
        if (extent.index == index) return &extent.formula;
    }
    return nullptr;
}

const maniple_gpu_variant* Kernel::gpu_variant(std::size_t types_index) const {
    if (gpu_table == nullptr || types_index >= types.size()) return nullptr;
    const maniple_gpu_variant& variant = gpu_table->variants[types_index];
    return (is_fold() ? variant.accumulate : variant.compute).words == nullptr ? nullptr : &variant;
}

const maniple_fast_variant* Kernel::fast_variant(std::size_t types_index) const {
    return types_index < fast_variants.size() ? fast_variants[types_index] : nullptr;
}

std::string open_fast_code(const Kernel& kernel) {
    MANIPLE_CHECK(kernel.fast_code != nullptr, kernel.name + " has no hand-written code");
    if (kernel.fast_code->open == nullptr) return {};
    const char* const why = kernel.fast_code->open();
    return why == nullptr ? "" : why;
}

const maniple_variant* Kernel::variant(std::size_t types_index, std::string_view instruction_set) const {
    if (types_index >= types.size()) return nullptr;
    for (std::size_t i = 0; i < instruction_sets.size(); ++i) {
        if (instruction_sets[i] == instruction_set) return tables[i]->variants + types_index;
    }
    return nullptr;
}

const KernelParameter* Kernel::parameter(std::string_view parameter_name) const {
    for (const KernelParameter& candidate : parameters) {
        if (candidate.name == parameter_name) return &candidate;
    }
    return nullptr;
}

const KernelParameter* Kernel::dtype_parameter() const {
    for (const KernelParameter& candidate : parameters) {
        if (candidate.type == KernelParameter::Type::dtype) return &candidate;
    }
    return nullptr;
}

KernelRegistry::KernelRegistry(const maniple_pack& pack) {
    if (pack.abi_version != MANIPLE_ABI_VERSION) {
        throw UnavailableError("the kernel pack has ABI version " + std::to_string(pack.abi_version) +
                               ", this program has " + std::to_string(MANIPLE_ABI_VERSION));
    }
    kernels_.reserve(static_cast<std::size_t>(pack.count));
    for (std::int32_t i = 0; i < pack.count; ++i) kernels_.push_back(read_description(*pack.kernels[i]));
    std::sort(kernels_.begin(), kernels_.end(), [](const Kernel& a, const Kernel& b) { return a.name < b.name; });
    for (std::size_t i = 1; i < kernels_.size(); ++i) {
        if (kernels_[i - 1].name == kernels_[i].name) refuse(kernels_[i].name, "the pack has it twice");
    }
    for (std::int32_t i = 0; i < pack.composite_count; ++i)
        composites_.push_back({pack.composites[i].name, pack.composites[i].text});
    std::sort(composites_.begin(), composites_.end(),
              [](const CompositeText& a, const CompositeText& b) { return a.name < b.name; });
    for (std::size_t i = 0; i < composites_.size(); ++i) {
        if (find(composites_[i].name) != nullptr || (i > 0 && composites_[i - 1].name == composites_[i].name))
            refuse(composites_[i].name, "the pack has it twice");
    }
}

const Kernel* KernelRegistry::find(std::string_view name) const {
    const auto found =
        std::lower_bound(kernels_.begin(), kernels_.end(), name,
                         [](const Kernel& kernel, std::string_view wanted) { return kernel.name < wanted; });
    return found != kernels_.end() && found->name == name ? &*found : nullptr;
}

const CompositeText* KernelRegistry::find_composite(std::string_view name) const {
    const auto found = std::find_if(composites_.begin(), composites_.end(),
                                    [&](const CompositeText& composite) { return composite.name == name; });
    return found == composites_.end() ? nullptr : &*found;
}

std::vector<std::string> KernelRegistry::names() const {
    std::vector<std::string> result;
    for (const Kernel& kernel : kernels_) result.push_back(kernel.name);
    for (const CompositeText& composite : composites_) result.push_back(composite.name);
    std::sort(result.begin(), result.end());
    return result;
}

}  // namespace maniple
