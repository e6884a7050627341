// The checked variant: the plainest code that follows from a body, for the sequential reference.
#include <algorithm>

#include "compiler/print_cpp.hpp"
#include "compiler/print_parts.hpp"

namespace maniple::compiler {

namespace {

class CheckedPrinter : public BodyPrinter {
public:
    CheckedPrinter(const LoweredFunction& function, const KernelFile& file, std::size_t variant)
        : BodyPrinter(function, file), variant_(variant) {}

protected:
    std::string element(const Expression& element) const override {
        const std::string number = std::to_string(element.number);
        const std::string type = type_of(element.number);
        if (function_.streams.front().ellipsis)
            return "*find<" + type + ">(call, " + number + ", spare, call->rank, at)";
        std::string text = "*element<" + type + ">(call, " + number + ", spare";
        if (file_.signature.has_ellipsis())
            text = "*element_behind<" + type + ">(call, " + number + ", spare, " + cpp_place(file_, 0) + ", at";
        for (std::size_t axis = 0; axis < element.operands.size(); ++axis) {
            text += ", (i64)(" +
                    (element.axes[axis].affine ? cpp_affine(element.axes[axis].value) : value(element.operands[axis])) +
                    ")";
        }
        return text + ")";
    }

    /// A state has the coordinates of the outputs, which come first among the indices behind an ellipsis.
    std::string member(const Expression& variable) const override {
        const int tensor = function_.streams[static_cast<std::size_t>(variable.stream)].tensor;
        const bool ellipsis = function_.streams.front().ellipsis;
        const std::string rank =
            ellipsis ? "call->rank" : cpp_place(file_, file_.signature.outputs.front().named().size());
        return "find<" + type_of(tensor) + ">(call, " + std::to_string(tensor) + ", spare, " + rank + ", at)->" +
               cpp_name(variable.name);
    }

private:
    std::string type_of(int tensor) const {
        const FunctionTensor& seen = function_.function.tensors[static_cast<std::size_t>(tensor)];
        return (seen.written ? "" : "const ") + tensor_type(seen, variant_);
    }

    std::size_t variant_;
};

void print_function(const Function& function, const Variant& variant, std::size_t number, const KernelFile& file,
                    Lines& lines) {
    const LoweredFunction lowered = lower(function, file);
    lines.add("void " + function_name(function.kind, number) + "(const maniple_call* call) {");
    print_parameters(file, variant, lines);
    lines.add("Spare<" + std::to_string(std::max(16, variant.state_bytes)) + "> spare;");
    lines.add("i64 at[MANIPLE_MAX_RANK];");
    lines.add("if (!first_point(call, at)) return;");
    lines.add("do {");
    const std::vector<std::string> names = file.signature.index_names();
    for (std::size_t k = 0; k < names.size(); ++k) {
        if (lowered.fixed >> k & 1u) continue;
        lines.add("const i64 " + cpp_name(names[k]) + " = at[" + cpp_place(file, k) + "];");
    }
    CheckedPrinter(lowered, file, number).print(lowered.function.body, lines);
    lines.add("} while (next_point(call, at, " + fixed_mask(lowered, file) + "));");
    lines.add("}");
    lines.add("");
}

}  // namespace

std::string print_checked(const TypedKernel& kernel) {
    const KernelFile& file = *kernel.file;
    std::string text =
        "// " + file.name + ", every access checked. Made by maniple-kernelc from " + file.name + ".kernel.yaml.\n";
    text += abi_text;
    text += arithmetic_text;
    text += half_text;
    text += checked_text;
    if (file.is_fold() && file.signature.contracted_by_axis) text += position_text;
    Lines code;
    code.add("namespace {");
    code.add("");
    for (std::size_t i = 0; i < kernel.variants.size(); ++i) {
        const Variant& variant = kernel.variants[i];
        code.add("// " + variant.combination.text());
        code.add("");
        if (file.is_fold()) print_state(variant, i, code);
        for (const Function& function : variant.functions) print_function(function, variant, i, file, code);
    }
    print_table(kernel, "maniple_kernel_" + file.name + "_checked", code);
    return text + code.text();
}

}  // namespace maniple::compiler
