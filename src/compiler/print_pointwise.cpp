// Functions without contraction: rows of the index box, specialised for the strides that let them vectorise.
#include <set>

#include "compiler/print_parts.hpp"

namespace maniple::compiler {

namespace {

/// Elements by the row pointer r of their stream and the innermost index i.
class RowPrinter : public BodyPrinter {
public:
    using BodyPrinter::BodyPrinter;

protected:
    std::string element(const Expression& element) const override { return at(element.stream, remainder(element)); }
    std::string member(const Expression& variable) const override {
        return at(variable.stream, "") + "." + cpp_name(variable.name);
    }

private:
    static std::string at(int stream, const std::string& rest) {
        const std::string s = std::to_string(stream);
        return "r" + s + "[i * a" + s + rest + "]";
    }
};

using Pattern = std::vector<std::string>;

/// The strides that get code of their own: all ones; with two inputs of an ellipsis also one of them broadcast; for
/// named indices the one that unit strides give.
std::vector<Pattern> patterns(const LoweredFunction& function, const KernelFile& file) {
    const std::size_t count = function.streams.size();
    if (!function.streams.front().ellipsis) {
        Pattern pattern;
        const std::string inner = inner_index(file, function.function.kind);
        if (inner.empty() && file.signature.has_ellipsis()) return {};
        for (const Stream& stream : function.streams) pattern.push_back(unit_step(stream, inner));
        const bool known = std::set<std::string>(pattern.begin(), pattern.end()) != std::set<std::string>{"any"};
        return known ? std::vector<Pattern>{pattern} : std::vector<Pattern>{};
    }
    std::vector<std::size_t> inputs;
    for (std::size_t s = 0; s < count; ++s) {
        const FunctionTensor& tensor = function.function.tensors[static_cast<std::size_t>(function.streams[s].tensor)];
        if (!tensor.written && !tensor.is_state) inputs.push_back(s);
    }
    std::vector<Pattern> result{Pattern(count, "1")};
    if (inputs.size() > 2) return result;
    // Where all are broadcast along an axis, the output has one element there.
    for (unsigned mask = 1; mask + 1 < 1u << inputs.size(); ++mask) {
        Pattern pattern(count, "1");
        for (std::size_t k = 0; k < inputs.size(); ++k) {
            if (mask >> k & 1u) pattern[inputs[k]] = "0";
        }
        result.push_back(pattern);
    }
    return result;
}

std::string joined(const Pattern& pattern) {
    std::string text;
    for (const std::string& step : pattern) text += (text.empty() ? "" : ", ") + step;
    return text;
}

/// Coordinates of the row, where the body asks for them.
void print_row_indices(const LoweredFunction& function, const KernelFile& file, Lines& lines) {
    if (!function.uses_indices) return;
    const std::vector<std::string> names = file.signature.index_names();
    for (std::size_t k = 0; k + 1 < names.size(); ++k) {
        if (function.fixed >> k & 1u) continue;
        const std::string number = cpp_place(file, k);
        lines.add("const i64 " + cpp_name(names[k]) + " = call->lo[" + number + "] + w.at[" + number + "];");
    }
}

void print_inner_index(const LoweredFunction& function, const KernelFile& file, Lines& lines) {
    const std::vector<std::string> names = file.signature.index_names();
    if (!function.uses_indices || names.empty() || (function.fixed >> (names.size() - 1) & 1u)) return;
    lines.add("const i64 " + cpp_name(names.back()) + " = call->lo[" + cpp_place(file, names.size() - 1) + "] + i;");
}

void print_row_pointers(const LoweredFunction& function, std::size_t variant, Lines& lines) {
    for (std::size_t s = 0; s < function.streams.size(); ++s) {
        const std::string n = std::to_string(s);
        const int number = function.streams[s].tensor;
        const FunctionTensor& tensor = function.function.tensors[static_cast<std::size_t>(number)];
        const std::string type = (tensor.written ? "" : "const ") + tensor_type(tensor, variant) + "*";
        const std::string restricted = tensor.written ? " __restrict r" : " r";
        lines.add(type + restricted + n + " = (" + type + ")call->tensors[" + std::to_string(number) +
                  "].data + w.start[" + n + "];");
    }
}

void print_rows(const LoweredFunction& function, const Variant& variant, std::size_t number, const KernelFile& file,
                Lines& lines) {
    const std::size_t count = function.streams.size();
    std::string parameters;
    for (std::size_t s = 0; s < count; ++s) parameters += (s > 0 ? ", i64 A" : "i64 A") + std::to_string(s);
    lines.add("template <" + parameters + ">");
    lines.add("void " + function_name(function.function.kind, number) + "_rows(Walk<" + std::to_string(count) +
              ">& w, const maniple_call* call) {");
    print_parameters(file, variant, lines);
    for (std::size_t s = 0; s < count; ++s) {
        const std::string n = std::to_string(s);
        lines.add("const i64 a" + n + " = A" + n + " == any ? inner_step(w, " + n + ") : A" + n + ";");
    }
    lines.add("const i64 count = w.count[w.rank - 1];");
    lines.add("do {");
    print_row_pointers(function, number, lines);
    print_row_indices(function, file, lines);
    if (function.has_loops) {
        lines.add("for (i64 i = 0; i < count; ++i) {");
    } else {
        lines.add("const i64 head = A0 == 1 ? until_line(r0, count) : 0;");
        lines.add("for (i64 first = 0, last = head; first < count; first = last, last = count)");
        lines.add("#pragma omp simd");
        lines.add("for (i64 i = first; i < last; ++i) {");
    }
    print_inner_index(function, file, lines);
    RowPrinter(function, file).print(function.function.body, lines);
    lines.add("}");
    lines.add("} while (next(w, 0, w.rank - 1));");
    lines.add("}");
    lines.add("");
}

void print_dispatch(const LoweredFunction& function, const std::string& rows, const KernelFile& file, Lines& lines) {
    for (const Pattern& pattern : patterns(function, file)) {
        std::string condition;
        for (std::size_t s = 0; s < pattern.size(); ++s) {
            if (pattern[s] == "any") continue;
            condition +=
                (condition.empty() ? "" : " && ") + ("inner_step(w, " + std::to_string(s)) + ") == " + pattern[s];
        }
        lines.add("if (" + condition + ") return " + rows + "<" + joined(pattern) + ">(w, call);");
    }
    lines.add(rows + "<" + joined(Pattern(function.streams.size(), "any")) + ">(w, call);");
}

}  // namespace

void print_pointwise(const Function& function, const Variant& variant, std::size_t number, const KernelFile& file,
                     Lines& lines) {
    const LoweredFunction lowered = lower(function, file);
    print_rows(lowered, variant, number, file, lines);
    const std::string name = function_name(function.kind, number);
    lines.add("void " + name + "(const maniple_call* call) {");
    print_parameters(file, variant, lines);
    print_walk(lowered, file, lines);
    lines.add(lowered.uses_indices ? "give_rank(w);" : "settle(w);");
    print_dispatch(lowered, name + "_rows", file, lines);
    lines.add("}");
    lines.add("");
}

}  // namespace maniple::compiler
