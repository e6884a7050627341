#include "compiler/print_parts.hpp"

#include <algorithm>

namespace maniple::compiler {

namespace {

std::string number_text(std::size_t number) { return std::to_string(number); }

/// start and step of one stream of a signature with named indices, behind an ellipsis or without one.
void print_stream(const Stream& stream, std::size_t number, const KernelFile& file, Lines& lines) {
    const std::string s = number_text(number);
    const std::string tensor = "call->tensors[" + std::to_string(stream.tensor) + "]";
    const bool follows = file.signature.has_ellipsis();
    if (follows) {
        const std::string named = number_text(file.signature.index_names().size());
        lines.add("follow(w, " + s + ", " + tensor + ", w.rank - " + named + ");");
    }
    std::string start = follows ? "w.start[" + s + "]" : tensor + ".offset";
    std::vector<std::string> steps(file.signature.index_names().size());
    for (std::size_t axis = 0; axis < stream.walked.size(); ++axis) {
        const std::string stride = tensor + ".stride[" + cpp_place(file, axis) + "]";
        Affine constant;
        constant.constant = stream.walked[axis].constant;
        const std::vector<std::string> indices = file.signature.index_names();
        for (const auto& [term, coefficient] : stream.walked[axis].terms) {
            std::string factor = coefficient == 1 ? "" : std::to_string(coefficient) + " * ";
            std::size_t moved = indices.size();
            for (const std::string& name : factors_of(term)) {
                const auto index = std::find(indices.begin(), indices.end(), name);
                if (index == indices.end()) factor += cpp_name(name) + " * ";
                if (index != indices.end()) moved = static_cast<std::size_t>(index - indices.begin());
            }
            if (moved == indices.size()) {
                constant.terms[term] = coefficient;
                continue;
            }
            if (!steps[moved].empty()) steps[moved] += " + ";
            steps[moved] += factor + stride;
        }
        if (constant.constant != 0 || !constant.terms.empty()) start += " + (" + cpp_affine(constant) + ") * " + stride;
    }
    if (start != "w.start[" + s + "]") lines.add("w.start[" + s + "] = " + start + ";");
    for (std::size_t k = 0; k < steps.size(); ++k) {
        if (!steps[k].empty()) lines.add("w.step[" + s + "][" + cpp_place(file, k) + "] = " + steps[k] + ";");
    }
}

}  // namespace

std::string function_word(FunctionKind kind) {
    switch (kind) {
        case FunctionKind::compute: return "compute";
        case FunctionKind::init: return "init";
        case FunctionKind::accumulate: return "accumulate";
        case FunctionKind::merge: return "merge";
        case FunctionKind::finish: return "finish";
    }
    return "";
}

std::string function_name(FunctionKind kind, std::size_t variant) {
    return function_word(kind) + "_" + number_text(variant);
}

std::string state_name(std::size_t variant) { return "state_" + number_text(variant); }

void print_state(const Variant& variant, std::size_t number, Lines& lines) {
    lines.add("struct " + state_name(number) + " {");
    for (const TypedMember& member : variant.members)
        lines.add(cpp_type(member.type) + " " + cpp_name(member.name) + ";");
    lines.add("};");
    lines.add("static_assert(sizeof(" + state_name(number) + ") == " + std::to_string(variant.state_bytes) + ");");
}

std::string tensor_type(const FunctionTensor& tensor, std::size_t variant) {
    return tensor.is_state ? state_name(variant) : cpp_element_type(tensor.type);
}

std::string fixed_mask(const LoweredFunction& function, const KernelFile& file) {
    const std::string mask = number_text(function.fixed) + "u";
    if (function.fixed == 0 || !file.signature.has_ellipsis()) return mask;
    return mask + " << (" + cpp_place(file, 0) + ")";
}

void print_walk(const LoweredFunction& function, const KernelFile& file, Lines& lines) {
    const std::string fixed = fixed_mask(function, file);
    lines.add("Walk<" + number_text(function.streams.size()) + "> w;");
    lines.add("if (!begin(w, call, " + fixed + ")) return;");
    for (std::size_t s = 0; s < function.streams.size(); ++s) {
        const Stream& stream = function.streams[s];
        if (stream.ellipsis) {
            lines.add("follow(w, " + number_text(s) + ", call->tensors[" + std::to_string(stream.tensor) +
                      "], w.rank);");
        } else {
            print_stream(stream, s, file, lines);
        }
    }
    lines.add("enter(w, call, " + fixed + ");");
}

std::string unit_step(const Stream& stream, const std::string& index) {
    std::int64_t step = 0;
    for (std::size_t axis = 0; axis < stream.walked.size(); ++axis) {
        const std::map<std::string, std::int64_t>& terms = stream.walked[axis].terms;
        for (const auto& [name, coefficient] : terms) {
            const std::vector<std::string> names = factors_of(name);
            if (names.size() > 1 && std::find(names.begin(), names.end(), index) != names.end()) return "any";
        }
        const auto term = terms.find(index);
        if (term == terms.end()) continue;
        if (axis + 1 < stream.walked.size() || term->second < 0) return "any";
        step = term->second;
    }
    return std::to_string(step);
}

std::string inner_index(const KernelFile& file, FunctionKind kind) {
    const Signature& signature = file.signature;
    const bool state_only = kind == FunctionKind::init || kind == FunctionKind::merge || kind == FunctionKind::finish;
    if (state_only) {
        const std::vector<Subscript> subscripts = signature.outputs.front().named();
        return subscripts.empty() ? "" : subscripts.back().terms.front().index;
    }
    std::string result;
    for (const std::string& index : signature.index_names()) {
        if (std::find(signature.whole.begin(), signature.whole.end(), index) == signature.whole.end()) result = index;
    }
    return result;
}

void print_table(const TypedKernel& kernel, const std::string& symbol, Lines& lines) {
    lines.add("const maniple_variant variants[] = {");
    for (std::size_t i = 0; i < kernel.variants.size(); ++i) {
        const Variant& variant = kernel.variants[i];
        std::string line = "{" + c_string(variant.combination.text()) + ", " + std::to_string(variant.state_bytes);
        for (const FunctionKind kind : {FunctionKind::compute, FunctionKind::init, FunctionKind::accumulate,
                                        FunctionKind::merge, FunctionKind::finish}) {
            line += ", " + (variant.function(kind) != nullptr ? function_name(kind, i) : std::string("nullptr"));
        }
        line += variant.exact ? ", 1, " : ", 0, ";
        lines.add(line + std::to_string(variant.bytes_per_point) + "},");
    }
    lines.add("};");
    lines.add("");
    lines.add("}  // namespace");
    lines.add("");
    lines.add("extern \"C\" const maniple_kernel_table " + symbol + " = {MANIPLE_ABI_VERSION, " +
              number_text(kernel.variants.size()) + ", variants};");
}

std::string c_string(const std::string& text) {
    static constexpr char digits[] = "01234567";
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (c == '\n') {
            result += "\\n";
        } else if (byte < 0x20 || byte >= 0x7F) {
            // Three octal digits end by themselves; a hexadecimal escape would swallow what follows.
            result += '\\';
            result += digits[byte >> 6];
            result += digits[byte >> 3 & 7];
            result += digits[byte & 7];
        } else {
            result += c;
        }
    }
    return result + "\"";
}

}  // namespace maniple::compiler
