#include <cstdio>

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
    std::string value = "nullptr";
};

std::string real_text(double real) {
    char number[64];
    std::snprintf(number, sizeof number, "{%.17g}", real);
    return number;
}

/// The declared parameters first, so that their numbers are those of maniple_call::parameters; then the one of type
/// dtype, and what the signature implies.
std::vector<Described> described_parameters(const KernelFile& file) {
    std::vector<Described> result;
    for (const ParameterDeclaration& parameter : file.parameters) {
        Described described{parameter.name, "real", parameter.required, "", parameter.documentation, "nullptr"};
        if (parameter.value) described.value = c_string(parameter.value->text);
        if (parameter.type == ParameterDeclaration::Type::real) {
            described.default_value = real_text(parameter.real);
        } else {
            described.type = parameter.type == ParameterDeclaration::Type::integer ? "integer" : "boolean";
            described.default_value = "{.integer = " + std::to_string(parameter.integer) + "}";
        }
        result.push_back(described);
    }
    if (file.dtype) result.push_back({file.dtype->name, "dtype", true, "{0}", file.dtype->documentation, "nullptr"});
    if (file.signature.may_leave() && !file.rules.boundary) {
        result.push_back(
            {"boundary", "boundary", false, "{0}", "what lies beyond the edge: clamp, zero or periodic", "nullptr"});
    }
    if (file.signature.contracted_by_axis) {
        result.push_back({"axis", "axes", false, "{0}", "the axes to reduce; all where it is absent", "nullptr"});
        result.push_back(
            {"keepdims", "boolean", false, "{.integer = 0}", "keep the reduced axes with extent 1", "nullptr"});
    }
    return result;
}

void print_parameter_table(const KernelFile& file, Lines& lines) {
    lines.add("const maniple_parameter_description parameters_" + file.name + "[] = {");
    for (const Described& parameter : described_parameters(file)) {
        lines.add("{" + c_string(parameter.name) + ", " + c_string(parameter.type) + ", " +
                  (parameter.required ? "1" : "0") + ", " + parameter.default_value + ", " +
                  c_string(parameter.documentation) + ", " + parameter.value + "},");
    }
    // C++ has no empty arrays.
    lines.add("{nullptr, nullptr, 0, {0}, nullptr, nullptr},");
    lines.add("};");
}

/// The rules as maniple_rule; their number.
std::size_t print_rules(const KernelFile& file, Lines& lines) {
    std::size_t count = 0;
    const auto add = [&](const std::string& kind, const std::string& subject, const std::string& text) {
        lines.add("{" + c_string(kind) + ", " + c_string(subject) + ", " + c_string(text) + "},");
        ++count;
    };
    lines.add("const maniple_rule rules_" + file.name + "[] = {");
    for (const KernelRules::Extent& extent : file.rules.extents) add("extent", extent.index, extent.formula.text);
    for (const Condition& condition : file.rules.requirements) add("require", "", condition.text);
    for (const KernelRules::Domain& domain : file.rules.domains) add("domain", domain.tensor, domain.range.text);
    if (file.rules.boundary) add("boundary", "", std::string(name_of(*file.rules.boundary)));
    lines.add("{nullptr, nullptr, nullptr},");
    lines.add("};");
    return count;
}

void print_description(const TypedKernel& kernel, const std::vector<std::string>& sets, Lines& lines) {
    const KernelFile& file = *kernel.file;
    print_parameter_table(file, lines);
    const std::size_t rules = print_rules(file, lines);
    lines.add("const maniple_kernel_table* const tables_" + file.name + "[] = {");
    for (const std::string& set : sets) lines.add("&maniple_kernel_" + file.name + "_" + set + ",");
    lines.add("};");
    lines.add("const maniple_kernel_description description_" + file.name + " = {");
    lines.add("MANIPLE_ABI_VERSION, " + c_string(file.name) + ", " + c_string(file.documentation) + ",");
    lines.add(c_string(file.signature.text) + ",");
    lines.add(std::to_string(described_parameters(file).size()) + ", parameters_" + file.name + ",");
    lines.add(std::to_string(kernel.flops_per_point) + ", " +
              std::to_string(kernel.counted_flops_per_point.value_or(-1)) + ", " +
              std::to_string(file.tolerance.value_or(-1)) + ", " + (kernel.exact ? "1" : "0") + ",");
    lines.add(std::to_string(sets.size()) + ", instruction_sets, tables_" + file.name + ", &maniple_kernel_" +
              file.name + "_gpu,");
    lines.add(std::to_string(rules) + ", rules_" + file.name);
    lines.add("};");
    lines.add("");
}

}  // namespace

std::string print_pack(const std::string& name, const std::vector<TypedKernel>& kernels,
                       const std::vector<std::string>& sets) {
    Lines lines;
    for (const TypedKernel& kernel : kernels) {
        for (const std::string& set : sets) {
            lines.add("extern \"C\" const maniple_kernel_table maniple_kernel_" + kernel.file->name + "_" + set + ";");
        }
        lines.add("extern \"C\" const maniple_gpu_table maniple_kernel_" + kernel.file->name + "_gpu;");
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
    lines.add("}  // namespace");
    lines.add("");
    lines.add("extern \"C\" const maniple_pack maniple_pack_" + name + " = {MANIPLE_ABI_VERSION, " +
              std::to_string(kernels.size()) + ", kernels};");
    return "// Made by maniple-kernelc.\n" + std::string(abi_text) + lines.text();
}

}  // namespace maniple::compiler
