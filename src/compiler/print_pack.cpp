#include <cstdio>

#include "base/text.hpp"
#include "compiler/print_cpp.hpp"
#include "compiler/print_parts.hpp"

namespace maniple::compiler {

namespace {

struct Described {
    std::string name;
    std::string type;
    bool required = true;
    std::string default_value = "{0}";
    std::string documentation;
};

std::string real_text(double real) {
    char number[64];
    std::snprintf(number, sizeof number, "{%.17g}", real);
    return number;
}

/// The rules of every call as entries behind the parameters (kernel/README.md).
void add_rules(const KernelFile& file, std::vector<Described>& result) {
    const auto add = [&](const std::string& subject, const std::string& kind, const std::string& text) {
        result.push_back({subject, kind, false, "{0}", text});
    };
    for (const ParameterDeclaration& parameter : file.parameters) {
        if (parameter.value) add(parameter.name, "value", parameter.value->text);
    }
    for (const KernelRules::Extent& extent : file.rules.extents) add(extent.index, "extent", extent.formula.text);
    for (const Condition& condition : file.rules.requirements) add("", "require", condition.text);
    for (const KernelRules::Domain& domain : file.rules.domains) add(domain.tensor, "domain", domain.range.text);
    if (file.rules.boundary) add("", "fixed boundary", std::string(name_of(*file.rules.boundary)));
}

/// The declared parameters first, so that their numbers are those of maniple_call::parameters; then the one of type
/// dtype, what the signature implies, and the rules.
std::vector<Described> described_parameters(const KernelFile& file) {
    std::vector<Described> result;
    for (const ParameterDeclaration& parameter : file.parameters) {
        Described described{parameter.name, "real", parameter.required, "", parameter.documentation};
        if (parameter.type == ParameterDeclaration::Type::real) {
            described.default_value = real_text(parameter.real);
        } else {
            described.type = parameter.type == ParameterDeclaration::Type::integer ? "integer" : "boolean";
            described.default_value = "{.integer = " + std::to_string(parameter.integer) + "}";
        }
        result.push_back(described);
    }
    if (file.dtype) result.push_back({file.dtype->name, "dtype", true, "{0}", file.dtype->documentation});
    if (file.signature.may_leave() && !file.rules.boundary) {
        result.push_back({"boundary", "boundary", false, "{0}", "what lies beyond the edge: clamp, zero or periodic"});
    }
    const auto add = [&](const char* name, bool required, const char* documentation) {
        result.push_back({name, "positions", required, "{0}", documentation});
    };
    switch (file.signature.rearrangement) {
        case Rearrangement::none: break;
        case Rearrangement::permuted:
            add("axes", false, "the axes of x in the order of y's; where it is absent, reversed");
            break;
        case Rearrangement::sliced:
            add("axis", true, "the axis that is cut");
            add("start", false, "the first coordinate; negative: from the end; 0 where it is absent");
            add("stop", false, "the coordinate to end before; the extent where it is absent");
            add("step", false, "at least 1; 1 where it is absent");
            break;
        case Rearrangement::joined: add("axis", true, "the axis along which they follow each other"); break;
        case Rearrangement::reshaped: add("shape", true, "the extents of y; one may be -1: what is left"); break;
    }
    if (file.signature.contracted_by_axis) {
        result.push_back({"axis", "axes", false, "{0}", "the axes to reduce; all where it is absent"});
        result.push_back({"keepdims", "boolean", false, "{.integer = 0}", "keep the reduced axes with extent 1"});
    }
    add_rules(file, result);
    return result;
}

void print_parameter_table(const KernelFile& file, Lines& lines) {
    lines.add("const maniple_parameter_description parameters_" + file.name + "[] = {");
    for (const Described& parameter : described_parameters(file)) {
        lines.add("{" + c_string(parameter.name) + ", " + c_string(parameter.type) + ", " +
                  (parameter.required ? "1" : "0") + ", " + parameter.default_value + ", " +
                  c_string(parameter.documentation) + "},");
    }
    // C++ has no empty arrays.
    lines.add("{nullptr, nullptr, 0, {0}, nullptr},");
    lines.add("};");
}

void print_description(const TypedKernel& kernel, const std::vector<std::string>& sets, Lines& lines) {
    const KernelFile& file = *kernel.file;
    print_parameter_table(file, lines);
    lines.add("const maniple_kernel_table* const tables_" + file.name + "[] = {");
    for (const std::string& set : sets) lines.add("&maniple_kernel_" + file.name + "_" + set + ",");
    lines.add("};");
    lines.add("const maniple_kernel_description description_" + file.name + " = {");
    lines.add("MANIPLE_ABI_VERSION, " + c_string(file.name) + ", " + c_string(file.documentation) + ",");
    lines.add(c_string(file.signature.text) + ",");
    lines.add(std::to_string(described_parameters(file).size()) + ", parameters_" + file.name + ",");
    lines.add(std::to_string(kernel.flops_per_point) + ", " +
              std::to_string(kernel.counted_flops_per_point.value_or(-1)) + ", " +
              std::to_string(file.tolerance.value_or(-1)) + ", " + (file.needs_elements ? "1, " : "0, ") +
              (kernel.exact ? "1" : "0") + ",");
    lines.add(std::to_string(sets.size()) + ", instruction_sets, tables_" + file.name + ", &maniple_kernel_" +
              file.name + "_gpu,");
    const std::string fast = file.fast.empty() ? "nullptr" : "&maniple_fast_" + file.name;
    lines.add(fast + ", " + c_string(join(file.fast, " ")));
    lines.add("};");
    lines.add("");
}

}  // namespace

std::string print_pack(const std::string& name, const std::vector<TypedKernel>& kernels,
                       const std::vector<CompositeFile>& composites, const std::vector<std::string>& sets) {
    Lines lines;
    for (const TypedKernel& kernel : kernels) {
        for (const std::string& set : sets) {
            lines.add("extern \"C\" const maniple_kernel_table maniple_kernel_" + kernel.file->name + "_" + set + ";");
        }
        lines.add("extern \"C\" const maniple_gpu_table maniple_kernel_" + kernel.file->name + "_gpu;");
        if (!kernel.file->fast.empty())
            lines.add("extern \"C\" const maniple_fast_code maniple_fast_" + kernel.file->name + ";");
    }
    lines.add("");
    lines.add("namespace {");
    lines.add("");
    lines.add("const char* const instruction_sets[] = {");
    for (const std::string& set : sets) lines.add(c_string(set) + ",");
    lines.add("};");
    lines.add("");
    for (const TypedKernel& kernel : kernels) print_description(kernel, sets, lines);
    lines.add("const maniple_kernel_description* const kernels[] = {");
    for (const TypedKernel& kernel : kernels) lines.add("&description_" + kernel.file->name + ",");
    lines.add("};");
    lines.add("");
    lines.add("const maniple_composite composites[] = {");
    for (const CompositeFile& each : composites)
        lines.add("{" + c_string(each.name) + ", " + c_string(each.text) + "},");
    lines.add("{nullptr, nullptr},");  // C++ has no empty arrays
    lines.add("};");
    lines.add("");
    lines.add("}  // namespace");
    lines.add("");
    lines.add("extern \"C\" const maniple_pack maniple_pack_" + name + " = {MANIPLE_ABI_VERSION, " +
              std::to_string(kernels.size()) + ", kernels, " + std::to_string(composites.size()) + ", composites};");
    return "// Made by maniple-kernelc.\n" + std::string(abi_text) + lines.text();
}

}  // namespace maniple::compiler
