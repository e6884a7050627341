#include "compiler/print_cpp.hpp"

#include "compiler/print_parts.hpp"

namespace maniple::compiler {

std::string print_cpp(const TypedKernel& kernel) {
    const KernelFile& file = *kernel.file;
    Lines lines;
    lines.add("// " + file.name + ": " + file.signature.text);
    lines.add("// Made by maniple-kernelc from " + file.name + ".kernel.yaml.");
    std::string text = lines.text();
    text += abi_text;
    text += arithmetic_text;
    text += half_text;
    text += walk_text;
    if (file.is_fold() && file.signature.contracted_by_axis) text += position_text;
    Lines code;
    code.add("");
    code.add("#define MANIPLE_JOIN_(a, b) a##b");
    code.add("#define MANIPLE_JOIN(a, b) MANIPLE_JOIN_(a, b)");
    code.add("");
    code.add("namespace {");
    code.add("");
    for (std::size_t i = 0; i < kernel.variants.size(); ++i) {
        const Variant& variant = kernel.variants[i];
        code.add("// " + variant.combination.text());
        code.add("");
        if (file.is_fold()) print_state(variant, i, code);
        for (const Function& function : variant.functions) {
            if (function.kind == FunctionKind::accumulate) {
                print_accumulate(variant, i, file, code);
            } else {
                print_pointwise(function, variant, i, file, code);
            }
        }
    }
    print_table(kernel, "MANIPLE_JOIN(maniple_kernel_" + file.name + "_, MANIPLE_INSTRUCTION_SET)", code);
    return text + code.text();
}

}  // namespace maniple::compiler
